# The same random operations on libevent and on ours. The driver is linked with
# libevent's own library; which one it runs on is said by LD_LIBRARY_PATH. By
# hand, a million operations:
#	regress/diff/run _build/regress/diff/evbuffer_ops --libdir _build/.libs
#	regress/diff/run _build/regress/diff/event_ops --libdir _build/.libs
# the latter also with EVENT_AIO_POLICY=always, EVENT_NOAIO=1, EVENT_NOEPOLL=1.
check_PROGRAMS += %D%/evbuffer_ops
%C%_evbuffer_ops_SOURCES = %D%/evbuffer_ops.c %D%/evbuffer_edit.c \
	%D%/evbuffer_ops.h %D%/evbuffer_read.c %D%/evbuffer_watch.c %D%/out.c \
	%D%/out.h
# libtool would take the library being built for -levent_core.
%C%_evbuffer_ops_LDFLAGS = $(AM_LDFLAGS) -Wl,--no-as-needed,-levent_core
%C%_evbuffer_ops_LDADD = -ldl
check_PROGRAMS += %D%/event_ops
%C%_event_ops_SOURCES = %D%/event_base_ops.c %D%/event_calls.c \
	%D%/event_edit.c %D%/event_fds.c %D%/event_ops.c %D%/event_ops.h \
	%D%/out.c %D%/out.h
%C%_event_ops_LDFLAGS = $(AM_LDFLAGS) -Wl,--no-as-needed,-levent_core
%C%_event_ops_LDADD = -ldl
EXTRA_DIST += %D%/event_quick %D%/quick %D%/run
TESTS += %D%/event_quick %D%/quick
