noinst_HEADERS += %D%/tls.h

# Its own soname; of libevent_core it uses exported symbols only, the rest by
# the services that compat/bev/bev.h describes.
if HAVE_OPENSSL
pkglib_LTLIBRARIES += libevent_openssl.la
libevent_openssl_la_SOURCES = %D%/bio.c %D%/end.c %D%/events.c %D%/filter.c \
	%D%/handshake.c %D%/method.c %D%/openssl.c %D%/read.c %D%/wire.c %D%/write.c compat/util/mark.c
libevent_openssl_la_CPPFLAGS = $(AM_CPPFLAGS) $(OPENSSL_CFLAGS)
libevent_openssl_la_LIBADD = libevent_core.la $(OPENSSL_LIBS)
libevent_openssl_la_LDFLAGS = $(abi_ldflags) \
	-export-symbols $(srcdir)/compat/libevent_openssl.sym
libevent_openssl_la_DEPENDENCIES = libevent_core.la \
	compat/libevent_openssl.sym
endif
