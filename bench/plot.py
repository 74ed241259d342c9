"""Charts of a result, drawn by gnuplot: for each scenario one bar per peer, with the quartiles of its CPU per delivery."""

import os
import shutil
import subprocess

from servers import Failed

SCRIPT = """
set terminal svg size 640,360 background rgb 'white'
set output '{output}'
set title '{title}' noenhanced
set ylabel 'server CPU per delivery (µs)'
set yrange [0:*]
set xrange [-0.6:{last}]
set style fill solid 0.6
set boxwidth 0.6
set grid ytics
unset key
set xtics ({tics})
$data << END
{data}
END
plot $data using 1:3 with boxes linecolor rgb '#4477aa', \\
     $data using 1:3:2:4 with yerrorbars linecolor rgb '#222222' pointtype 0
"""


def script(summary, output):
    """What gnuplot is told; its strings end with a single quote and know no escapes."""
    peers = list(summary["peers"])
    spreads = [summary["peers"][peer]["cpu"] for peer in peers]
    return SCRIPT.format(
        output=output.replace("'", "''"),
        title=f"{summary['scenario']}: {summary['clients']} clients, {summary['payload']} bytes",
        last=len(peers) - 0.4,
        tics=", ".join(f"'{peer}' {place}" for place, peer in enumerate(peers)),
        data="\n".join(f"{place} {low} {middle} {high}" for place, (low, middle, high) in enumerate(spreads)),
    )


def check():
    """Says so before the hours of measuring, not after them."""
    if not shutil.which("gnuplot"):
        raise Failed("--plot needs gnuplot (Debian: gnuplot-nox)")


def draw(summaries, folder):
    os.makedirs(folder, exist_ok=True)
    for summary in summaries:
        output = os.path.join(folder, f"{summary['scenario']}.svg")
        done = subprocess.run(["gnuplot"], input=script(summary, output), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"gnuplot: {done.stderr}")
