# The libevent API. The hidden parts are convenience libraries; what the shared
# libraries export is listed in the .sym files.
aiohdrdir = $(includedir)/libevent-aio/event2
aiohdr_HEADERS = %D%/include/event2/aio.h
EXTRA_DIST += %D%/libevent.sym %D%/libevent_core.sym %D%/libevent_extra.sym \
	%D%/libevent_pthreads.sym %D%/libevent_openssl.sym

# Hidden helpers without any state of their own, linked into libevent_core and
# once more into the libraries above it, which see only what that exports.
noinst_LTLIBRARIES += libcompat_core.la libcompat_pure.la
libcompat_core_la_SOURCES =
libcompat_core_la_LIBADD = libcompat_pure.la
libcompat_pure_la_SOURCES =
libcompat_extra_sources =

include %D%/util/local.mk
include %D%/loop/local.mk
include %D%/buffer/local.mk
include %D%/bev/local.mk
include %D%/net/local.mk
include %D%/dns/local.mk
include %D%/http/local.mk
include %D%/rpc/local.mk

pkglib_LTLIBRARIES += libevent_core.la libevent.la libevent_extra.la
include %D%/tls/local.mk

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
libevent_extra_la_LIBADD = libcompat_pure.la libevent_core.la
libevent_extra_la_LDFLAGS = $(abi_ldflags) \
	-export-symbols $(srcdir)/%D%/libevent_extra.sym
libevent_extra_la_DEPENDENCIES = $(libevent_extra_la_LIBADD) \
	%D%/libevent_extra.sym

# pkg-config files under libevent's own names, in a directory of ours: a program
# is built on our libraries with PKG_CONFIG_PATH naming it. The public headers
# are the system's, event2/aio.h ours.
pkgconfigdir = $(pkglibdir)/pkgconfig
nodist_pkgconfig_DATA = $(pkglib_LTLIBRARIES:.la=.pc)
CLEANFILES += $(nodist_pkgconfig_DATA)
EXTRA_DIST += %D%/libevent.pc.in

$(nodist_pkgconfig_DATA): %D%/libevent.pc.in $(top_builddir)/config.status
	$(AM_V_GEN)name=`basename $@ .pc`; requires=; private=; \
	case $$name in \
	libevent) text="libevent's whole interface" ;; \
	libevent_core) text="libevent's loop, buffers and sockets" ;; \
	libevent_extra) text="libevent's HTTP, DNS and RPC" ;; \
	libevent_pthreads) text="libevent's locking by pthreads"; \
		requires=libevent; private=-lpthread ;; \
	libevent_openssl) text="libevent's TLS by OpenSSL"; \
		requires=libevent; private="-lssl -lcrypto" ;; \
	esac; \
	sed -e "s|[@]NAME[@]|$$name|" \
	    -e "s|[@]LIB[@]|`echo $$name | sed s/^lib//`|" \
	    -e "s|[@]DESCRIPTION[@]|$$text|" -e "s|[@]REQUIRES[@]|$$requires|" \
	    -e "s|[@]PRIVATE[@]|$$private|" -e 's|[@]prefix[@]|$(prefix)|' \
	    -e 's|[@]exec_prefix[@]|$(exec_prefix)|' \
	    -e 's|[@]libdir[@]|$(libdir)|' \
	    -e 's|[@]includedir[@]|$(includedir)|' \
	    -e 's|[@]LIBEVENT_CFLAGS[@]|$(LIBEVENT_CFLAGS)|' \
	    $(srcdir)/%D%/libevent.pc.in >$@.tmp && mv $@.tmp $@
