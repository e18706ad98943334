# The libraries as the dynamic linker sees them.
EXTRA_DIST += %D%/not-built %D%/symbols
