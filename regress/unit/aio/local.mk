
if HAVE_CMOCKA
noinst_HEADERS += %D%/destroyers.h %D%/harness.h %D%/odd_files.h %D%/plain.h %D%/conform.h

check_PROGRAMS += %D%/t_poll %D%/t_select %D%/t_conformance
TESTS += %D%/t_poll %D%/t_select %D%/t_conformance

%C%_t_poll_SOURCES = %D%/t_poll.c %D%/harness.c %D%/odd_files.c %D%/plain.c
%C%_t_poll_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_poll_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_ppoll
%C%_t_poll_LDADD = libaio_kernel.la $(CMOCKA_LIBS)

%C%_t_select_SOURCES = %D%/t_select.c %D%/harness.c %D%/odd_files.c %D%/plain.c
%C%_t_select_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_select_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_pselect
%C%_t_select_LDADD = libaio_kernel.la $(CMOCKA_LIBS)

# Every method and policy; its arguments choose variants or cases by name.
%C%_t_conformance_SOURCES = %D%/t_conformance.c %D%/harness.c \
	%D%/conform_basic.c %D%/conform_files.c %D%/conform_scale.c \
	%D%/conform_process.c
%C%_t_conformance_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_conformance_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

# The combined method, module by module; t_pass counts its system calls, t_faults
# fails each AIO call at each index, t_shortage the others and all allocations.
aio_tests = %D%/t_sys %D%/t_ring %D%/t_batch %D%/t_slot %D%/t_policy \
	%D%/t_context %D%/t_glance %D%/t_probe %D%/t_probe_faults %D%/t_pass \
	%D%/t_faults %D%/t_flight %D%/t_meanwhile %D%/t_odd %D%/t_shortage \
	%D%/t_worker %D%/t_adaptive
check_PROGRAMS += $(aio_tests)
TESTS += $(aio_tests)

%C%_t_sys_SOURCES = %D%/t_sys.c %D%/harness.c
%C%_t_sys_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_sys_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_ring_SOURCES = %D%/t_ring.c %D%/harness.c
%C%_t_ring_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_ring_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_batch_SOURCES = %D%/t_batch.c %D%/harness.c
%C%_t_batch_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_batch_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_io_submit
%C%_t_batch_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_slot_SOURCES = %D%/t_slot.c %D%/harness.c
%C%_t_slot_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_slot_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_policy_SOURCES = %D%/t_policy.c %D%/harness.c
%C%_t_policy_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_policy_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_now
%C%_t_policy_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_context_SOURCES = %D%/t_context.c %D%/harness.c
%C%_t_context_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_context_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_io_setup \
	-Wl,--wrap=aio_sys_io_destroy
%C%_t_context_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_probe_SOURCES = %D%/t_probe.c %D%/harness.c
%C%_t_probe_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_probe_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_io_setup
%C%_t_probe_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_probe_faults_SOURCES = %D%/t_probe_faults.c %D%/harness.c
%C%_t_probe_faults_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_probe_faults_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_eventfd \
	-Wl,--wrap=aio_sys_io_submit -Wl,--wrap=aio_sys_io_cancel \
	-Wl,--wrap=aio_sys_io_getevents -Wl,--wrap=aio_sys_seccomp_mode \
	-Wl,--wrap=aio_ring_of -Wl,--wrap=aio_ring_read -Wl,--wrap=aio_sys_clone \
	-Wl,--wrap=waitpid -Wl,--wrap=uname
%C%_t_probe_faults_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_flight_SOURCES = %D%/t_flight.c %D%/harness.c
%C%_t_flight_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_flight_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_io_setup \
	-Wl,--wrap=aio_sys_io_submit -Wl,--wrap=aio_sys_io_getevents
%C%_t_flight_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_meanwhile_SOURCES = %D%/t_meanwhile.c %D%/harness.c
%C%_t_meanwhile_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_meanwhile_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_io_submit \
	-Wl,--wrap=aio_sys_io_getevents -Wl,--wrap=aio_sys_now \
	-Wl,--wrap=aio_sys_pause
%C%_t_meanwhile_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_worker_SOURCES = %D%/t_worker.c %D%/harness.c
%C%_t_worker_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_worker_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_now \
	-Wl,--wrap=aio_sys_pause
%C%_t_worker_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_odd_SOURCES = %D%/t_odd.c %D%/harness.c
%C%_t_odd_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_odd_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_eventfd \
	-Wl,--wrap=aio_sys_epoll_create -Wl,--wrap=aio_sys_epoll_ctl \
	-Wl,--wrap=aio_sys_epoll_pwait2 -Wl,--wrap=aio_sys_fstat \
	-Wl,--wrap=aio_sys_ppoll -Wl,--wrap=aio_sys_io_submit \
	-Wl,--wrap=aio_sys_io_getevents -Wl,--wrap=fcntl
%C%_t_odd_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_shortage_SOURCES = %D%/t_shortage.c %D%/destroyers.c %D%/harness.c
%C%_t_shortage_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_shortage_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_eventfd \
	-Wl,--wrap=aio_sys_epoll_create -Wl,--wrap=aio_sys_epoll_ctl \
	-Wl,--wrap=aio_sys_epoll_wait -Wl,--wrap=aio_sys_dup_to \
	-Wl,--wrap=aio_sys_fstat -Wl,--wrap=aio_sys_ppoll \
	-Wl,--wrap=aio_sys_pselect -Wl,--wrap=aio_sys_io_setup \
	-Wl,--wrap=aio_sys_io_destroy -Wl,--wrap=pthread_atfork
%C%_t_shortage_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_pass_SOURCES = %D%/t_pass.c %D%/harness.c
%C%_t_pass_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_pass_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_epoll_ctl \
	-Wl,--wrap=aio_sys_epoll_wait -Wl,--wrap=aio_sys_epoll_pwait2 \
	-Wl,--wrap=aio_sys_io_submit -Wl,--wrap=aio_sys_io_cancel \
	-Wl,--wrap=aio_sys_io_getevents -Wl,--wrap=aio_sys_fstat \
	-Wl,--wrap=aio_sys_ppoll
%C%_t_pass_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_adaptive_SOURCES = %D%/t_adaptive.c %D%/harness.c
%C%_t_adaptive_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_adaptive_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_epoll_ctl \
	-Wl,--wrap=aio_sys_io_submit
%C%_t_adaptive_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_glance_SOURCES = %D%/t_glance.c %D%/harness.c
%C%_t_glance_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_glance_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_epoll_ctl \
	-Wl,--wrap=aio_sys_ppoll -Wl,--wrap=aio_sys_io_submit
%C%_t_glance_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

%C%_t_faults_SOURCES = %D%/t_faults.c %D%/destroyers.c %D%/harness.c
%C%_t_faults_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_faults_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_io_setup \
	-Wl,--wrap=aio_sys_io_submit -Wl,--wrap=aio_sys_io_getevents \
	-Wl,--wrap=aio_sys_io_cancel -Wl,--wrap=aio_sys_io_destroy
%C%_t_faults_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread
endif
