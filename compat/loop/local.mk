noinst_HEADERS += %D%/base_config.h %D%/deferred.h %D%/heap.h %D%/live.h \
	%D%/live_id.h %D%/loop.h %D%/parting.h %D%/report.h %D%/stats_layout.h
libcompat_core_la_SOURCES += %D%/aio_api.c %D%/base.c %D%/common_timeout.c \
	%D%/config.c %D%/debug.c %D%/doze.c %D%/dump.c %D%/event.c %D%/fdmap.c \
	%D%/finalize.c %D%/legacy.c %D%/live.c %D%/live_id.c %D%/notify.c %D%/once.c %D%/poller.c \
	%D%/queue.c %D%/report.c %D%/run.c %D%/signal.c %D%/timer.c \
	%D%/timer_batch.c %D%/version.c
