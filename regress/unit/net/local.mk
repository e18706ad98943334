if HAVE_CMOCKA
check_PROGRAMS += %D%/t_listener
TESTS += %D%/t_listener
%C%_t_listener_SOURCES = %D%/t_listener.c compat/util/lock_pthread.c
%C%_t_listener_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_listener_LDADD = $(UNIT_LIBS)
%C%_t_listener_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=accept4
endif
