# The libraries as the dynamic linker, and as compiled programs see them.
EXTRA_DIST += %D%/not-built %D%/symbols %D%/layout %D%/layout.c %D%/layout.h \
	%D%/layout_extra.c
