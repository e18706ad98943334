# Unit tests of compat/buffer/.
EXTRA_DIST += %D%/bufs.h
if HAVE_CMOCKA
unit_buffer_tests = %D%/t_callbacks %D%/t_chain %D%/t_edit %D%/t_file \
	%D%/t_format %D%/t_io %D%/t_limits %D%/t_memory %D%/t_move %D%/t_reserve %D%/t_search \
	%D%/t_threads
check_PROGRAMS += $(unit_buffer_tests)
TESTS += $(unit_buffer_tests)

%C%_t_callbacks_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_callbacks_LDADD = $(UNIT_LIBS)
%C%_t_chain_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_chain_LDADD = $(UNIT_LIBS)
%C%_t_edit_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_edit_LDADD = $(UNIT_LIBS)
%C%_t_file_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_file_LDADD = $(UNIT_LIBS)
%C%_t_format_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_format_LDADD = $(UNIT_LIBS)
%C%_t_io_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_io_LDADD = $(UNIT_LIBS)
%C%_t_io_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=read -Wl,--wrap=readv \
	-Wl,--wrap=write -Wl,--wrap=writev -Wl,--wrap=ioctl
%C%_t_limits_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_limits_LDADD = $(UNIT_LIBS)
%C%_t_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_memory_LDADD = $(UNIT_LIBS)
%C%_t_move_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_move_LDADD = $(UNIT_LIBS)
%C%_t_reserve_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_reserve_LDADD = $(UNIT_LIBS)
%C%_t_search_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_search_LDADD = $(UNIT_LIBS)
%C%_t_threads_SOURCES = %D%/t_threads.c compat/util/lock_pthread.c
%C%_t_threads_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_threads_LDADD = $(UNIT_LIBS)
endif
