# Headers in place of libevent's internal ones, for libevent's own tests. Any
# harness copies them into its scratch tree; nothing of ours includes them.
EXTRA_DIST += \
	%D%/bufferevent-internal.h \
	%D%/config.h \
	%D%/defer-internal.h \
	%D%/evbuffer-internal.h \
	%D%/evconfig-private.h \
	%D%/event-internal.h \
	%D%/evthread-internal.h \
	%D%/http-internal.h \
	%D%/iocp-internal.h \
	%D%/ipv6-internal.h \
	%D%/log-internal.h \
	%D%/minheap-internal.h \
	%D%/mm-internal.h \
	%D%/openssl-compat.h \
	%D%/strlcpy-internal.h \
	%D%/time-internal.h \
	%D%/util-internal.h
