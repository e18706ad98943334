# All tests: ours by module, and libevent's own.
EXTRA_DIST += %D%/build-case %D%/coverage %D%/dist-case %D%/sanitize

# No test program may last longer; none should need a tenth of it.
LOG_COMPILER = timeout
AM_LOG_FLAGS = -k 5 180

# For regress/unit/run: every test must have been run.
print-tests:
	@echo $(TESTS)
.PHONY: print-tests

# What is covered, in a build of its own: see regress/coverage.
coverage:
	$(srcdir)/%D%/coverage
.PHONY: coverage

include %D%/unit/local.mk
include %D%/shim/local.mk
include %D%/upstream/local.mk
include %D%/diff/local.mk
include %D%/fuzz/local.mk
include %D%/abi/local.mk
include %D%/package/local.mk
include %D%/programs/local.mk
include %D%/tools/local.mk
include %D%/stress/local.mk
include %D%/security/local.mk
include %D%/bench/local.mk
