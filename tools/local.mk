# Commands.
EXTRA_DIST += %D%/build %D%/format-check %D%/install-deps %D%/lint

format:
	$(srcdir)/%D%/format-check
lint:
	$(srcdir)/%D%/lint $(builddir)
.PHONY: format lint
