# The libevent API. The hidden parts are convenience libraries; what the shared
# libraries export is listed in the .sym files.
noinst_HEADERS += %D%/include/event2/aio.h
EXTRA_DIST += %D%/libevent.sym %D%/libevent_core.sym %D%/libevent_extra.sym \
	%D%/libevent_pthreads.sym %D%/libevent_openssl.sym

noinst_LTLIBRARIES += libcompat_core.la
libcompat_core_la_SOURCES =
libcompat_extra_sources =

include %D%/util/local.mk
include %D%/loop/local.mk
include %D%/buffer/local.mk
include %D%/bev/local.mk
include %D%/net/local.mk

pkglib_LTLIBRARIES += libevent_core.la libevent.la libevent_extra.la

# -release 2.1 and 7:1:0 give libevent*-2.1.so.7, libevent's own soname.
abi_ldflags = $(AM_LDFLAGS) $(AIO_HARDEN_LDFLAGS) -release 2.1 \
	-version-info 7:1:0 -no-undefined

libevent_core_la_SOURCES =
libevent_core_la_LIBADD = libcompat_core.la libaio_kernel.la
libevent_core_la_LDFLAGS = $(abi_ldflags) \
	-export-symbols $(srcdir)/%D%/libevent_core.sym
libevent_core_la_DEPENDENCIES = $(libevent_core_la_LIBADD) %D%/libevent_core.sym

libevent_la_SOURCES = $(libcompat_extra_sources)
libevent_la_LIBADD = libcompat_core.la libaio_kernel.la
libevent_la_LDFLAGS = $(abi_ldflags) \
	-export-symbols $(srcdir)/%D%/libevent.sym
libevent_la_DEPENDENCIES = $(libevent_la_LIBADD) %D%/libevent.sym

libevent_extra_la_SOURCES = $(libcompat_extra_sources)
libevent_extra_la_LIBADD = libevent_core.la
libevent_extra_la_LDFLAGS = $(abi_ldflags) \
	-export-symbols $(srcdir)/%D%/libevent_extra.sym
libevent_extra_la_DEPENDENCIES = libevent_core.la %D%/libevent_extra.sym
