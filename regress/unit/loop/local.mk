if HAVE_CMOCKA
noinst_HEADERS += %D%/bases.h
LOOP_TESTS = %D%/t_close \
	%D%/t_config \
	%D%/t_debug \
	%D%/t_doze \
	%D%/t_event \
	%D%/t_faults \
	%D%/t_fork \
	%D%/t_live \
	%D%/t_many \
	%D%/t_parting \
	%D%/t_report \
	%D%/t_run \
	%D%/t_signal \
	%D%/t_thread \
	%D%/t_timer %D%/t_timer_batch
check_PROGRAMS += $(LOOP_TESTS)
TESTS += $(LOOP_TESTS)

%C%_t_close_SOURCES = %D%/t_close.c
%C%_t_close_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_close_LDADD = $(UNIT_LIBS)

%C%_t_config_SOURCES = %D%/t_config.c
%C%_t_config_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_config_LDADD = $(UNIT_LIBS)

%C%_t_debug_SOURCES = %D%/t_debug.c
%C%_t_debug_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_debug_LDADD = $(UNIT_LIBS)

%C%_t_doze_SOURCES = %D%/t_doze.c compat/util/lock_pthread.c
%C%_t_doze_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_doze_LDADD = $(UNIT_LIBS)
%C%_t_doze_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=sched_yield \
	-Wl,--wrap=clock_gettime -Wl,--wrap=write

%C%_t_event_SOURCES = %D%/t_event.c
%C%_t_event_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_event_LDADD = $(UNIT_LIBS)

%C%_t_faults_SOURCES = %D%/t_faults.c
%C%_t_faults_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_faults_LDADD = $(UNIT_LIBS)
%C%_t_faults_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_io_setup \
	-Wl,--wrap=aio_sys_io_submit -Wl,--wrap=aio_sys_io_getevents \
	-Wl,--wrap=aio_sys_io_cancel -Wl,--wrap=aio_sys_now

%C%_t_fork_SOURCES = %D%/t_fork.c compat/util/lock_pthread.c
%C%_t_fork_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_fork_LDADD = $(UNIT_LIBS)

%C%_t_live_SOURCES = %D%/t_live.c
%C%_t_live_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_live_LDADD = $(UNIT_LIBS)

%C%_t_many_SOURCES = %D%/t_many.c
%C%_t_many_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_many_LDADD = $(UNIT_LIBS)

%C%_t_parting_SOURCES = %D%/t_parting.c compat/util/lock_pthread.c
%C%_t_parting_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_parting_LDADD = $(UNIT_LIBS)

%C%_t_report_SOURCES = %D%/t_report.c
%C%_t_report_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_report_LDADD = $(UNIT_LIBS)

%C%_t_run_SOURCES = %D%/t_run.c
%C%_t_run_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_run_LDADD = $(UNIT_LIBS)

%C%_t_signal_SOURCES = %D%/t_signal.c
%C%_t_signal_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_signal_LDADD = $(UNIT_LIBS)
%C%_t_signal_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=write

%C%_t_thread_SOURCES = %D%/t_thread.c compat/util/lock_pthread.c
%C%_t_thread_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_thread_LDADD = $(UNIT_LIBS)

%C%_t_timer_SOURCES = %D%/t_timer.c
%C%_t_timer_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_timer_LDADD = $(UNIT_LIBS)
%C%_t_timer_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_gettime \
	-Wl,--wrap=aio_sys_epoll_pwait2

%C%_t_timer_batch_SOURCES = %D%/t_timer_batch.c
%C%_t_timer_batch_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_timer_batch_LDADD = $(UNIT_LIBS)
%C%_t_timer_batch_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_gettime
endif
