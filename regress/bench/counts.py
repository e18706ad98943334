"""What does not depend on how busy the machine is: user-space instructions
(callgrind) and system calls (strace) of an operation. Both are differences of
two run lengths, so that start-up and warm-up cancel out."""

import concurrent.futures
import csv
import os
import shutil
import subprocess
import tempfile

import measure

# What a loop asks the kernel for beside the program's own reads and writes.
LOOP_CALLS = {"epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2",
              "io_submit", "io_cancel", "io_getevents", "io_pgetevents",
              "ioctl", "poll", "select"}


def lengths(workload):
    n = max(workload.ops // 10, workload.quick)
    return n, 2 * n


def _run(prefix, workload, implementation, ops, build, libraries, where):
    """Runs it behind PREFIX (a function of the output file); (Popen, file)."""
    path = workload.path(build, implementation)
    if not os.path.exists(path):
        raise measure.Cannot("is not built")
    out = os.path.join(where, f"{implementation}-{ops}")
    process = subprocess.Popen(
        prefix(out) + [path] + workload.words(implementation, ops),
        env=libraries.environment(implementation), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        text, _ = process.communicate(timeout=2 * measure.TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise measure.Failed("did not end") from None
    if process.returncode != 0:
        raise measure.Failed(text.decode(errors="replace")[-500:])
    done = measure.parse(text.decode(errors="replace"))["ops"]
    return process.pid, out, done


def _callgrind(out):
    return ["valgrind", "-q", "--tool=callgrind",
            f"--callgrind-out-file={out}.%p"]


def _strace(out):
    return ["strace", "-c", "-o", out]


def _instructions(*args):
    """A client that was forked off writes a file of its own."""
    pid, out, done = _run(_callgrind, *args)
    with open(f"{out}.{pid}", encoding="utf-8") as f:
        for line in f:
            if line.startswith(("summary:", "totals:")):
                return int(line.split()[1]), done
    raise measure.Failed("callgrind tells no sum")


def _calls(*args):
    _, out, done = _run(_strace, *args)
    calls = {}
    with open(out, encoding="utf-8") as f:
        for line in f:
            words = line.split()
            if len(words) >= 5 and words[3].isdigit() and words[-1] != "total":
                calls[words[-1]] = int(words[3])
    return calls, done


class Counts:
    """Of one workload: implementation -> instructions; -> calls by name."""

    def __init__(self, workload):
        self.workload = workload
        self.instructions = {}
        self.calls = {}
        self.failed = []

    def loop_calls(self, implementation):
        return sum(n for name, n in self.calls[implementation].items()
                   if name in LOOP_CALLS)

    def all_calls(self, implementation):
        return sum(self.calls[implementation].values())

    def short(self):
        """What is not reached, in words."""
        w = self.workload
        if not w.calls or not all(i in self.calls
                                  for i in ("libevent", "ours")):
            return []
        short = []
        theirs, ours = map(self.loop_calls, ("libevent", "ours"))
        if w.calls_most is not None and ours > w.calls_most:
            short.append(f"{ours:.2f} calls of the loop, at most "
                         f"{w.calls_most:g}")
        if w.calls_share is not None and ours > theirs * w.calls_share:
            short.append(f"{ours:.2f} calls of the loop, at most "
                         f"{w.calls_share:g} of libevent's {theirs:.2f}")
        return short


def _count_instructions(counts, implementation, build, libraries):
    w = counts.workload
    with tempfile.TemporaryDirectory() as where:
        (a, n), (b, m) = (_instructions(w, implementation, ops, build,
                                        libraries, where)
                          for ops in lengths(w))
    counts.instructions[implementation] = (b - a) / (m - n)


def _count_calls(counts, implementation, build, libraries):
    w = counts.workload
    with tempfile.TemporaryDirectory() as where:
        (a, n), (b, m) = (_calls(w, implementation, ops, build, libraries,
                                 where) for ops in lengths(w))
    counts.calls[implementation] = {
        name: (calls - a.get(name, 0)) / (m - n) for name, calls in b.items()
        if calls - a.get(name, 0) > (m - n) / 1000}


def count(workloads, build, libraries, say):
    """[Counts], of libevent and of ours."""
    lacking = [t for t in ("valgrind", "strace") if shutil.which(t) is None]
    for tool in lacking:
        say(f"there is no {tool}: nothing is counted with it")
    results = [Counts(w) for w in workloads]

    def one(counts, function, implementation):
        try:
            function(counts, implementation, build, libraries)
        except (measure.Failed, measure.Cannot) as e:
            counts.failed.append(f"{implementation}: {e}")
            say(f"{counts.workload.name}: {implementation}: counting: {e}")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        jobs = []
        for counts in results:
            for implementation in ("libevent", "ours"):
                if counts.workload.instructions and "valgrind" not in lacking:
                    jobs.append(pool.submit(one, counts, _count_instructions,
                                            implementation))
                if counts.workload.calls and "strace" not in lacking:
                    jobs.append(pool.submit(one, counts, _count_calls,
                                            implementation))
        for job in jobs:
            job.result()
    return results


HEAD = ["workload", "instructions: libevent", "ours", "libevent / ours",
        "loop's system calls: libevent", "ours", "all: libevent", "ours",
        "ours are", "verdict"]


def table(results):
    """Lines of cells."""
    lines = [HEAD]
    for c in results:
        cells = [c.workload.title]
        both = [c.instructions.get(i) for i in ("libevent", "ours")]
        cells += [f"{n:.0f}" if n is not None else "" for n in both]
        cells.append(f"{both[0] / both[1]:.2f}" if all(both) else "")
        if all(i in c.calls for i in ("libevent", "ours")):
            cells += [f"{c.loop_calls(i):.2f}" for i in ("libevent", "ours")]
            cells += [f"{c.all_calls(i):.2f}" for i in ("libevent", "ours")]
            cells.append(", ".join(
                f"{name} {n:.2f}" for name, n in sorted(
                    c.calls["ours"].items(), key=lambda item: -item[1])))
        else:
            cells += [""] * 5
        cells.append("NOT REACHED" if c.short() else
                     "reached" if c.workload.has_call_bound() else "")
        if any(cells[1:]):
            lines.append(cells)
    return lines


def write_csv(path, results):
    with open(path, "w", encoding="utf-8", newline="") as f:
        out = csv.writer(f)
        out.writerow(["workload", "on", "what", "per_operation"])
        for c in results:
            for i, n in sorted(c.instructions.items()):
                out.writerow([c.workload.name, i, "instructions", f"{n:.1f}"])
            for i, calls in sorted(c.calls.items()):
                for name, n in sorted(calls.items()):
                    out.writerow([c.workload.name, i, name, f"{n:.3f}"])
