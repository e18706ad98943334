"""The table of workloads, and what one of them is run with."""

import configparser
import os
import shlex

HERE = os.path.dirname(os.path.abspath(__file__))

# What a workload can run on; the suffix of the program built for it.
IMPLEMENTATIONS = {
    "libevent": "",
    "ours": "",
    "libev": "-libev",
    "io_uring": "-libev",
    "libuv": "-libuv",
    "epoll": "-epoll",
    "aio": "-aio",
}
RIVALS = ("libev", "libuv")  # which ours must not be slower than
METRICS = ("wall", "cpu")
NOT_SLOWER = 0.97
BY_HAND_FACTOR = 1.15


def _number(text):
    return float(text) if text else None


def is_library(implementation):
    """Is it built only where a library's development files are?"""
    return implementation in ("libev", "io_uring", "libuv")


class Workload:
    def __init__(self, name, section):
        self.name = name
        self.title = section["title"]
        self.group = section["group"]
        self.program = section["program"]
        self.args = shlex.split(section["args"])
        self.ops = section.getint("ops")
        self.quick = section.getint("quick")
        self.rivals = section["rivals"].split()
        self.hand = section["hand"]
        self.metric = section["metric"]
        self.least = float(section["least"])
        self.aim = _number(section["aim"])
        self.limit = _number(section["limit"])
        self.instructions = section.getboolean("instructions")
        self.calls = section.getboolean("calls")
        self.calls_most = _number(section["calls-most"])
        self.calls_share = _number(section["calls-share"])
        self.also = section["also"]
        self.most = _number(section["most"])
        for rival in self.rivals:
            if rival not in IMPLEMENTATIONS:
                raise ValueError(f"{name}: rival {rival}")

    def implementations(self):
        return ["libevent", "ours"] + self.rivals

    def judge_by(self, metric):
        """One clock for all that is judged by a clock."""
        self.also = ""
        if self.metric in METRICS:
            self.metric = metric
        elif self.metric == "pause_ns" and metric == "cpu":
            self.metric = "pause_cpu_ns"

    def has_call_bound(self):
        return self.calls_most is not None or self.calls_share is not None

    def upstream(self):
        """The name of a program of libevent's own; "" for one of ours."""
        kind, _, name = self.program.partition(":")
        return name if kind == "upstream" else ""

    def path(self, build, implementation):
        return os.path.join(build, "regress", "bench",
                            self.program + IMPLEMENTATIONS[implementation])

    def words(self, implementation, ops):
        words = self.args + ["--ops", str(ops)]
        if implementation == "io_uring":
            words += ["--backend", "io_uring"]
        return words


def read():
    """[Workload] in the order of the file."""
    parser = configparser.ConfigParser(inline_comment_prefixes=None)
    with open(os.path.join(HERE, "workloads"), encoding="utf-8") as f:
        parser.read_file(f)
    return [Workload(name, parser[name]) for name in parser.sections()]


def select(workloads, only):
    """Those that ONLY ('NAME,GROUP,PREFIX*...') asks for."""
    if not only:
        return workloads
    wanted = only.split(",")
    known = {w.name for w in workloads} | {w.group for w in workloads}
    for word in wanted:
        if word not in known and not word.endswith("*"):
            raise ValueError(f"there is no workload or group {word}")

    def asked(w):
        return any(word in (w.name, w.group) or
                   (word.endswith("*") and w.name.startswith(word[:-1]))
                   for word in wanted)
    return [w for w in workloads if asked(w)]
