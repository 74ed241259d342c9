#!/usr/bin/env python3
"""Whether bench/run.py measures: with the real load generator, the floor and the program, in little time. What it finds is no
figure. Prints TAP.

    runner.py BUILD

The peers on Node.js are left out, since their packages are not there before the first use of scripts/bench.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cases import show  # noqa: E402

RUN = os.path.join(HERE, "..", "..", "bench", "run.py")
PATIENCE = 120  # seconds; it ends a hanging test and decides none
PR_SET_CHILD_SUBREAPER = 36


def command(build, result, *words):
    return [sys.executable, "-B", RUN, "--build", build, "--json", result, "--peers", "peal,floor", *words]


def measured(build, folder, *words):
    """What is wrong when it is run; otherwise nothing, and the sums of each scenario."""
    result = os.path.join(folder, "result.json")
    words = ("--rounds", "1", "--seconds", "0.3", "--slice", "0.1", *words)
    # A proxy that does not answer: what is on this machine needs none.
    env = {**os.environ, "http_proxy": "http://127.0.0.1:1", "no_proxy": ""}
    done = subprocess.run(
        command(build, result, *words), capture_output=True, text=True, timeout=PATIENCE, env=env, check=False
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


def descendants():
    """The processes that come from this one, each with its words; for those that nobody has waited for, none."""
    parents, words = {}, {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:
                parents[int(name)] = int(file.read().rpartition(")")[2].split()[1])
            with open(f"/proc/{name}/cmdline", encoding="utf-8", errors="replace") as file:
                words[int(name)] = file.read().replace("\0", " ").strip()
        except OSError:
            continue  # It has ended meanwhile.
    found, more = {}, {os.getpid()}
    while more:
        more = {pid for pid, parent in parents.items() if parent in more}
        found |= {pid: words.get(pid, "") for pid in more}
    return found


def left():
    """What was started and is still there; what has ended is waited for."""
    while True:
        try:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                break
        except ChildProcessError:
            break
    return descendants()


def ended_by(number, build, folder, patience=0):
    """What is wrong when it gets that signal in the middle of it: all has to have ended then, or so many seconds later."""
    # Whatever it leaves behind becomes a child of this process.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    words = command(build, os.path.join(folder, "result.json"), "fanout-1-32")
    child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while not any("--hold" in line for line in descendants().values()):
            if child.poll() is not None or time.monotonic() > deadline:
                return "nothing was started"
            time.sleep(0.05)
        child.send_signal(number)
        status = child.wait(PATIENCE)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    deadline = time.monotonic() + patience
    while left() and time.monotonic() < deadline:
        time.sleep(0.05)
    still = left()
    for pid in still:
        os.kill(pid, signal.SIGKILL)
    wanted = -number if number == signal.SIGKILL else 128 + number
    return "" if status == wanted and not still else f"exit status {status}, still there: {still}"


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
    yield "what was started ends with it", ended_by(signal.SIGTERM, build, folder)
    yield "what was started ends with it when it is killed", ended_by(signal.SIGKILL, build, folder, PATIENCE)


def main(build):
    with tempfile.TemporaryDirectory() as folder:
        return show(cases(os.path.abspath(build), folder))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
