if HAVE_CMOCKA
noinst_HEADERS += %D%/fake.h %D%/resolver.h
noinst_LTLIBRARIES += libunit_dns.la
libunit_dns_la_SOURCES = $(dns_sources)
dns_libs = libunit_dns.la $(UNIT_LIBS)

dns_tests = %D%/t_name %D%/t_packet %D%/t_reply %D%/t_conf %D%/t_hosts \
	%D%/t_search %D%/t_resolve %D%/t_servers %D%/t_cancel \
	%D%/t_getaddrinfo %D%/t_limits %D%/t_serve %D%/t_threads \
	%D%/t_memory
check_PROGRAMS += $(dns_tests)
TESTS += $(dns_tests)

# Bytes only: nothing else is linked.
%C%_t_name_SOURCES = %D%/t_name.c compat/dns/name.c
%C%_t_name_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_name_LDADD = $(CMOCKA_LIBS)

%C%_t_packet_SOURCES = %D%/t_packet.c compat/dns/name.c compat/dns/packet.c
%C%_t_packet_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_packet_LDADD = $(CMOCKA_LIBS)

%C%_t_reply_SOURCES = %D%/t_reply.c compat/dns/name.c compat/dns/packet.c \
	compat/dns/reply.c
%C%_t_reply_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_reply_LDADD = $(CMOCKA_LIBS)

%C%_t_conf_SOURCES = %D%/t_conf.c %D%/fake.c
%C%_t_conf_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_conf_LDADD = $(dns_libs)

%C%_t_hosts_SOURCES = %D%/t_hosts.c %D%/fake.c
%C%_t_hosts_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_hosts_LDADD = $(dns_libs)

%C%_t_search_SOURCES = %D%/t_search.c %D%/fake.c
%C%_t_search_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_search_LDADD = $(dns_libs)

%C%_t_resolve_SOURCES = %D%/t_resolve.c %D%/fake.c %D%/resolver.c
%C%_t_resolve_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_resolve_LDADD = $(dns_libs)

%C%_t_servers_SOURCES = %D%/t_servers.c %D%/fake.c %D%/resolver.c
%C%_t_servers_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_servers_LDADD = $(dns_libs)

%C%_t_cancel_SOURCES = %D%/t_cancel.c %D%/fake.c %D%/resolver.c
%C%_t_cancel_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_cancel_LDADD = $(dns_libs)

%C%_t_getaddrinfo_SOURCES = %D%/t_getaddrinfo.c %D%/fake.c %D%/resolver.c
%C%_t_getaddrinfo_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_getaddrinfo_LDADD = $(dns_libs)

%C%_t_limits_SOURCES = %D%/t_limits.c
%C%_t_limits_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_limits_LDADD = $(dns_libs)

%C%_t_serve_SOURCES = %D%/t_serve.c %D%/fake.c
%C%_t_serve_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_serve_LDADD = $(dns_libs)

%C%_t_threads_SOURCES = %D%/t_threads.c %D%/fake.c compat/util/lock_pthread.c
%C%_t_threads_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_threads_LDADD = $(dns_libs)

%C%_t_memory_SOURCES = %D%/t_memory.c %D%/fake.c
%C%_t_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_memory_LDADD = $(dns_libs)
endif
