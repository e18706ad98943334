"""What libevent's test sources consist of, and what each part needs.

A group whose API is not exported yet is left out by name (see missing() in
build.py); everything else here is fixed by libevent 2.1.12's tests.
"""

SOURCES = """regress_main regress regress_buffer regress_http regress_dns
regress_testutils regress_rpc regress.gen regress_et regress_bufferevent
regress_listener regress_util tinytest regress_finalize regress_minheap
regress_thread regress_zlib regress_ssl""".split()

# group -> (objects whose API it needs, prefixes of these objects' symbols that
# only other groups of the same file need)
GROUPS = {
    "main": (["regress"], ("evtag_", "evbuffer_")),
    "heap": (["regress_minheap"], ()),
    "et": (["regress_et"], ()),
    "finalize": (["regress_finalize"], ()),
    "evbuffer": (["regress_buffer"], ()),
    "signal": (["regress"], ("evtag_", "evbuffer_")),
    "util": (["regress_util"], ()),
    "bufferevent": (["regress_bufferevent", "regress_zlib"], ()),
    "http": (["regress_http", "regress_testutils"], ("bufferevent_openssl_",)),
    "dns": (["regress_dns", "regress_testutils"], ()),
    "evtag": (["regress"], ()),
    "rpc": (["regress_rpc", "regress.gen"], ()),
    "thread": (["regress_thread"], ()),
    "listener": (["regress_listener"], ()),
    "ssl": (["regress_ssl"], ()),
}

# Tests that need the API of another group too: prefix -> that group.
WITHIN = {"http/https_": "ssl", "http/simple": "ssl"}

# Tests that upstream's tables switch off, and that pass with libevent all the
# same when asked for.
OFF_BY_DEFAULT = """util/getaddrinfo_AI_ADDRCONFIG
dns/getaddrinfo_race_gotresolve http/cancel_by_host_server_timeout
http/cancel_server_timeout http/cancel_by_host_no_ns_server_timeout
http/cancel_by_host_ns_timeout_server_timeout""".split()
# Those that fail with libevent 2.1.12, and pass with ours.
RETRIES = """http/connection_retry http/connection_retry_conn_address
http/https_connection_retry http/https_connection_retry_conn_address""".split()
# Those that want the internet: the script dns-offline gives them one.
INTERNET = """dns/gethostbyname dns/gethostbyname6 dns/gethostbyaddr
dns/resolve_reverse""".split()
# As OFF_BY_DEFAULT, but they want a machine that has nothing else to do.
FINE_TIMING = """util/monotonic_res_precise util/monotonic_res_fallback
thread/deferred_cb_skew""".split()

# Of what every test of a group goes through, this is used by dns tests alone.
RUNNER = ("regress_main", ("evdns_",))

# Programs beside the runner: name -> argument lists, one test each.
_BY_GROUP = "-g 30000 -n 30 -t 100 --check-grouplimit 1000 --check-stddev 100"
_BY_CONN = "-c 1000 -n 30 -t 100 --check-connlimit 50 --check-stddev 50"
_BY_BOTH = ("-c 1000 -g 30000 -n 30 -t 100 --check-grouplimit 1000 "
            "--check-connlimit 50 --check-stddev 50")
_DRAINED = ("-c 1000 -g 35000 -n 30 -t 100 -G 500 --check-grouplimit 1000 "
            "--check-connlimit 50 --check-stddev 50")
PROGRAMS = {
    "test-init": [""],
    "test-eof": [""],
    "test-closed": [""],
    "test-weof": [""],
    "test-time": [""],
    "test-changelist": [""],
    "test-fdleak": [""],
    "test-dumpevents": [""],
    "test-ratelim": [_BY_GROUP, _BY_CONN, _BY_BOTH, _DRAINED],
    "bench": ["-n 1000 -a 10 -w 1000"],
    "bench_cascade": ["-n 100"],
}

# The server and the client that the script http-bench runs.
HTTP_BENCH = ["bench_http", "bench_httpclient"]

# method and policy -> environment
CONFIGS = {
    "adaptive": {},
    "always": {"EVENT_AIO_POLICY": "always"},
    "noaio": {"EVENT_NOAIO": "1"},
    "poll": {"EVENT_NOEPOLL": "1"},
    "select": {"EVENT_NOEPOLL": "1", "EVENT_NOPOLL": "1"},
}
# Appended to the name of one of these: "always+debug", "poll+timer".
MODES = {
    "debug": {"EVENT_DEBUG_MODE": "1"},
    "timer": {"EVENT_PRECISE_TIMER": "1"},
    "changelist": {"EVENT_EPOLL_USE_CHANGELIST": "1"},
}
DEBUG = "+debug"
MATRIX = [c + m for c in CONFIGS for m in [""] + ["+" + m for m in MODES]]


def is_config(config):
    name, *modes = config.split("+")
    return name in CONFIGS and all(m in MODES for m in modes)


def environment(config):
    """The EVENT_* variables of a configuration's name."""
    name, *modes = config.split("+")
    env = dict(CONFIGS[name])
    for m in modes:
        env.update(MODES[m])
    return env


def method(config):
    """The libevent method that a configuration runs on."""
    name = config.split("+")[0]
    return name if name in ("poll", "select") else "epoll"


def shows_method(config, counters, text):
    """Do our library's counters show that the configuration is in force?"""
    name = config.split("+")[0]
    aio = counters["submits"]
    epoll = counters["epoll_waits"]
    if method(config) != "epoll":
        return (f"method {name} " in text and counters["polls"] > 0 and
                not aio and not epoll)
    if name == "always":
        return aio > 0 and counters["epoll_changes"] == 0
    if name == "noaio":
        return aio == 0 and epoll > 0
    return aio + epoll > 0
