"""Plots, by gnuplot: SVG and PNG of each."""

import os
import shutil
import subprocess

# The same look everywhere: (title, colour, dash, width, point).
LOOKS = {
    "libevent": ("libevent", "#d95f02", 1, 2, 7),
    "ours": ("libevent-aio", "#1f5fbf", 1, 4, 5),
    "libev": ("libev", "#7b5ea7", 1, 2, 9),
    "io_uring": ("libev on io_uring", "#b38fd9", 1, 2, 11),
    "libuv": ("libuv", "#2e9d58", 1, 2, 13),
    "epoll": ("epoll by hand", "#555555", 2, 2, 6),
    "aio": ("AIO by hand", "#55aadd", 2, 2, 4),
}
TERMINALS = (
    ("svg", 'svg noenhanced size {w},{h} dynamic font "sans,12" '
     'background "#ffffff"'),
    ("png", 'pngcairo noenhanced size {w2},{h2} font "sans,18" '
     'background "#ffffff"'),
)
COMMON = """\
set border 3 lc rgb "#444444"
set tics nomirror out
set grid ytics lc rgb "#dddddd" lt 1
"""


def _quote(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _gnuplot(out, name, width, height, script, say):
    """Draws SCRIPT on each terminal."""
    for suffix, terminal in TERMINALS:
        head = "set terminal " + terminal.format(
            w=width, h=height, w2=width * 3 // 2, h2=height * 3 // 2)
        path = os.path.join(out, f"{name}.{suffix}")
        r = subprocess.run(
            ["gnuplot"], text=True, capture_output=True, check=False,
            input=f"{head}\nset output {_quote(path)}\n{COMMON}{script}")
        if r.returncode != 0:
            say(f"plot {name}: {r.stderr.strip()}")


def _block(name, rows):
    return (f"${name} << END\n" +
            "\n".join(" ".join(map(str, row)) for row in rows) + "\nEND\n")


# ---- curves ----


def draw_curve(curve, out, metric, say):
    data = curve.cpu if metric == "cpu" else curve.wall
    script, parts = "", []
    for i, (title, colour, dash, width, point) in LOOKS.items():
        if i not in data:
            continue
        script += _block(i, sorted(data[i].items()))
        parts.append(f"${i} using 1:2 with linespoints lw {width} "
                     f"dt {dash} pt {point} ps 0.9 lc rgb {_quote(colour)} "
                     f"title {_quote(title)}")
    xs = [p[0] for p in curve.points]
    # Without those whose names would run into their neighbours'.
    tics = ", ".join(f'"{x:,}" {x}' for x in xs if x not in (200, 10000))
    lowest = min(ns for values in data.values() for ns in values.values())
    floor = max((f for f in (125, 250, 500, 1000, 2000) if f < lowest),
                default=60)
    heights = ", ".join(f'"{125 << n:,}" {125 << n}' for n in range(10))
    script += f"""
set title {_quote(curve.title)}
set xlabel {_quote(curve.x_title)}
set ylabel "ns per event ({'CPU' if metric == 'cpu' else 'wall clock'})"
set logscale x
set logscale y 2
set xrange [{min(xs) * 0.9}:{max(xs) * 1.15}]
set yrange [{floor}:*]
set xtics ({tics})
set ytics ({heights})
set key outside right center samplen 2 spacing 1.3
plot """ + ", ".join(parts) + "\n"
    _gnuplot(out, curve.name, 860, 480, script, say)


# ---- a row for each workload ----


def _rows(titles, height_each, script):
    """What goes before the plot of rows, the first on top; its height."""
    tics = ", ".join(f"{_quote(t)} {y}"
                     for y, t in enumerate(reversed(titles)))
    return f"""
set lmargin 44
set logscale x 2
set yrange [-0.7:{len(titles) - 0.3}]
set ytics ({tics}) scale 0
unset grid
set grid xtics lc rgb "#dddddd" lt 1
set arrow from 1, graph 0 to 1, graph 1 nohead lw 2 lc rgb "#888888"
set key outside right center samplen 1.5 spacing 1.3
""" + script, 120 + height_each * len(titles)


def draw_ratios(results, out, say):
    """libevent's cost over ours, a bar each, with its quartiles."""
    rows = [(s.workload, v.ratio) for s, v in results
            if v.ratio and s.workload.most is None]
    if not rows:
        return
    last = len(rows) - 1
    top = max(r[2] for _, r in rows) * 1.3
    labels = "".join(
        f"set label {_quote(f'{r[0]:.2f}')} at {max(r[2], w.least) * 1.05},"
        f"{last - n} left\n" for n, (w, r) in enumerate(rows))
    head, height = _rows([w.title for w, _ in rows], 20, labels + f"""
set title "libevent's cost divided by libevent-aio's"
set xlabel "above 1: libevent-aio is cheaper"
set style fill solid 0.85 noborder
set xrange [0.5:{top}]
set xtics (0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 12)
""")
    script = _block("bars", [(last - n, *r, w.least)
                             for n, (w, r) in enumerate(rows)]) + head + """
plot $bars using (1):1:(1):2:($1-0.34):($1+0.34) with boxxyerror \
	lc rgb "#1f5fbf" title "median", \
	$bars using 2:1:3:4 with xerrorbars pt 0 lw 2 lc rgb "#0b2f66" \
	title "quartiles", \
	$bars using 5:1 with points pt 9 ps 1 lc rgb "#d95f02" title "at least"
"""
    _gnuplot(out, "ratios", 960, height, script, say)


LEAST_SHOWN, MOST_SHOWN = 0.1, 4


def draw_loops(results, out, say):
    """Every loop on the workloads that they share, libevent being 1."""
    shared = [s for s, _ in results
              if s.workload.rivals and s.measured("libevent") and
              s.measured("ours")]
    if not shared:
        return
    last = len(shared) - 1
    script, parts = "", []
    for i, (title, colour, _, width, point) in LOOKS.items():
        rows = []
        for n, s in enumerate(shared):
            r = s.ratio(i, "libevent")
            if r and i != "libevent":
                rows.append((min(max(r[0], LEAST_SHOWN), MOST_SHOWN), last - n))
        if rows:
            script += _block(i, rows)
            parts.append(f"${i} using 1:2 with points pt {point} "
                         f"ps {1.7 if i == 'ours' else 1.2} lw {width} "
                         f"lc rgb {_quote(colour)} title {_quote(title)}")
    head, height = _rows([s.workload.title for s in shared], 26, f"""
set title "cost per operation, libevent being 1"
set xlabel "left is cheaper; what lies outside is drawn at the edge"
set xrange [{LEAST_SHOWN * 0.95}:{MOST_SHOWN * 1.05}]
set xtics (0.1, 0.2, 0.5, 0.7, 1, 1.5, 2, 3, 4)
set grid ytics lc rgb "#eeeeee" lt 1
""")
    _gnuplot(out, "loops", 980, height,
             script + head + "plot " + ", ".join(parts) + "\n", say)


def draw(results, curves, metric, out, say):
    if shutil.which("gnuplot") is None:
        say("there is no gnuplot: no plots (Debian: gnuplot-nox)")
        return
    draw_ratios(results, out, say)
    draw_loops(results, out, say)
    for curve in curves:
        draw_curve(curve, out, metric, say)
