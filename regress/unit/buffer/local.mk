# Unit tests of compat/buffer/.
EXTRA_DIST += %D%/bufs.h
if HAVE_CMOCKA
unit_buffer_tests = %D%/t_chain %D%/t_edit %D%/t_limits
check_PROGRAMS += $(unit_buffer_tests)
TESTS += $(unit_buffer_tests)

%C%_t_chain_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_chain_LDADD = $(UNIT_LIBS)
%C%_t_edit_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_edit_LDADD = $(UNIT_LIBS)
%C%_t_limits_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_limits_LDADD = $(UNIT_LIBS)
endif
