noinst_HEADERS += %D%/addr.h %D%/lock.h %D%/lock_debug.h %D%/log.h \
	%D%/mem.h %D%/rand.h %D%/resolve.h %D%/socket.h %D%/str.h %D%/time.h

libcompat_core_la_SOURCES += %D%/addr_format.c %D%/addr_local.c \
	%D%/addr_parse.c %D%/gai_strerror.c %D%/lock.c %D%/lock_debug.c \
	%D%/log.c %D%/mem.c %D%/print.c %D%/rand.c %D%/resolve_blocking.c \
	%D%/secure_rng.c %D%/socket.c %D%/strcase.c %D%/time.c

libcompat_pure_la_SOURCES += %D%/addrconfig.c %D%/addrinfo.c %D%/assert.c \
	%D%/env.c %D%/fd.c %D%/file.c %D%/lock_use.c %D%/mark.c %D%/msec.c \
	%D%/resolve.c %D%/str.c

# Its own soname; of libevent_core it uses exported symbols only.
pkglib_LTLIBRARIES += libevent_pthreads.la
libevent_pthreads_la_SOURCES = %D%/lock_pthread.c %D%/mark.c
libevent_pthreads_la_LIBADD = libevent_core.la -lpthread
libevent_pthreads_la_LDFLAGS = $(abi_ldflags) \
	-export-symbols $(srcdir)/compat/libevent_pthreads.sym
libevent_pthreads_la_DEPENDENCIES = libevent_core.la \
	compat/libevent_pthreads.sym
