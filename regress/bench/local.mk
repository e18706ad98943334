# Benchmarks. Nothing here is built by plain make: `make bench` does, and so does
# regress/bench/run. The programs are linked with libevent's own libraries;
# which ones they run on is said by LD_LIBRARY_PATH.
EXTRA_DIST += %D%/counts.py %D%/measure.py %D%/plots.py %D%/report.py \
	%D%/rows.py %D%/run %D%/scaling.py %D%/upstream.py %D%/workloads
# What README shows, and what it was drawn from; made by run, see there.
EXTRA_DIST += %D%/results/loops.png %D%/results/loops.svg \
	%D%/results/ratios.png %D%/results/ratios.svg \
	%D%/results/results.csv %D%/results/scaling-once-100.png \
	%D%/results/scaling-once-100.svg %D%/results/scaling-persistent-100.png \
	%D%/results/scaling-persistent-100.svg %D%/results/scaling.csv \
	%D%/results/table.md

bench_common = %D%/bench.c %D%/bench.h
bench_client = $(bench_common) %D%/client.c %D%/client.h
bench_loop = %D%/loop.h %D%/loop_aio.h %D%/loop_epoll.h %D%/loop_libev.h \
	%D%/loop_libevent.h %D%/loop_libuv.h
bench_cppflags = -D_GNU_SOURCE -I$(top_srcdir)
# In one word: libtool would take the library being built for -levent_core.
bench_core = $(AM_LDFLAGS) -Wl,--no-as-needed,-levent_core
bench_extra = $(AM_LDFLAGS) -Wl,--no-as-needed,-levent_extra,-levent_core
bench_threads = $(AM_LDFLAGS) \
	-Wl,--no-as-needed,-levent_pthreads,-levent_core -pthread
bench_openssl = $(AM_LDFLAGS) \
	-Wl,--no-as-needed,-levent_openssl,-levent_core
bench_libev_ldflags = $(AM_LDFLAGS) -lev -pthread
bench_libuv_ldflags = $(AM_LDFLAGS) -luv -pthread

bench_programs = %D%/w_readers %D%/w_churn %D%/w_lives %D%/w_readd \
	%D%/w_toggle %D%/w_withdraw \
	%D%/w_conn %D%/w_server %D%/w_timers %D%/w_wake %D%/w_echo %D%/w_bulk \
	%D%/w_buffer %D%/w_http %D%/w_base %D%/w_short %D%/w_spawn %D%/w_memcached \
	%D%/w_tmux %D%/w_memory %D%/w_grow
bench_by_hand = %D%/w_readers-epoll %D%/w_churn-epoll %D%/w_lives-epoll \
	%D%/w_readd-epoll %D%/w_toggle-epoll %D%/w_withdraw-epoll \
	%D%/w_conn-epoll %D%/w_server-epoll \
	%D%/w_readers-aio %D%/w_churn-aio %D%/w_lives-aio %D%/w_readd-aio \
	%D%/w_toggle-aio %D%/w_conn-aio %D%/w_server-aio %D%/w_wake-epoll
bench_libev = %D%/w_readers-libev %D%/w_churn-libev %D%/w_lives-libev %D%/w_readd-libev \
	%D%/w_toggle-libev %D%/w_withdraw-libev %D%/w_conn-libev \
	%D%/w_server-libev %D%/w_timers-libev %D%/w_wake-libev
bench_libuv = %D%/w_readers-libuv %D%/w_churn-libuv %D%/w_lives-libuv %D%/w_readd-libuv \
	%D%/w_toggle-libuv %D%/w_withdraw-libuv %D%/w_conn-libuv \
	%D%/w_server-libuv %D%/w_timers-libuv %D%/w_wake-libuv
EXTRA_PROGRAMS += $(bench_programs) $(bench_by_hand) $(bench_libev) \
	$(bench_libuv)
CLEANFILES += $(EXTRA_PROGRAMS)

