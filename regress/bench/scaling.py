"""How the cost of an event grows with the descriptors watched and with the share
of them that is active. Both ends of socket pairs are watched."""

import csv
import statistics

import measure

ON = ("libevent", "ours", "libev", "libuv", "epoll", "aio")
ACTIVE = 100
FDS = (100, 200, 500, 1000, 2000, 5000, 10000, 15000)
FEW_ACTIVE = 10
FEW_FDS = (10, 30, 100, 300, 1000, 3000, 10000, 15000)
SHARE_FDS = 10000
SHARES = (1, 2, 5, 10, 20, 50, 100)
FLAT = 1.20  # at most, from 100 descriptors to 15,000
OPS = 20000


class Curve:
    """x -> implementation -> median nanoseconds an event."""

    def __init__(self, name, title, x_title, once, points):
        self.name = name
        self.title = title
        self.x_title = x_title
        self.once = once
        self.points = points  # [(x, descriptors, active)]
        self.wall = {}
        self.cpu = {}

    def flatness(self):
        """Ours at the last point over ours at 100 descriptors."""
        if self.x_title != "descriptors watched":
            return None
        at = self.cpu.get("ours", {})
        first, last = at.get(100), at.get(self.points[-1][0])
        return last / first if first and last else None


def curves():
    out = []
    for once, word in ((0, "persistent"), (1, "one-shot")):
        tag = "once" if once else "persistent"
        for active, fds in ((FEW_ACTIVE, FEW_FDS), (ACTIVE, FDS)):
            out.append(Curve(
                f"scaling-{tag}-{active}",
                f"{word} readers, {active} active", "descriptors watched",
                once, [(n, n, active) for n in fds]))
        out.append(Curve(
            f"scaling-{tag}-share",
            f"{word} readers, {SHARE_FDS:,} descriptors", "active, %", once,
            [(s, SHARE_FDS, SHARE_FDS * s // 100) for s in SHARES]))
    return out


def run(template, rounds, build, libraries, say):
    """[Curve]; TEMPLATE is a workload of w_readers."""
    results = curves()
    for curve in results:
        gone = set()
        for x, fds, active in curve.points:
            samples = {i: [] for i in ON}
            for number in range(rounds):
                order = ON if number % 2 == 0 else ON[::-1]
                for i in order:
                    if i in gone:
                        continue
                    template.args = ["--pairs", "1", "--fds", str(fds),
                                     "--active", str(active),
                                     "--once", str(curve.once)]
                    try:
                        samples[i].append(measure.run_once(
                            template, i, OPS, build, libraries))
                    except (measure.Cannot, measure.Failed) as e:
                        say(f"{curve.name}: {i}: {e}")
                        gone.add(i)
            for i, s in samples.items():
                if s:
                    curve.wall.setdefault(i, {})[x] = statistics.median(
                        a.wall for a in s)
                    curve.cpu.setdefault(i, {})[x] = statistics.median(
                        a.cpu for a in s)
        flat = curve.flatness()
        say(f"{curve.name}: done" + (
            f", at 15,000 descriptors {flat:.2f} times the cost at 100"
            if flat else ""))
    return results


def short(results):
    """What is not reached, in words."""
    return [f"{c.name}: {c.flatness():.2f} times the cost at 100 descriptors, "
            f"at most {FLAT:g}" for c in results
            if (c.flatness() or 0) > FLAT]


def table(results):
    """Lines of cells: the flatness of each curve."""
    lines = [["scaling", "100", "15,000", "factor", "verdict"]]
    for c in results:
        flat = c.flatness()
        if flat is None:
            continue
        ours = c.cpu["ours"]
        lines.append([c.title, f"{ours[100]:.0f} ns",
                      f"{ours[c.points[-1][0]]:.0f} ns", f"{flat:.2f}",
                      "NOT REACHED" if flat > FLAT else "reached"])
    return lines


def write_csv(path, results):
    with open(path, "w", encoding="utf-8", newline="") as f:
        out = csv.writer(f)
        out.writerow(["curve", "on", "x", "wall_ns_per_op", "cpu_ns_per_op"])
        for c in results:
            for i, values in c.wall.items():
                for x, ns in values.items():
                    out.writerow([c.name, i, x, f"{ns:.1f}",
                                  f"{c.cpu[i][x]:.1f}"])
