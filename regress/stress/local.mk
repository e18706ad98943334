EXTRA_DIST += %D%/aio-max-nr %D%/hog_aio.c

# With both programs below.
torture_scenarios = %D%/torture/ask.c %D%/torture/loop.c %D%/torture/names.c %D%/torture/play.c \
	%D%/torture/protocol.c %D%/torture/rpc.c %D%/torture/stream.c \
	%D%/torture/torture.h

# By regress/stress/faults only: it stands between the libraries and libc, which
# is where sanitizers stand too.
EXTRA_PROGRAMS += %D%/torture/torture
EXTRA_DIST += %D%/faults
%C%_torture_torture_SOURCES = %D%/torture/faults.c %D%/torture/faults.h \
	%D%/torture/torture.c $(torture_scenarios)
%C%_torture_torture_CFLAGS = -std=gnu11 -O1 -g -Wall -Wextra
%C%_torture_torture_LDFLAGS = -export-dynamic -no-install
%C%_torture_torture_LDADD = libevent_openssl.la libevent_extra.la \
	libevent_core.la libevent_pthreads.la -lssl -lcrypto -ldl

# By regress/stress/denied, with the scenarios of torture.
EXTRA_PROGRAMS += %D%/limits/limits
EXTRA_DIST += %D%/denied
%C%_limits_limits_SOURCES = %D%/limits/filters.c %D%/limits/forks.c \
	%D%/limits/limits.c %D%/limits/limits.h %D%/limits/resources.c \
	%D%/limits/signals.c $(torture_scenarios)
%C%_limits_limits_CFLAGS = -std=gnu11 -O1 -g -Wall -Wextra $(AIO_SAN)
%C%_limits_limits_LDFLAGS = $(AIO_SAN) -no-install
%C%_limits_limits_LDADD = libevent_openssl.la libevent_extra.la \
	libevent_core.la -lssl -lcrypto

# By regress/stress/model and soak.
EXTRA_PROGRAMS += %D%/oracle/oracle
EXTRA_DIST += %D%/model %D%/soak
%C%_oracle_oracle_SOURCES = %D%/oracle/oracle.c
%C%_oracle_oracle_CFLAGS = -std=gnu11 -O2 -g -Wall -Wextra $(AIO_SAN)
%C%_oracle_oracle_LDFLAGS = $(AIO_SAN) -no-install
%C%_oracle_oracle_LDADD = libevent_core.la libevent_pthreads.la -lpthread

# make soak MINUTES=N; the last line has the figures, the status tells.
MINUTES = 10
soak:
	$(srcdir)/regress/stress/soak . $(MINUTES)
.PHONY: soak