# On every loop.
%C%_w_readers_SOURCES = %D%/w_readers.c $(bench_common) $(bench_loop)
%C%_w_readers_CPPFLAGS = $(bench_cppflags)
%C%_w_readers_LDFLAGS = $(bench_core)
%C%_w_readers_epoll_SOURCES = %D%/w_readers.c $(bench_common) $(bench_loop)
%C%_w_readers_epoll_CPPFLAGS = $(bench_cppflags) -DLOOP_EPOLL
%C%_w_readers_aio_SOURCES = %D%/w_readers.c $(bench_common) $(bench_loop)
%C%_w_readers_aio_CPPFLAGS = $(bench_cppflags) -DLOOP_AIO
%C%_w_readers_libev_SOURCES = %D%/w_readers.c $(bench_common) $(bench_loop)
%C%_w_readers_libev_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBEV
%C%_w_readers_libev_LDFLAGS = $(bench_libev_ldflags)
%C%_w_readers_libuv_SOURCES = %D%/w_readers.c $(bench_common) $(bench_loop)
%C%_w_readers_libuv_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBUV
%C%_w_readers_libuv_LDFLAGS = $(bench_libuv_ldflags)
%C%_w_churn_SOURCES = %D%/w_churn.c $(bench_common) $(bench_loop)
%C%_w_churn_CPPFLAGS = $(bench_cppflags)
%C%_w_churn_LDFLAGS = $(bench_core)
%C%_w_churn_epoll_SOURCES = %D%/w_churn.c $(bench_common) $(bench_loop)
%C%_w_churn_epoll_CPPFLAGS = $(bench_cppflags) -DLOOP_EPOLL
%C%_w_churn_aio_SOURCES = %D%/w_churn.c $(bench_common) $(bench_loop)
%C%_w_churn_aio_CPPFLAGS = $(bench_cppflags) -DLOOP_AIO
%C%_w_churn_libev_SOURCES = %D%/w_churn.c $(bench_common) $(bench_loop)
%C%_w_churn_libev_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBEV
%C%_w_churn_libev_LDFLAGS = $(bench_libev_ldflags)
%C%_w_churn_libuv_SOURCES = %D%/w_churn.c $(bench_common) $(bench_loop)
%C%_w_churn_libuv_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBUV
%C%_w_churn_libuv_LDFLAGS = $(bench_libuv_ldflags)
%C%_w_lives_SOURCES = %D%/w_lives.c $(bench_common) $(bench_loop)
%C%_w_lives_CPPFLAGS = $(bench_cppflags)
%C%_w_lives_LDFLAGS = $(bench_core)
%C%_w_lives_epoll_SOURCES = %D%/w_lives.c $(bench_common) $(bench_loop)
%C%_w_lives_epoll_CPPFLAGS = $(bench_cppflags) -DLOOP_EPOLL
%C%_w_lives_aio_SOURCES = %D%/w_lives.c $(bench_common) $(bench_loop)
%C%_w_lives_aio_CPPFLAGS = $(bench_cppflags) -DLOOP_AIO
%C%_w_lives_libev_SOURCES = %D%/w_lives.c $(bench_common) $(bench_loop)
%C%_w_lives_libev_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBEV
%C%_w_lives_libev_LDFLAGS = $(bench_libev_ldflags)
%C%_w_lives_libuv_SOURCES = %D%/w_lives.c $(bench_common) $(bench_loop)
%C%_w_lives_libuv_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBUV
%C%_w_lives_libuv_LDFLAGS = $(bench_libuv_ldflags)
%C%_w_readd_SOURCES = %D%/w_readd.c $(bench_common) $(bench_loop)
%C%_w_readd_CPPFLAGS = $(bench_cppflags)
%C%_w_readd_LDFLAGS = $(bench_core)
%C%_w_readd_epoll_SOURCES = %D%/w_readd.c $(bench_common) $(bench_loop)
%C%_w_readd_epoll_CPPFLAGS = $(bench_cppflags) -DLOOP_EPOLL
%C%_w_readd_aio_SOURCES = %D%/w_readd.c $(bench_common) $(bench_loop)
%C%_w_readd_aio_CPPFLAGS = $(bench_cppflags) -DLOOP_AIO
%C%_w_readd_libev_SOURCES = %D%/w_readd.c $(bench_common) $(bench_loop)
%C%_w_readd_libev_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBEV
%C%_w_readd_libev_LDFLAGS = $(bench_libev_ldflags)
%C%_w_readd_libuv_SOURCES = %D%/w_readd.c $(bench_common) $(bench_loop)
%C%_w_readd_libuv_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBUV
%C%_w_readd_libuv_LDFLAGS = $(bench_libuv_ldflags)
%C%_w_toggle_SOURCES = %D%/w_toggle.c $(bench_common) $(bench_loop)
%C%_w_toggle_CPPFLAGS = $(bench_cppflags)
%C%_w_toggle_LDFLAGS = $(bench_core)
%C%_w_toggle_epoll_SOURCES = %D%/w_toggle.c $(bench_common) $(bench_loop)
%C%_w_toggle_epoll_CPPFLAGS = $(bench_cppflags) -DLOOP_EPOLL
%C%_w_toggle_aio_SOURCES = %D%/w_toggle.c $(bench_common) $(bench_loop)
%C%_w_toggle_aio_CPPFLAGS = $(bench_cppflags) -DLOOP_AIO
%C%_w_toggle_libev_SOURCES = %D%/w_toggle.c $(bench_common) $(bench_loop)
%C%_w_toggle_libev_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBEV
%C%_w_toggle_libev_LDFLAGS = $(bench_libev_ldflags)
%C%_w_toggle_libuv_SOURCES = %D%/w_toggle.c $(bench_common) $(bench_loop)
%C%_w_toggle_libuv_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBUV
%C%_w_toggle_libuv_LDFLAGS = $(bench_libuv_ldflags)
%C%_w_withdraw_SOURCES = %D%/w_withdraw.c $(bench_common) $(bench_loop)
%C%_w_withdraw_CPPFLAGS = $(bench_cppflags)
%C%_w_withdraw_LDFLAGS = $(bench_core)
%C%_w_withdraw_epoll_SOURCES = %D%/w_withdraw.c $(bench_common) $(bench_loop)
%C%_w_withdraw_epoll_CPPFLAGS = $(bench_cppflags) -DLOOP_EPOLL
%C%_w_withdraw_libev_SOURCES = %D%/w_withdraw.c $(bench_common) $(bench_loop)
%C%_w_withdraw_libev_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBEV
%C%_w_withdraw_libev_LDFLAGS = $(bench_libev_ldflags)
%C%_w_withdraw_libuv_SOURCES = %D%/w_withdraw.c $(bench_common) $(bench_loop)
%C%_w_withdraw_libuv_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBUV
%C%_w_withdraw_libuv_LDFLAGS = $(bench_libuv_ldflags)
%C%_w_conn_SOURCES = %D%/w_conn.c $(bench_client) $(bench_loop)
%C%_w_conn_CPPFLAGS = $(bench_cppflags)
%C%_w_conn_LDFLAGS = $(bench_core)
%C%_w_conn_epoll_SOURCES = %D%/w_conn.c $(bench_client) $(bench_loop)
%C%_w_conn_epoll_CPPFLAGS = $(bench_cppflags) -DLOOP_EPOLL
%C%_w_conn_aio_SOURCES = %D%/w_conn.c $(bench_client) $(bench_loop)
%C%_w_conn_aio_CPPFLAGS = $(bench_cppflags) -DLOOP_AIO
%C%_w_conn_libev_SOURCES = %D%/w_conn.c $(bench_client) $(bench_loop)
%C%_w_conn_libev_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBEV
%C%_w_conn_libev_LDFLAGS = $(bench_libev_ldflags)
%C%_w_conn_libuv_SOURCES = %D%/w_conn.c $(bench_client) $(bench_loop)
%C%_w_conn_libuv_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBUV
%C%_w_conn_libuv_LDFLAGS = $(bench_libuv_ldflags)
%C%_w_server_SOURCES = %D%/w_server.c $(bench_client) $(bench_loop)
%C%_w_server_CPPFLAGS = $(bench_cppflags)
%C%_w_server_LDFLAGS = $(bench_core)
%C%_w_server_epoll_SOURCES = %D%/w_server.c $(bench_client) $(bench_loop)
%C%_w_server_epoll_CPPFLAGS = $(bench_cppflags) -DLOOP_EPOLL
%C%_w_server_aio_SOURCES = %D%/w_server.c $(bench_client) $(bench_loop)
%C%_w_server_aio_CPPFLAGS = $(bench_cppflags) -DLOOP_AIO
%C%_w_server_libev_SOURCES = %D%/w_server.c $(bench_client) $(bench_loop)
%C%_w_server_libev_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBEV
%C%_w_server_libev_LDFLAGS = $(bench_libev_ldflags)
%C%_w_server_libuv_SOURCES = %D%/w_server.c $(bench_client) $(bench_loop)
%C%_w_server_libuv_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBUV
%C%_w_server_libuv_LDFLAGS = $(bench_libuv_ldflags)
%C%_w_timers_SOURCES = %D%/w_timers.c $(bench_common) $(bench_loop)
%C%_w_timers_CPPFLAGS = $(bench_cppflags)
%C%_w_timers_LDFLAGS = $(bench_core)
%C%_w_timers_libev_SOURCES = %D%/w_timers.c $(bench_common) $(bench_loop)
%C%_w_timers_libev_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBEV
%C%_w_timers_libev_LDFLAGS = $(bench_libev_ldflags)
%C%_w_timers_libuv_SOURCES = %D%/w_timers.c $(bench_common) $(bench_loop)
%C%_w_timers_libuv_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBUV
%C%_w_timers_libuv_LDFLAGS = $(bench_libuv_ldflags)
%C%_w_wake_SOURCES = %D%/w_wake.c $(bench_common) $(bench_loop)
%C%_w_wake_CPPFLAGS = $(bench_cppflags)
%C%_w_wake_LDFLAGS = $(bench_threads)
%C%_w_wake_epoll_SOURCES = %D%/w_wake.c $(bench_common) $(bench_loop)
%C%_w_wake_epoll_CPPFLAGS = $(bench_cppflags) -DLOOP_EPOLL
%C%_w_wake_libev_SOURCES = %D%/w_wake.c $(bench_common) $(bench_loop)
%C%_w_wake_libev_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBEV
%C%_w_wake_libev_LDFLAGS = $(bench_libev_ldflags)
%C%_w_wake_libuv_SOURCES = %D%/w_wake.c $(bench_common) $(bench_loop)
%C%_w_wake_libuv_CPPFLAGS = $(bench_cppflags) -DLOOP_LIBUV
%C%_w_wake_libuv_LDFLAGS = $(bench_libuv_ldflags)

