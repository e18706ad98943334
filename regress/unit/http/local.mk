# Unit tests of compat/http/. Client and server are linked with all sources of
# libevent_extra, since the client reaches evdns.
if HAVE_CMOCKA
noinst_HEADERS += %D%/peer.h
noinst_LTLIBRARIES += libunit_extra.la
libunit_extra_la_SOURCES = $(libcompat_extra_sources)
http_libs = libunit_extra.la $(UNIT_LIBS)

http_tests = %D%/t_chunk %D%/t_client %D%/t_headers %D%/t_limits %D%/t_memory \
	%D%/t_parse %D%/t_server %D%/t_uri
check_PROGRAMS += $(http_tests)
TESTS += $(http_tests)

%C%_t_chunk_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_chunk_LDADD = $(http_libs)
%C%_t_headers_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_headers_LDADD = $(http_libs)
%C%_t_parse_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_parse_LDADD = $(http_libs)
%C%_t_uri_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_uri_LDADD = $(http_libs)

%C%_t_client_SOURCES = %D%/t_client.c %D%/peer.c
%C%_t_client_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_client_LDADD = $(http_libs)
%C%_t_limits_SOURCES = %D%/t_limits.c %D%/peer.c
%C%_t_limits_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_limits_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=ev_http_clock_us_
%C%_t_limits_LDADD = $(http_libs)
%C%_t_memory_SOURCES = %D%/t_memory.c %D%/peer.c
%C%_t_memory_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_memory_LDADD = $(http_libs)
%C%_t_server_SOURCES = %D%/t_server.c %D%/peer.c
%C%_t_server_CPPFLAGS = $(UNIT_CPPFLAGS)
%C%_t_server_LDADD = $(http_libs)
endif
