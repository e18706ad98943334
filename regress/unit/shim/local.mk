# The shim headers for libevent's tests against the library's own headers.
if HAVE_CMOCKA
check_PROGRAMS += %D%/t_shim
TESTS += %D%/t_shim
%C%_t_shim_SOURCES = %D%/t_shim.c %D%/layout.h %D%/layout_shim.c \
	%D%/layout_library.c %D%/prototypes.c
%C%_t_shim_CPPFLAGS = $(UNIT_CPPFLAGS) -I$(top_srcdir)/regress/shim \
	-DTOP_SRCDIR='"$(top_srcdir)"'
%C%_t_shim_LDADD = $(CMOCKA_LIBS)
endif
