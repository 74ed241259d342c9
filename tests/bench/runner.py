#!/usr/bin/env python3
"""Whether bench/run.py measures: with the real load generator, the floor and the program, in little time. What it finds is no
figure. Prints TAP.

    runner.py BUILD

The peers on Node.js are left out, since their packages are not there before the first use of scripts/bench.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "bench", "run.py")
PATIENCE = 120  # seconds; it ends a hanging test and decides none


def command(build, result, *words):
    return [sys.executable, "-B", RUN, "--build", build, "--json", result, "--peers", "peal,floor", *words]


def measured(build, folder, *words):
    """What is wrong when it is run; otherwise nothing, and the sums of each scenario."""
    result = os.path.join(folder, "result.json")
    words = ("--rounds", "1", "--seconds", "0.3", "--slice", "0.1", *words)
    done = subprocess.run(
        command(build, result, *words), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if done.returncode != 0:
        return f"exit status {done.returncode}: {done.stdout}{done.stderr}", {}
    with open(result, encoding="utf-8") as file:
        return "", {summary["scenario"]: summary["arms"] for summary in json.load(file)["summaries"]}


def lacking(arms, **wanted):
    """Which figures are not there, or not above zero."""
    found = {name: arm["figures"] for name, arm in arms.items()}
    return ", ".join(
        f"{arm}: {figure}: {found.get(arm, {}).get(figure)}"
        for arm, figures in wanted.items()
        for figure in figures
        if not (found.get(arm, {}).get(figure) or [0])[0] > 0
    )


def running(folder):
    """Processes that were started from here and are there; those of others are none of our business."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return [line for line in listed.splitlines() if folder in line and "run.py" not in line]


def interrupted(build, folder):
    """Whether everything ends when it is told to end in the middle of it."""
    # The program by another path, so that what was started can be told from what others run.
    alias = os.path.join(folder, "build")
    os.symlink(build, alias)
    words = command(alias, os.path.join(folder, "result.json"), "fanout-1-32")
    child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while not any("--hold" in line for line in running(folder)):
            if child.poll() is not None or time.monotonic() > deadline:
                return "nothing was started"
            time.sleep(0.05)
        child.send_signal(signal.SIGTERM)
        status = child.wait(PATIENCE)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    left = running(folder)
    return "" if status == 128 + signal.SIGTERM and not left else f"exit status {status}, still there: {left}"


def cases(build, folder):
    names = ("fanout-8-32", "except-1", "idle-1000", "connect")
    problem, arms = measured(build, folder, *names)
    yield "scenarios run", problem
    if problem:
        return
    broadcast = ("cpu", "p50", "rate", "redis_bytes")
    yield "a broadcast has figures", lacking(arms["fanout-8-32"], peal=(*broadcast, "writes"), floor=broadcast)
    yield "exceptions have figures", lacking(arms["except-1"], peal=broadcast)
    yield "idle clients have memory", lacking(arms["idle-1000"], peal=("bytes", "resident"))
    yield "a storm has figures", lacking(arms["connect"], peal=("connect", "leave", "connects", "last_first"))
    yield "what was started ends with it", interrupted(build, folder)


def main(build):
    count = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, problem in cases(os.path.abspath(build), folder):
            count += 1
            failed += bool(problem)
            print(f"{'not ok' if problem else 'ok'} {count} - {name}")
            if problem:
                print("# " + problem.rstrip().replace("\n", "\n# "))
    print(f"1..{count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
