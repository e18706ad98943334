if HAVE_CMOCKA
noinst_HEADERS += %D%/bases.h
LOOP_TESTS = %D%/t_close %D%/t_event %D%/t_run %D%/t_signal %D%/t_timer
check_PROGRAMS += $(LOOP_TESTS)
TESTS += $(LOOP_TESTS)

%C%_t_close_SOURCES = %D%/t_close.c
%C%_t_close_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_close_LDADD = $(UNIT_LIBS)

%C%_t_event_SOURCES = %D%/t_event.c
%C%_t_event_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_event_LDADD = $(UNIT_LIBS)

%C%_t_run_SOURCES = %D%/t_run.c
%C%_t_run_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_run_LDADD = $(UNIT_LIBS)

%C%_t_signal_SOURCES = %D%/t_signal.c
%C%_t_signal_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_signal_LDADD = $(UNIT_LIBS)

%C%_t_timer_SOURCES = %D%/t_timer.c
%C%_t_timer_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_timer_LDADD = $(UNIT_LIBS)
endif
