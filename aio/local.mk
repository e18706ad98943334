# The kernel side: readiness only. No timers, no callbacks, no locks.
noinst_LTLIBRARIES += libaio_kernel.la
noinst_HEADERS += %D%/backend.h
libaio_kernel_la_SOURCES =
noinst_HEADERS += %D%/methods.h %D%/fdtable.h %D%/sys_poll.h %D%/mem.h
libaio_kernel_la_SOURCES += %D%/backend.c %D%/poll.c %D%/select.c \
	%D%/fdtable.c %D%/sys_poll.c %D%/mem.c
