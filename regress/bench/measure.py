"""Runs workloads on libevent, on ours and on the others in turn."""

import os
import re
import shutil
import statistics
import subprocess

SONAMES = ["libevent" + part + "-2.1.so.7"
           for part in ("", "_core", "_extra", "_pthreads", "_openssl")]
TIMEOUT_S = 400
CANNOT = 77


class Failed(Exception):
    """A run did not do its work; the text says what it said."""


class Cannot(Exception):
    """This machine cannot run it; the text says why."""


class Sample:
    """One run: nanoseconds per operation, and what else it counted."""

    def __init__(self, fields):
        self.ops = fields.pop("ops")
        if self.ops == 0:
            raise Failed("no operation was done")
        self.wall = fields.pop("wall_ns") / self.ops
        self.cpu = fields.pop("cpu_ns") / self.ops
        self.extra = fields

    def of(self, metric):
        if metric == "wall":
            return self.wall
        return self.cpu if metric == "cpu" else self.extra[metric]


def system_libdir():
    r = subprocess.run(["pkg-config", "--variable=libdir", "libevent_core"],
                       capture_output=True, text=True, check=True)
    return r.stdout.strip()


class Libraries:
    """Two directories with copies of the five, so that the loader finds
    libevent's libraries on the same path, and with the same work, as ours, and
    so that nothing that is built meanwhile is measured."""

    def __init__(self, where, libdir):
        self.where = where
        self.dirs = {}
        for name, source in (("libevent", system_libdir()), ("ours", libdir)):
            target = os.path.join(where, "lib-" + name)
            os.makedirs(target, exist_ok=True)
            for soname in SONAMES:
                copy = os.path.join(target, soname)
                if os.path.lexists(copy):
                    os.unlink(copy)
                try:
                    shutil.copyfile(os.path.join(source, soname), copy)
                except FileNotFoundError:
                    raise Failed(f"no {soname} in {source}") from None
            self.dirs[name] = os.path.abspath(target)

    def environment(self, implementation):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("EVENT_", "LD_"))}
        env["LD_LIBRARY_PATH"] = self.dirs["ours" if implementation == "ours"
                                           else "libevent"]
        return env

    def check(self, program):
        """The loader must take every libevent from the directory meant."""
        for name, where in self.dirs.items():
            out = subprocess.run(["ldd", program],
                                 env=self.environment(name),
                                 capture_output=True, text=True,
                                 check=True).stdout
            for line in out.splitlines():
                m = re.search(r"libevent\S* => (\S+)", line)
                if m and os.path.dirname(m[1]) != where:
                    raise Failed(f"{program} gets {m[1]}, not {where}")


def parse(text):
    """The fields of the result line."""
    for line in reversed(text.splitlines()):
        if line.startswith("result "):
            return {k: int(v) for k, v in
                    (word.split("=") for word in line.split()[1:])}
    raise Failed("no result line")


def run_once(workload, implementation, ops, build, libraries, more=()):
    """One run; a Sample."""
    if workload.upstream():
        path = upstream.program(workload.upstream(), libraries.where)
        return Sample(upstream.run(path, workload.args,
                                   libraries.environment(implementation)))
    path = workload.path(build, implementation)
    if not os.path.exists(path):
        raise Cannot(f"{os.path.basename(path)} is not built (are the "
                     "development files there?)")
    argv = [path] + workload.words(implementation, ops) + list(more)
    try:
        r = subprocess.run(argv, env=libraries.environment(implementation),
                           stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, errors="replace", timeout=TIMEOUT_S,
                           check=False)
    except subprocess.TimeoutExpired:
        raise Failed(f"did not end in {TIMEOUT_S} s") from None
    if r.returncode == CANNOT:
        raise Cannot(r.stderr.strip())
    if r.returncode != 0:
        raise Failed(f"ended with {r.returncode}: "
                     f"{(r.stderr + r.stdout).strip()[-1000:]}")
    return Sample(parse(r.stdout))


class Series:
    """All rounds of one workload."""

    def __init__(self, workload):
        self.workload = workload
        self.samples = {i: [] for i in workload.implementations()}
        self.left_out = {}  # implementation -> reason
        self.failed = {}

    def measured(self, implementation):
        return bool(self.samples.get(implementation))

    def median(self, implementation, metric):
        return statistics.median(s.of(metric)
                                 for s in self.samples[implementation])

    def extra(self, implementation, name):
        values = [s.extra[name] for s in self.samples[implementation]
                  if name in s.extra]
        return statistics.median(values) if values else None

    def ratios(self, slow, fast, metric):
        """SLOW's time over FAST's, round by round."""
        return [a.of(metric) / b.of(metric) for a, b in
                zip(self.samples[slow], self.samples[fast]) if b.of(metric)]

    def ratio(self, slow, fast, metric=None):
        """(median, lower quartile, upper quartile), or None."""
        if not (self.measured(slow) and self.measured(fast)):
            return None
        r = self.ratios(slow, fast, metric or self.workload.metric)
        if not r:
            return None
        if len(r) < 2:
            return r[0], r[0], r[0]
        low, middle, high = statistics.quantiles(r, n=4, method="inclusive")
        return middle, low, high


def run_rounds(workload, rounds, build, libraries, say):
    """A Series. Each round runs all implementations, every other one in the
    opposite order."""
    series = Series(workload)
    active = list(workload.implementations())
    for number in range(rounds):
        order = active if number % 2 == 0 else active[::-1]
        for implementation in list(order):
            try:
                sample = run_once(workload, implementation, workload.ops,
                                  build, libraries)
            except Cannot as e:
                series.left_out[implementation] = str(e)
            except Failed as e:
                series.failed[implementation] = str(e)
            else:
                series.samples[implementation].append(sample)
                continue
            series.samples[implementation] = []
            active.remove(implementation)
            say(f"{workload.name}: {implementation}: "
                f"{series.left_out.get(implementation) or series.failed[implementation]}")
    return series


import upstream  # noqa: E402 (which needs the names above)
