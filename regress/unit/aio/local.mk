
if HAVE_CMOCKA
noinst_HEADERS += %D%/harness.h %D%/odd_files.h %D%/conform.h

check_PROGRAMS += %D%/t_poll %D%/t_select %D%/t_conformance
TESTS += %D%/t_poll %D%/t_select %D%/t_conformance

%C%_t_poll_SOURCES = %D%/t_poll.c %D%/harness.c %D%/odd_files.c
%C%_t_poll_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_poll_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_ppoll
%C%_t_poll_LDADD = libaio_kernel.la $(CMOCKA_LIBS)

%C%_t_select_SOURCES = %D%/t_select.c %D%/harness.c %D%/odd_files.c
%C%_t_select_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_select_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_pselect
%C%_t_select_LDADD = libaio_kernel.la $(CMOCKA_LIBS)

# Every method and policy; its arguments choose variants or cases by name.
%C%_t_conformance_SOURCES = %D%/t_conformance.c %D%/harness.c \
	%D%/conform_basic.c %D%/conform_files.c %D%/conform_scale.c \
	%D%/conform_process.c
%C%_t_conformance_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_conformance_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread

# The AIO calls failing, each at each of its calls.
check_PROGRAMS += %D%/t_faults
TESTS += %D%/t_faults
%C%_t_faults_SOURCES = %D%/t_faults.c %D%/harness.c
%C%_t_faults_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_faults_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=aio_sys_io_setup \
	-Wl,--wrap=aio_sys_io_submit -Wl,--wrap=aio_sys_io_getevents \
	-Wl,--wrap=aio_sys_io_cancel
%C%_t_faults_LDADD = libaio_kernel.la $(CMOCKA_LIBS) -lpthread
endif
