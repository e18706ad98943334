EXTRA_DIST += %D%/aio-max-nr %D%/hog_aio.c

# By regress/stress/faults only: it stands between the libraries and libc, which
# is where sanitizers stand too.
EXTRA_PROGRAMS += %D%/torture/torture
EXTRA_DIST += %D%/faults
%C%_torture_torture_SOURCES = %D%/torture/faults.c %D%/torture/faults.h \
	%D%/torture/loop.c %D%/torture/protocol.c %D%/torture/stream.c \
	%D%/torture/torture.c %D%/torture/torture.h
%C%_torture_torture_CFLAGS = -std=gnu11 -O1 -g -Wall -Wextra
%C%_torture_torture_LDFLAGS = -export-dynamic -no-install
%C%_torture_torture_LDADD = libevent_openssl.la libevent_extra.la \
	libevent_core.la -lssl -lcrypto -ldl
