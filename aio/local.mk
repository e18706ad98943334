# The kernel side: readiness only. No timers, no callbacks, no locks.
noinst_LTLIBRARIES += libaio_kernel.la
noinst_HEADERS += %D%/abi.h %D%/backend.h %D%/batch.h %D%/combined.h %D%/context.h \
	%D%/epollset.h %D%/fdtable.h %D%/flight.h %D%/fork.h %D%/glance.h %D%/luck.h \
	%D%/mem.h %D%/methods.h %D%/policy.h %D%/probe.h %D%/ring.h %D%/slot.h \
	%D%/stats.h %D%/sys.h %D%/sys_poll.h %D%/tsan.h %D%/worker.h
libaio_kernel_la_SOURCES = %D%/backend.c %D%/batch.c %D%/combined.c \
	%D%/context.c %D%/epollset.c %D%/fdtable.c %D%/flight.c %D%/fork.c \
	%D%/glance.c %D%/interest.c %D%/pass.c %D%/settle.c \
	%D%/mem.c %D%/policy.c %D%/poll.c %D%/probe.c %D%/ring.c \
	%D%/select.c %D%/slot.c %D%/sys.c %D%/sys_poll.c %D%/worker.c
