# The kernel side: readiness only. No timers, no callbacks, no locks.
noinst_LTLIBRARIES += libaio_kernel.la
noinst_HEADERS += %D%/backend.h
libaio_kernel_la_SOURCES =
