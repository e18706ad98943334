"""Verdicts, and the tables that show them."""

import csv

import rows

AIM, REACHED, SHORT, BROKEN = "aim", "reached", "NOT REACHED", "FAILED"


class Verdict:
    """What became of one workload: a word for it beside libevent, what it is
    behind of the others, and what is short of what."""

    def __init__(self, series):
        w = series.workload
        self.short = []
        self.behind = []
        self.ratio = series.ratio("libevent", "ours")
        broken = [i for i in ("libevent", "ours") if not series.measured(i)]
        if series.failed or broken:
            self.word = BROKEN
            self.short = [f"{i}: {series.failed.get(i) or series.left_out[i]}"
                          for i in list(series.failed) or broken]
            return
        self.word = REACHED
        if self.ratio[0] < w.least:
            self.word = SHORT
            self.short.append(f"{self.ratio[0]:.2f} of libevent, at least "
                              f"{w.least:g}")
        elif w.aim is not None and self.ratio[0] >= w.aim:
            self.word = AIM
        self._look_at_more(series)
        self._look_at_others(series)

    def _look_at_more(self, series):
        """A second clock, or a bound that is no ratio."""
        w = series.workload
        if w.also:
            r = series.ratio("libevent", "ours", w.also)
            if r[0] < w.least:
                self.word = SHORT
                self.short.append(f"{r[0]:.2f} of libevent by {w.also}, at "
                                  f"least {w.least:g}")
        if w.most is not None:
            ours = series.median("ours", w.metric)
            if ours > w.most:
                self.word = SHORT
                self.short.append(f"{figure(ours)}, at most "
                                  f"{figure(w.most)}")

    def _look_at_others(self, series):
        w = series.workload
        for rival in rows.RIVALS:
            r = series.ratio(rival, "ours")
            if r and r[0] < rows.NOT_SLOWER:
                self.behind.append(rival)
                self.short.append(f"{r[0]:.2f} of {rival}, at least "
                                  f"{rows.NOT_SLOWER:g}")
        if w.hand:
            r = series.ratio("ours", w.hand)
            if r and r[0] > rows.BY_HAND_FACTOR:
                self.behind.append(w.hand + " by hand")
                self.short.append(f"{r[0]:.2f} times {w.hand} by hand, at "
                                  f"most {rows.BY_HAND_FACTOR:g}")

    def broken(self):
        return self.word == BROKEN


def figure(ns, metric=""):
    """Nanoseconds (or bytes) in three digits and a unit."""
    if metric.endswith("_bytes"):
        return f"{ns:.0f} B"
    for unit, size in (("s", 1e9), ("ms", 1e6), ("us", 1e3)):
        if ns >= size:
            return f"{ns / size:.3g} {unit}" if ns < 100 * size else \
                f"{ns / size:.0f} {unit}"
    return f"{ns:.0f} ns"


HEAD = ["workload", "libevent", "ours", "libevent / ours", "quartiles",
        "judged by", "other clock", "libev", "io_uring", "libuv", "epoll",
        "AIO", "at least", "aim", "limit", "verdict", "behind"]


def _cells(series, verdict):
    w = series.workload
    other = "cpu" if w.metric == "wall" else "wall"
    cells = [w.title]
    for i in ("libevent", "ours"):
        cells.append(figure(series.median(i, w.metric), w.metric)
                     if series.measured(i) else "-")
    r = verdict.ratio
    cells += [f"{r[0]:.2f}", f"{r[1]:.2f}-{r[2]:.2f}"] if r else ["-", "-"]
    r = series.ratio("libevent", "ours", other)
    cells += [w.metric, f"{r[0]:.2f}" if r else "-"]
    for i in ("libev", "io_uring", "libuv", "epoll", "aio"):
        r = series.ratio(i, "ours")
        cells.append(f"{r[0]:.2f}" if r else "")
    cells += [f"{w.least:g}" if w.least else f"<= {figure(w.most)}",
              f"{w.aim:g}" if w.aim else "",
              f"{w.limit:g}" if w.limit else "", verdict.word,
              ", ".join(verdict.behind)]
    return cells


EXPLANATION = """\
Time per operation, medians; ratios are medians of the ratios of the rounds,
with their quartiles. The columns libev to AIO are that loop's time divided by
ours: above 1, ours is faster. "epoll" and "AIO" are loops written by hand for
the workload. "limit" is what a hand-written loop was found to reach. "behind"
names what ours is slower than: libev or libuv by more than 3 %, a loop by hand
on the same kernel interface by more than 15 %."""


def _plain(lines):
    widths = [max(len(line[i]) for line in lines)
              for i in range(len(lines[0]))]
    return "\n".join("  ".join([line[0].ljust(widths[0])] + [
        c.rjust(n) for c, n in zip(line[1:], widths[1:])]).rstrip()
        for line in lines) + "\n"


def _markdown(lines):
    mark = ["| " + " | ".join(line) + " |" for line in lines]
    mark.insert(1, "|---|" + "--:|" * (len(lines[0]) - 1))
    return "\n".join(mark) + "\n"


def tables(results, more, short):
    """(plain text, Markdown) of [(Series, Verdict)], of more tables (lines of
    cells each), and of what else is not reached."""
    first = [HEAD] + [_cells(s, v) for s, v in results]
    both = [lines for lines in [first] + more if len(lines) > 1]
    shorts = [f"{s.workload.name}: {part}" for s, v in results
              for part in v.short] + short
    text = "\n".join(map(_plain, both))
    mark = "\n".join(map(_markdown, both))
    if shorts:
        text += "\nNot reached:\n" + "".join(f"  {s}\n" for s in shorts)
        mark += "\nNot reached:\n\n" + "".join(f"- {s}\n" for s in shorts)
    return text + "\n" + EXPLANATION + "\n", mark + "\n" + EXPLANATION + "\n"


def write_csv(path, results):
    """Every run of every workload."""
    with open(path, "w", encoding="utf-8", newline="") as f:
        out = csv.writer(f)
        out.writerow(["workload", "on", "round", "ops", "wall_ns_per_op",
                      "cpu_ns_per_op"])
        for series, _ in results:
            for implementation, samples in series.samples.items():
                for number, s in enumerate(samples, 1):
                    out.writerow([series.workload.name, implementation, number,
                                  s.ops, f"{s.wall:.1f}", f"{s.cpu:.1f}"])


def write_summary(path, results):
    """A line per workload and implementation."""
    with open(path, "w", encoding="utf-8", newline="") as f:
        out = csv.writer(f)
        out.writerow(["workload", "on", "wall_ns_per_op", "cpu_ns_per_op",
                      "metric", "over_ours", "lower_quartile",
                      "upper_quartile", "least", "aim", "verdict"])
        for series, verdict in results:
            w = series.workload
            for i in w.implementations():
                r = series.ratio(i, "ours")
                if not r:
                    continue
                out.writerow([w.name, i, f"{series.median(i, 'wall'):.1f}",
                              f"{series.median(i, 'cpu'):.1f}", w.metric] +
                             [f"{x:.3f}" for x in r] +
                             [w.least, w.aim or "", verdict.word])
