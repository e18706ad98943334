# Benchmarks. Nothing here is built by plain make: `make bench` does, and so does
# regress/bench/run. The programs are linked with libevent's own libraries;
# which ones they run on is said by LD_LIBRARY_PATH.
EXTRA_DIST += %D%/measure.py %D%/report.py %D%/rows.py %D%/run %D%/workloads

bench_common = %D%/bench.c %D%/bench.h
bench_loop = $(bench_common) %D%/loop.h %D%/loop_aio.h %D%/loop_epoll.h \
	%D%/loop_libev.h %D%/loop_libevent.h %D%/loop_libuv.h
# libtool would take the library being built for -levent_core.
bench_ldflags = $(AM_LDFLAGS)
bench_cppflags = -D_GNU_SOURCE -I$(top_srcdir)

bench_programs = %D%/w_readers %D%/w_churn %D%/w_readd %D%/w_toggle
bench_by_hand = \
	%D%/w_readers-epoll %D%/w_churn-epoll %D%/w_readd-epoll \
	%D%/w_toggle-epoll \
	%D%/w_readers-aio %D%/w_churn-aio %D%/w_readd-aio %D%/w_toggle-aio
bench_libev = %D%/w_readers-libev %D%/w_churn-libev %D%/w_readd-libev \
	%D%/w_toggle-libev
bench_libuv = %D%/w_readers-libuv %D%/w_churn-libuv %D%/w_readd-libuv \
	%D%/w_toggle-libuv
EXTRA_PROGRAMS = $(bench_programs) $(bench_by_hand) $(bench_libev) \
	$(bench_libuv)
CLEANFILES += $(EXTRA_PROGRAMS)

%C%_w_readers_SOURCES = %D%/w_readers.c $(bench_loop)
%C%_w_readers_CPPFLAGS = $(bench_cppflags)
%C%_w_readers_LDFLAGS = $(bench_ldflags) -Wl,--no-as-needed,-levent_core
%C%_w_readers_epoll_SOURCES = %D%/w_readers.c $(bench_loop)
%C%_w_readers_epoll_CPPFLAGS = $(bench_cppflags) -DLOOP_EPOLL
%C%_w_readers_epoll_LDFLAGS = $(bench_ldflags)
%C%_w_readers_aio_SOURCES = %D%/w_readers.c $(bench_loop)
%C%_w_readers_aio_CPPFLAGS = $(bench_cppflags) -DLOOP_AIO
%C%_w_readers_aio_LDFLAGS = $(bench_ldflags)
%C%_w_readers_libev_SOURCES = %D%/w_readers.c $(bench_loop)
%C%_w_readers_libev_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBEV
%C%_w_readers_libev_LDFLAGS = $(bench_ldflags) -lev
%C%_w_readers_libuv_SOURCES = %D%/w_readers.c $(bench_loop)
%C%_w_readers_libuv_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBUV
%C%_w_readers_libuv_LDFLAGS = $(bench_ldflags) -luv
%C%_w_churn_SOURCES = %D%/w_churn.c $(bench_loop)
%C%_w_churn_CPPFLAGS = $(bench_cppflags)
%C%_w_churn_LDFLAGS = $(bench_ldflags) -Wl,--no-as-needed,-levent_core
%C%_w_churn_epoll_SOURCES = %D%/w_churn.c $(bench_loop)
%C%_w_churn_epoll_CPPFLAGS = $(bench_cppflags) -DLOOP_EPOLL
%C%_w_churn_epoll_LDFLAGS = $(bench_ldflags)
%C%_w_churn_aio_SOURCES = %D%/w_churn.c $(bench_loop)
%C%_w_churn_aio_CPPFLAGS = $(bench_cppflags) -DLOOP_AIO
%C%_w_churn_aio_LDFLAGS = $(bench_ldflags)
%C%_w_churn_libev_SOURCES = %D%/w_churn.c $(bench_loop)
%C%_w_churn_libev_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBEV
%C%_w_churn_libev_LDFLAGS = $(bench_ldflags) -lev
%C%_w_churn_libuv_SOURCES = %D%/w_churn.c $(bench_loop)
%C%_w_churn_libuv_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBUV
%C%_w_churn_libuv_LDFLAGS = $(bench_ldflags) -luv
%C%_w_readd_SOURCES = %D%/w_readd.c $(bench_loop)
%C%_w_readd_CPPFLAGS = $(bench_cppflags)
%C%_w_readd_LDFLAGS = $(bench_ldflags) -Wl,--no-as-needed,-levent_core
%C%_w_readd_epoll_SOURCES = %D%/w_readd.c $(bench_loop)
%C%_w_readd_epoll_CPPFLAGS = $(bench_cppflags) -DLOOP_EPOLL
%C%_w_readd_epoll_LDFLAGS = $(bench_ldflags)
%C%_w_readd_aio_SOURCES = %D%/w_readd.c $(bench_loop)
%C%_w_readd_aio_CPPFLAGS = $(bench_cppflags) -DLOOP_AIO
%C%_w_readd_aio_LDFLAGS = $(bench_ldflags)
%C%_w_readd_libev_SOURCES = %D%/w_readd.c $(bench_loop)
%C%_w_readd_libev_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBEV
%C%_w_readd_libev_LDFLAGS = $(bench_ldflags) -lev
%C%_w_readd_libuv_SOURCES = %D%/w_readd.c $(bench_loop)
%C%_w_readd_libuv_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBUV
%C%_w_readd_libuv_LDFLAGS = $(bench_ldflags) -luv
%C%_w_toggle_SOURCES = %D%/w_toggle.c $(bench_loop)
%C%_w_toggle_CPPFLAGS = $(bench_cppflags)
%C%_w_toggle_LDFLAGS = $(bench_ldflags) -Wl,--no-as-needed,-levent_core
%C%_w_toggle_epoll_SOURCES = %D%/w_toggle.c $(bench_loop)
%C%_w_toggle_epoll_CPPFLAGS = $(bench_cppflags) -DLOOP_EPOLL
%C%_w_toggle_epoll_LDFLAGS = $(bench_ldflags)
%C%_w_toggle_aio_SOURCES = %D%/w_toggle.c $(bench_loop)
%C%_w_toggle_aio_CPPFLAGS = $(bench_cppflags) -DLOOP_AIO
%C%_w_toggle_aio_LDFLAGS = $(bench_ldflags)
%C%_w_toggle_libev_SOURCES = %D%/w_toggle.c $(bench_loop)
%C%_w_toggle_libev_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBEV
%C%_w_toggle_libev_LDFLAGS = $(bench_ldflags) -lev
%C%_w_toggle_libuv_SOURCES = %D%/w_toggle.c $(bench_loop)
%C%_w_toggle_libuv_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBUV
%C%_w_toggle_libuv_LDFLAGS = $(bench_ldflags) -luv

# What a missing header leaves out is said, and regress/bench/run says it again.
bench-programs: $(bench_programs) $(bench_by_hand)
	@if echo '#include <ev.h>' | $(CC) $(CPPFLAGS) -E - >/dev/null 2>&1; \
	then $(MAKE) $(AM_MAKEFLAGS) $(bench_libev); \
	else echo "bench: no libev (Debian: libev-dev)"; fi
	@if echo '#include <uv.h>' | $(CC) $(CPPFLAGS) -E - >/dev/null 2>&1; \
	then $(MAKE) $(AM_MAKEFLAGS) $(bench_libuv); \
	else echo "bench: no libuv (Debian: libuv1-dev)"; fi

bench: all
	$(srcdir)/%D%/run --build .
.PHONY: bench bench-programs
