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
    ("svg", 'svg size {w},{h} dynamic font "sans,14" background "#ffffff"'),
    ("png", 'pngcairo size {w2},{h2} font "sans,22" background "#ffffff"'),
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
    tics = ", ".join(f'"{x:,}" {x}' for x in xs if x != 200)
    script += f"""
set title {_quote(curve.title)}
set xlabel {_quote(curve.x_title)}
set ylabel "ns per event ({'CPU' if metric == 'cpu' else 'wall clock'})"
set logscale x
set logscale y 2
set xrange [{min(xs) * 0.9}:{max(xs) * 1.15}]
set yrange [256:*]
set xtics ({tics})
set ytics (256, 512, "1,024" 1024, "2,048" 2048, "4,096" 4096, "8,192" 8192, "16,384" 16384)
set key outside right center samplen 2 spacing 1.3
plot """ + ", ".join(parts) + "\n"
    _gnuplot(out, curve.name, 860, 480, script, say)


# ---- bars ----


def draw_ratios(results, out, say):
    """libevent's cost over ours, a bar each, with its quartiles."""
    rows = [(s.workload, v.ratio) for s, v in results if v.ratio and
            s.workload.most is None]
    if not rows:
        return
    rows.reverse()
    bars = [(y, *r, w.least) for y, (w, r) in enumerate(rows)]
    tics = ", ".join(f"{_quote(w.title)} {y}"
                     for y, (w, _) in enumerate(rows))
    labels = "".join(
        f'set label {_quote(f"{r[0]:.2f}")} at {max(r[2], w.least) * 1.03},{y} '
        f'left font ",11"\n' for y, (w, r) in enumerate(rows))
    top = max(r[2] for _, r in rows) * 1.35
    script = _block("bars", bars) + labels + f"""
set title "libevent's cost / libevent-aio's: above 1, libevent-aio is cheaper"
set style fill solid 0.85 noborder
set logscale x 2
set xrange [0.5:{top}]
set yrange [-0.7:{len(rows) - 0.3}]
set ytics ({tics})
set xtics (0.5, 0.7, 1, 1.5, 2, 3, 4, 6, 8, 12)
unset grid
set grid xtics lc rgb "#dddddd" lt 1
set arrow from 1, graph 0 to 1, graph 1 nohead lw 2 lc rgb "#444444"
set key outside bottom center horizontal
plot $bars using (1):1:(1):2:($1-0.36):($1+0.36) with boxxyerror \\
	lc rgb "#1f5fbf" title "median", \\
	$bars using 2:1:3:4 with xerrorbars pt 0 lw 2 lc rgb "#0b2f66" \\
	title "quartiles", \\
	$bars using 5:1 with points pt 9 ps 1 lc rgb "#d95f02" title "at least"
"""
    _gnuplot(out, "ratios", 900, 110 + 22 * len(rows), script, say)


def draw_loops(results, out, say):
    """Every loop on the workloads that all share, libevent being 1."""
    shared = [s for s, _ in results
              if s.workload.rivals and s.measured("libevent") and
              s.measured("ours")]
    if not shared:
        return
    present = [i for i in LOOKS if any(s.measured(i) for s in shared)]
    script, parts = "", []
    step = 0.8 / len(present)
    for n, i in enumerate(present):
        title, colour = LOOKS[i][:2]
        rows = []
        for x, s in enumerate(shared):
            if s.measured(i):
                metric = s.workload.metric
                # Those that do nothing at all would have no bar.
                height = max(s.median(i, metric) /
                             s.median("libevent", metric), 0.01)
                rows.append((x - 0.4 + step * n, min(height, 2.6)))
        script += _block(i, rows)
        parts.append(f"${i} using ($1+{step / 2}):2:({step * 0.92}) "
                     f"with boxes lc rgb {_quote(colour)} "
                     f"title {_quote(title)}")
    tics = ", ".join(f"{_quote(s.workload.title.replace(', ', chr(92) + 'n'))}"
                     f" {x}" for x, s in enumerate(shared))
    script += f"""
set title "time per operation, libevent = 1 (lower is better; cut at 2.5)"
set style fill solid 0.9 noborder
set yrange [0:2.5]
set xrange [-0.6:{len(shared) - 0.4}]
set xtics ({tics}) rotate by -35 left font ",11"
set key outside top center horizontal
set arrow from graph 0, first 1 to graph 1, first 1 nohead lw 1 \\
	lc rgb "#d95f02"
plot """ + ", ".join(parts) + "\n"
    _gnuplot(out, "loops", 1200, 620, script, say)


def draw(results, curves, metric, out, say):
    if shutil.which("gnuplot") is None:
        say("there is no gnuplot: no plots (Debian: gnuplot-nox)")
        return
    draw_ratios(results, out, say)
    draw_loops(results, out, say)
    for curve in curves:
        draw_curve(curve, out, metric, say)
