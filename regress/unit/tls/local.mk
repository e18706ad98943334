# Programs of the public interface, linked with the shared libraries. Common to
# all: tlstest.c.
if HAVE_CMOCKA
if HAVE_OPENSSL
tls_tests = %D%/t_bulk %D%/t_end %D%/t_io %D%/t_openssl %D%/t_threads
check_PROGRAMS += $(tls_tests)
TESTS += $(tls_tests)
TLS_CPPFLAGS = $(UNIT_CPPFLAGS) $(OPENSSL_CFLAGS)
TLS_LIBS = libevent_openssl.la libevent_pthreads.la libevent_core.la \
	$(OPENSSL_LIBS) $(CMOCKA_LIBS) -lpthread

%C%_t_bulk_SOURCES = %D%/t_bulk.c %D%/tlstest.c %D%/tlstest.h
%C%_t_bulk_CPPFLAGS = $(TLS_CPPFLAGS)
%C%_t_bulk_LDADD = $(TLS_LIBS)
%C%_t_end_SOURCES = %D%/t_end.c %D%/tlstest.c %D%/tlstest.h
%C%_t_end_CPPFLAGS = $(TLS_CPPFLAGS)
%C%_t_end_LDADD = $(TLS_LIBS)
%C%_t_io_SOURCES = %D%/t_io.c %D%/tlstest.c %D%/tlstest.h
%C%_t_io_CPPFLAGS = $(TLS_CPPFLAGS)
%C%_t_io_LDADD = $(TLS_LIBS)
%C%_t_openssl_SOURCES = %D%/t_openssl.c %D%/tlstest.c %D%/tlstest.h
%C%_t_openssl_CPPFLAGS = $(TLS_CPPFLAGS)
%C%_t_openssl_LDADD = $(TLS_LIBS)
%C%_t_threads_SOURCES = %D%/t_threads.c %D%/tlstest.c %D%/tlstest.h
%C%_t_threads_CPPFLAGS = $(TLS_CPPFLAGS)
%C%_t_threads_LDADD = $(TLS_LIBS)
endif
endif
