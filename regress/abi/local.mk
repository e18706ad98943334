# The libraries as the dynamic linker, and as compiled programs see them.
EXTRA_DIST += %D%/compare-layouts %D%/layout.c %D%/layout.h \
	%D%/layout_extra.c %D%/not-built %D%/symbols
