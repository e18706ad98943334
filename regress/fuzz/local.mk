# Byte parsers, buffers and connections under a fuzzer: regress/fuzz/run builds
# these with libFuzzer or AFL++. Here runner.c plays the corpus kept with each.
noinst_HEADERS += %D%/fuzz.h %D%/fuzz_http.h
EXTRA_DIST += %D%/run %D%/corpus

noinst_LTLIBRARIES += libfuzz_extra.la libfuzz_runner.la
libfuzz_extra_la_SOURCES = %D%/fuzz.c $(libcompat_extra_sources)
libfuzz_runner_la_SOURCES = %D%/runner.c
# What has main(): `make FUZZ_ENGINE=-fsanitize=fuzzer` takes that of a fuzzer.
FUZZ_ENGINE = libfuzz_runner.la
fuzz_libs = libfuzz_extra.la libcompat_core.la libaio_kernel.la
fuzz_deps = $(fuzz_libs) libfuzz_runner.la

fuzz_targets = %D%/fuzz_chunked %D%/fuzz_dns %D%/fuzz_evbuffer %D%/fuzz_hosts \
	%D%/fuzz_http_head %D%/fuzz_http_request %D%/fuzz_http_response \
	%D%/fuzz_query %D%/fuzz_resolv_conf %D%/fuzz_rpc %D%/fuzz_sockaddr \
	%D%/fuzz_tag %D%/fuzz_uri
check_PROGRAMS += $(fuzz_targets)
TESTS += $(fuzz_targets)

# For regress/fuzz/run.
fuzzers: $(fuzz_targets)
print-fuzzers:
	@echo $(fuzz_targets)
.PHONY: fuzzers print-fuzzers

%C%_fuzz_chunked_LDADD = $(fuzz_libs) $(FUZZ_ENGINE) -lpthread
%C%_fuzz_chunked_DEPENDENCIES = $(fuzz_deps)

%C%_fuzz_dns_LDADD = $(fuzz_libs) $(FUZZ_ENGINE) -lpthread
%C%_fuzz_dns_DEPENDENCIES = $(fuzz_deps)

%C%_fuzz_evbuffer_LDADD = $(fuzz_libs) $(FUZZ_ENGINE) -lpthread
%C%_fuzz_evbuffer_DEPENDENCIES = $(fuzz_deps)

%C%_fuzz_hosts_LDADD = $(fuzz_libs) $(FUZZ_ENGINE) -lpthread
%C%_fuzz_hosts_DEPENDENCIES = $(fuzz_deps)

%C%_fuzz_http_head_LDADD = $(fuzz_libs) $(FUZZ_ENGINE) -lpthread
%C%_fuzz_http_head_DEPENDENCIES = $(fuzz_deps)

%C%_fuzz_http_request_SOURCES = %D%/fuzz_http_request.c %D%/fuzz_http.c
%C%_fuzz_http_request_LDADD = $(fuzz_libs) $(FUZZ_ENGINE) -lpthread
%C%_fuzz_http_request_DEPENDENCIES = $(fuzz_deps)

%C%_fuzz_http_response_SOURCES = %D%/fuzz_http_response.c %D%/fuzz_http.c
%C%_fuzz_http_response_LDADD = $(fuzz_libs) $(FUZZ_ENGINE) -lpthread
%C%_fuzz_http_response_DEPENDENCIES = $(fuzz_deps)

%C%_fuzz_query_LDADD = $(fuzz_libs) $(FUZZ_ENGINE) -lpthread
%C%_fuzz_query_DEPENDENCIES = $(fuzz_deps)

%C%_fuzz_resolv_conf_LDADD = $(fuzz_libs) $(FUZZ_ENGINE) -lpthread
%C%_fuzz_resolv_conf_DEPENDENCIES = $(fuzz_deps)

%C%_fuzz_rpc_SOURCES = %D%/fuzz_rpc.c %D%/fuzz_http.c \
	regress/unit/rpc/note.c
%C%_fuzz_rpc_LDADD = $(fuzz_libs) $(FUZZ_ENGINE) -lpthread
%C%_fuzz_rpc_DEPENDENCIES = $(fuzz_deps)

%C%_fuzz_sockaddr_LDADD = $(fuzz_libs) $(FUZZ_ENGINE) -lpthread
%C%_fuzz_sockaddr_DEPENDENCIES = $(fuzz_deps)

%C%_fuzz_tag_LDADD = $(fuzz_libs) $(FUZZ_ENGINE) -lpthread
%C%_fuzz_tag_DEPENDENCIES = $(fuzz_deps)

%C%_fuzz_uri_LDADD = $(fuzz_libs) $(FUZZ_ENGINE) -lpthread
%C%_fuzz_uri_DEPENDENCIES = $(fuzz_deps)
