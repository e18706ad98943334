# Unit tests of compat/util/.
if HAVE_CMOCKA
unit_util_tests = %D%/t_addr %D%/t_lock %D%/t_lock_debug %D%/t_log %D%/t_mem \
	%D%/t_pthread %D%/t_rand %D%/t_resolve %D%/t_socket %D%/t_str \
	%D%/t_time
check_PROGRAMS += $(unit_util_tests)
TESTS += $(unit_util_tests)

%C%_t_addr_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_addr_LDADD = $(UNIT_LIBS)
%C%_t_lock_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_lock_LDADD = $(UNIT_LIBS)
%C%_t_lock_debug_SOURCES = %D%/t_lock_debug.c compat/util/lock_pthread.c
%C%_t_lock_debug_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_lock_debug_LDADD = $(UNIT_LIBS)
%C%_t_log_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_log_LDADD = $(UNIT_LIBS)
%C%_t_mem_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_mem_LDADD = $(UNIT_LIBS)
%C%_t_pthread_SOURCES = %D%/t_pthread.c compat/util/lock_pthread.c
%C%_t_pthread_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_pthread_LDADD = $(UNIT_LIBS)
%C%_t_rand_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_rand_LDADD = $(UNIT_LIBS)
%C%_t_rand_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getrandom
%C%_t_resolve_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_resolve_LDADD = $(UNIT_LIBS)
%C%_t_resolve_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=getifaddrs \
	-Wl,--wrap=freeifaddrs
%C%_t_socket_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_socket_LDADD = $(UNIT_LIBS)
%C%_t_str_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_str_LDADD = $(UNIT_LIBS)
%C%_t_str_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=secure_getenv
%C%_t_time_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_time_LDADD = $(UNIT_LIBS)
%C%_t_time_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=gettimeofday
endif
