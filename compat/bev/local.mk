noinst_HEADERS += %D%/bev.h %D%/limit.h
libcompat_core_la_SOURCES += %D%/connect.c %D%/core.c %D%/deferred.c \
	%D%/filter.c %D%/limit.c %D%/limit_group.c %D%/lock.c %D%/pair.c \
	%D%/sock.c %D%/suspend.c %D%/timeout.c
