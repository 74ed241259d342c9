"""Charts of a result, drawn by gnuplot: what a broadcast costs, how that grows with the clients, memory, several nodes.

A chart has one panel, or two of the same form for one and for eight messages in flight. What was not measured is not in it.
The background is part of a chart, so that it can be read on a light and on a dark page.
"""

import os
import shutil
import subprocess

from processes import Failed
from scenarios import PEERS, SIZES

# A colour of its own for each peer, in all charts; to be told apart without seeing red and green too.
COLOURS = dict(zip(PEERS, ("#4477aa", "#999999", "#555555", "#228833", "#ee6677")))
HEAD = """
set terminal svg size {width},360 font 'sans-serif,12' background rgb 'white'
set output '{output}'
set multiplot layout 1,{panels} title '{title}' noenhanced
set grid ytics linecolor rgb '#dddddd'
set border 3
set tics nomirror noenhanced
set yrange [0:*]
set format y '%g'
"""


def quoted(text):
    """A string of gnuplot's; in single quotes nothing else has a meaning."""
    return "'" + text.replace("'", "''") + "'"


def bars(label, figure, arms):
    """A panel with one bar for each arm, its median, and whiskers to its quartiles."""
    lines = [
        f"set ylabel {quoted(figure)}",
        f"set title {quoted(label)} noenhanced",
        "set style fill solid 0.8",
        "set errorbars 2 linecolor rgb '#222222'",
        "unset key",
        f"set xrange [-0.6:{len(arms) - 0.4}]",
        "set xtics (" + ", ".join(f"{quoted(name)} {place}" for place, (name, _, _) in enumerate(arms)) + ")",
    ]
    plots = []
    for place, (_, peer, (low, middle, high)) in enumerate(arms):
        lines.append(f"$bar{place} << END\n{place} {low} {middle} {high}\nEND")
        plots.append(f"$bar{place} using 1:3:2:4:(0.6) with boxerrorbars linecolor rgb '{COLOURS[peer]}'")
    return [*lines, "plot " + ", ".join(plots)]


def curves(label, figure, axis, points):
    """A panel with one line for each peer; `points` has for each peer a list of (x, quartiles)."""
    places = sorted({x for of_peer in points.values() for x, _ in of_peer})
    lines = [
        f"set ylabel {quoted(figure)}",
        f"set title {quoted(label)} noenhanced",
        f"set xlabel {quoted(axis)}",
        "set key above center horizontal noenhanced samplen 2",
        f"set xrange [0:{places[-1] * 1.08}]",
        "set xtics (" + ", ".join(f"{quoted(f'{x:,}'.replace(',', ' '))} {x}" for x in places) + ")",
    ]
    plots = []
    for number, (peer, of_peer) in enumerate(points.items()):
        rows = "\n".join(f"{x} {low} {middle} {high}" for x, (low, middle, high) in sorted(of_peer))
        lines.append(f"$curve{number} << END\n{rows}\nEND")
        plots.append(
            f"$curve{number} using 1:3:2:4 with yerrorlines title {quoted(peer)} linecolor rgb '{COLOURS[peer]}' "
            "linewidth 2 pointtype 7 pointsize 0.5"
        )
    return [*lines, "plot " + ", ".join(plots)]


def fan_out(summaries):
    for payload, size in SIZES.items():
        panels = []
        for in_flight in (1, 8):
            summary = summaries.get(f"fanout-{in_flight}-{size}")
            if summary:
                arms = [(name, arm["peer"], arm["figures"]["cpu"]) for name, arm in summary["arms"].items()]
                panels.append(bars(f"{in_flight} in flight", "server CPU per delivery (µs)", arms))
        yield f"fanout-{size}", f"A broadcast of {payload:,} bytes to 1 000 clients".replace(",", " "), panels


def collected(summaries, names, axis, figure):
    """For each peer the points of several scenarios; of what two of them have, the last."""
    points = {}
    for name in names:
        for arm in summaries[name]["arms"].values() if name in summaries else ():
            if arm["figures"].get(figure):
                points.setdefault(arm["peer"], {})[arm[axis]] = arm["figures"][figure]
    return {peer: list(points[peer].items()) for peer in PEERS if peer in points}


def clients(summaries):
    panels = []
    for in_flight in (1, 8):
        names = (f"fanout-{in_flight}-32", f"clients-5000-{in_flight}", f"growth-{in_flight}")
        points = collected(summaries, names, "clients", "cpu")
        if any(len(of_peer) > 1 for of_peer in points.values()):
            panels.append(curves(f"{in_flight} in flight", "server CPU per delivery (µs)", "clients", points))
    yield "clients", "A broadcast of 32 bytes to more clients", panels


def memory(summaries):
    points = collected(summaries, [name for name in summaries if name.startswith("idle-")], "clients", "bytes")
    panels = [("resident bytes per client", points)] if points else []
    yield "memory", "Memory of a client that does nothing", [curves("", label, "clients", of) for label, of in panels]


def nodes(summaries):
    panels = []
    for label, figure in (("throughput", "rate"), ("cost", "cpu")):
        points = collected(summaries, ["nodes"], "nodes", figure)
        if figure == "rate":
            points = {peer: [(x, [y / 1000 for y in ys]) for x, ys in of_peer] for peer, of_peer in points.items()}
        unit = {"rate": "thousand deliveries per second", "cpu": "CPU of all nodes per delivery (µs)"}[figure]
        if points:
            panels.append(curves(label, unit, "nodes", points))
    yield "nodes", "A broadcast to 3 000 clients at several nodes, 8 in flight", panels


def scripts(summaries, folder):
    """For each chart its file and what gnuplot is told."""
    summaries = {summary["scenario"]: summary for summary in summaries}
    for chart in (fan_out, clients, memory, nodes):
        for name, title, panels in chart(summaries):
            if not panels:
                continue
            output = os.path.join(folder, f"{name}.svg")
            head = HEAD.format(
                output=output.replace("'", "''"), panels=len(panels), width=200 + 400 * len(panels), title=title
            )
            yield output, "\n".join([head, *(line for panel in panels for line in panel), "unset multiplot", ""])


def check():
    """Says so before the hours of measuring, not after them."""
    if not shutil.which("gnuplot"):
        raise Failed("--plot needs gnuplot (Debian: gnuplot-nox)")


def draw(summaries, folder):
    os.makedirs(folder, exist_ok=True)
    for output, script in scripts(summaries, folder):
        done = subprocess.run(["gnuplot"], input=script, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"gnuplot: {done.stderr}")
        # gnuplot leaves blanks at the ends of lines.
        with open(output, encoding="utf-8") as file:
            lines = [line.rstrip() for line in file]
        with open(output, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
