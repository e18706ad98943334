# evdns: part of libevent_extra and of libevent. name, packet and reply are bytes
# only and are fuzzed alone.
dns_sources = \
	%D%/addrinfo.c \
	%D%/answer.c \
	%D%/base.c \
	%D%/compat.c \
	%D%/conf.c \
	%D%/dns.h \
	%D%/hosts.c \
	%D%/local.c \
	%D%/log.c \
	%D%/name.c \
	%D%/name.h \
	%D%/options.c \
	%D%/packet.c \
	%D%/packet.h \
	%D%/query.c \
	%D%/reply.c \
	%D%/reply.h \
	%D%/resolve.c \
	%D%/search.c \
	%D%/serve.c \
	%D%/serve.h \
	%D%/server_set.c \
	%D%/tcp.c \
	%D%/udp.c
libcompat_extra_sources += $(dns_sources)
