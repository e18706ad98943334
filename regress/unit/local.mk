# One cmocka program per module, linked with the hidden parts of the libraries.
EXTRA_DIST += %D%/run %D%/t_count
TESTS += %D%/t_count
noinst_HEADERS += %D%/support/child.h %D%/support/leave.h %D%/support/memory.h \
	%D%/support/wrap_sys.h
UNIT_CPPFLAGS = $(AM_CPPFLAGS) $(CMOCKA_CFLAGS)
UNIT_LIBS = libcompat_core.la libaio_kernel.la $(CMOCKA_LIBS) -lpthread
include %D%/aio/local.mk
include %D%/util/local.mk
include %D%/loop/local.mk
include %D%/buffer/local.mk
include %D%/bev/local.mk
include %D%/net/local.mk
include %D%/dns/local.mk
include %D%/shim/local.mk
include %D%/http/local.mk
include %D%/tls/local.mk
include %D%/rpc/local.mk
