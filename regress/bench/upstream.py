"""libevent's own benchmarks, unmodified, from Debian's source (as regress/upstream
fetches and builds it), linked with libevent's libraries."""

import os
import resource
import statistics
import subprocess
import sys

import measure
import rows

TOP = os.path.dirname(os.path.dirname(rows.HERE))
UPSTREAM = os.path.join(TOP, "regress", "upstream")
sys.path.insert(1, UPSTREAM)
import build as upstream_build  # noqa: E402 (it lies there)

_paths = {}


def _fetch(where):
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(
        os.environ.get("HOME", "/nonexistent"), ".cache")
    if os.access(os.path.dirname(cache), os.W_OK):
        where = os.path.join(cache, "libevent-aio")
    r = subprocess.run([os.path.join(UPSTREAM, "fetch"), where],
                       stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, check=False)
    if r.returncode != 0:
        raise measure.Cannot("libevent's source cannot be had: " +
                             r.stderr.strip())
    return os.path.join(where, "test")


def program(name, where):
    """Path of upstream's program NAME, built below WHERE."""
    if name in _paths:
        return _paths[name]
    try:
        tree = upstream_build.Tree(
            os.path.join(where, "upstream"), "bin", measure.system_libdir(),
            os.path.join(TOP, "regress", "shim"), _fetch(where),
            upstream_build.read_api(os.path.join(TOP, "compat")))
        tree.compile([name], 1)
        _paths[name] = tree.link(name, [name])
    except upstream_build.Failed as e:
        raise measure.Failed(str(e)) from None
    return _paths[name]


def _children_ns():
    u = resource.getrusage(resource.RUSAGE_CHILDREN)
    return int((u.ru_utime + u.ru_stime) * 1e9)


def run(path, args, env):
    """The fields of a result: an operation is one of its 25 runs, whose median
    it is, in microseconds; processor time is that of the whole process."""
    before = _children_ns()
    r = subprocess.run([path] + args, env=env, stdin=subprocess.DEVNULL,
                       capture_output=True, text=True, check=False,
                       timeout=measure.TIMEOUT_S)
    cpu = _children_ns() - before
    runs = [int(line) for line in r.stdout.split() if line.isdigit()]
    if r.returncode != 0 or len(runs) != 25:
        raise measure.Failed(f"ended with {r.returncode} and {len(runs)} runs:"
                             f" {r.stderr[-500:]}")
    return {"ops": 25, "wall_ns": int(statistics.median(runs) * 1000 * 25),
            "cpu_ns": cpu}