# On libevent's interface alone, and whole programs.
%C%_w_echo_SOURCES = %D%/w_echo.c %D%/sockets.h $(bench_client)
%C%_w_echo_CPPFLAGS = $(bench_cppflags)
%C%_w_echo_LDFLAGS = $(bench_core)
%C%_w_bulk_SOURCES = %D%/w_bulk.c %D%/sockets.h %D%/tls.c %D%/tls.h \
	$(bench_client)
%C%_w_bulk_CPPFLAGS = $(bench_cppflags)
%C%_w_bulk_LDFLAGS = $(bench_openssl)
%C%_w_bulk_LDADD = -lssl -lcrypto
%C%_w_buffer_SOURCES = %D%/w_buffer.c $(bench_common)
%C%_w_buffer_CPPFLAGS = $(bench_cppflags)
%C%_w_buffer_LDFLAGS = $(bench_core)
%C%_w_http_SOURCES = %D%/w_http.c $(bench_client)
%C%_w_http_CPPFLAGS = $(bench_cppflags)
%C%_w_http_LDFLAGS = $(bench_extra)
%C%_w_base_SOURCES = %D%/w_base.c $(bench_common)
%C%_w_base_CPPFLAGS = $(bench_cppflags)
%C%_w_base_LDFLAGS = $(bench_core)
%C%_w_short_SOURCES = %D%/w_short.c
%C%_w_short_CPPFLAGS = $(bench_cppflags)
%C%_w_short_LDFLAGS = $(bench_core)
%C%_w_spawn_SOURCES = %D%/w_spawn.c $(bench_common)
%C%_w_spawn_CPPFLAGS = $(bench_cppflags)
%C%_w_memcached_SOURCES = %D%/w_memcached.c $(bench_common)
%C%_w_memcached_CPPFLAGS = $(bench_cppflags)
%C%_w_tmux_SOURCES = %D%/w_tmux.c $(bench_common)
%C%_w_tmux_CPPFLAGS = $(bench_cppflags)
%C%_w_memory_SOURCES = %D%/w_memory.c $(bench_common)
%C%_w_memory_CPPFLAGS = $(bench_cppflags)
%C%_w_memory_LDFLAGS = $(bench_core)
%C%_w_grow_SOURCES = %D%/w_grow.c $(bench_common)
%C%_w_grow_CPPFLAGS = $(bench_cppflags)
%C%_w_grow_LDFLAGS = $(bench_core)

# What a missing header leaves out is said, and regress/bench/run says it again.
bench-programs: $(bench_programs) $(bench_by_hand)
	@if echo '#include <ev.h>' | $(CC) $(CPPFLAGS) -E - >/dev/null 2>&1; \
	then $(MAKE) $(AM_MAKEFLAGS) $(bench_libev); \
	else echo "bench: no libev (Debian: libev-dev)"; fi
	@if echo '#include <uv.h>' | $(CC) $(CPPFLAGS) -E - >/dev/null 2>&1; \
	then $(MAKE) $(AM_MAKEFLAGS) $(bench_libuv); \
	else echo "bench: no libuv (Debian: libuv1-dev)"; fi

bench: all
	$(srcdir)/%D%/run --build . $(BENCHFLAGS)
.PHONY: bench bench-programs
