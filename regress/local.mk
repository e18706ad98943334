# All tests: ours by module, and libevent's own.
include %D%/unit/local.mk
include %D%/shim/local.mk
include %D%/upstream/local.mk
