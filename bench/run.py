#!/usr/bin/env python3
"""Runs scenarios with all peers side by side and prints medians, ratios and their quartiles. Called by scripts/bench.

rounds.py says how it measures, scenarios.py what. Needs nothing beyond Python's standard library.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import subprocess
import sys

import plot
import report
from processes import SIGNALS, Failed, stop_all
from rounds import run_scenario, say
from scenarios import DECIDING_ROUNDS, PEERS, SCENARIOS
from servers import HERE

ROOT = os.path.dirname(HERE)
# Files that a server, or a worker of the load generator, may have open.
DESCRIPTORS = 65536
# What is measured when nothing is named: what a change should be looked at with.
USUAL = ("fanout-1-32", "fanout-8-32")


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument(
        "scenarios",
        nargs="*",
        metavar="SCENARIO",
        help=f"names, or beginnings of names with a *, or all (default: {' '.join(USUAL)})",
    )
    parser.add_argument("--scenario", action="append", default=[], metavar="SCENARIO", help="the same as an option")
    parser.add_argument("--list", action="store_true", help="name the scenarios, say how long each takes, and end")
    parser.add_argument("--rounds", type=int, default=DECIDING_ROUNDS, help="rounds that count (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=3, help="of each arm in a round (default: %(default)s)")
    parser.add_argument("--slice", type=float, metavar="SECONDS", help="of the turns that the arms of a round take")
    parser.add_argument("--peers", default=",".join(PEERS), help="which to measure (default: %(default)s)")
    parser.add_argument("--build", default="build", help="directory of the build (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="where all runs and sums go (default: bench.json in the build)")
    parser.add_argument("--plot", metavar="FOLDER", help="draw charts there; needs gnuplot")
    parser.add_argument(
        "--report",
        action="append",
        metavar="FILE",
        help="measure nothing, but print (and draw) what such a file has; may be given several times",
    )
    parser.add_argument("--check", action="store_true", help="fail unless every goal is met")
    chosen = parser.parse_args()
    chosen.names = []
    for word in chosen.scenarios + chosen.scenario:
        names = [
            name
            for name in SCENARIOS
            if word in (name, "all") or (word.endswith("*") and name.startswith(word[:-1]))
        ]
        if not names:
            parser.error(f"there is no scenario {word}; --list names them")
        chosen.names += names
    chosen.names = list(dict.fromkeys(chosen.names)) or list(USUAL)
    chosen.peers = chosen.peers.split(",")
    if not set(chosen.peers) <= set(PEERS) or len(set(chosen.peers)) < len(chosen.peers):
        parser.error(f"--peers takes some of {','.join(PEERS)}")
    if not 1 <= chosen.rounds <= 1000 or not 0.1 <= chosen.seconds <= 600:
        parser.error("--rounds is 1 to 1000, --seconds 0.1 to 600")
    if chosen.slice is not None and not 0.1 <= chosen.slice <= 600:
        parser.error("--slice is 0.1 to 600")
    chosen.build = os.path.join(ROOT, chosen.build)
    chosen.json = chosen.json or os.path.join(chosen.build, "bench.json")
    return chosen


def output_of(*command):
    """What a command says, in one line; nothing when it cannot be asked."""
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def build_type(build):
    options = output_of("meson", "introspect", "--buildoptions", build)
    return next((one["value"] for one in json.loads(options or "[]") if one["name"] == "buildtype"), "unknown")


def machine(build):
    """What the figures depend on and nobody can see in them."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "processor": processor(),
        "processors": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "commit": output_of("git", "rev-parse", "--short", "HEAD"),
        "changed": bool(output_of("git", "status", "--porcelain", "--untracked-files=no")),
        "build": build_type(build),
        "node": output_of("node", "--version"),
        "redis": output_of("redis-server", "--version"),
        "load_average": os.getloadavg()[0],
    }


def raise_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def list_scenarios(chosen):
    total = 0
    for scenario in SCENARIOS.values():
        seconds = scenario.estimate(chosen.rounds, chosen.seconds)
        total += seconds
        print(f"{scenario.name:16} {seconds / 60:4.0f} min  {scenario.title}")
    print(f"{'all':16} {total / 60:4.0f} min")


def show(summary):
    print(report.text(summary), end="\n\n", flush=True)


def keep(chosen, result):
    """After each scenario, so that who interrupts the rest still has it."""
    with open(f"{chosen.json}.new", "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    os.replace(f"{chosen.json}.new", chosen.json)


def measure(chosen):
    """All scenarios that are asked for: summaries, and how many could not be measured."""
    logs = os.path.join(chosen.build, "bench-logs")
    os.makedirs(logs, exist_ok=True)
    result = {"machine": machine(chosen.build), "seconds": chosen.seconds, "summaries": [], "runs": {}, "failed": []}
    if result["machine"]["build"] != "release":
        say(f"bench: {chosen.build} is no release build, its figures are not peal's")
    for name in chosen.names:
        try:
            runs = run_scenario(SCENARIOS[name], chosen, logs)
        except Failed as error:
            result["failed"].append(name)
            say(f"bench: {name} failed: {error}")
            keep(chosen, result)
            continue
        if not runs:
            say(f"bench: {name}: none of {','.join(chosen.peers)} can do it")
            continue
        result["runs"][name] = runs
        result["summaries"].append(report.summarise(SCENARIOS[name], runs))
        show(result["summaries"][-1])
        keep(chosen, result)
    return result["summaries"], len(result["failed"])


def reported(files):
    """What was measured before; of a scenario that several files have, the last."""
    summaries, failed = {}, set()
    for name in files:
        try:
            with open(name, encoding="utf-8") as file:
                result = json.load(file)
            measured = {summary["scenario"]: summary for summary in result["summaries"]}
            summaries |= measured
            failed = (failed - measured.keys()) | set(result["failed"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Failed(f"{name} is no result of scripts/bench: {error!r}") from error
    for summary in summaries.values():
        show(summary)
    return list(summaries.values()), len(failed)


def bench(chosen):
    if chosen.plot:
        plot.check()
    summaries, failed = reported(chosen.report) if chosen.report else measure(chosen)
    if chosen.plot:
        plot.draw(summaries, chosen.plot)
    goals = [goal for summary in summaries for goal in summary["goals"]]
    counts = {verdict: sum(goal["verdict"] == verdict for goal in goals) for verdict in ("met", "missed", "undecided")}
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + f", {failed} failed")
    return 1 if failed or (chosen.check and counts["met"] < len(goals)) else 0


def main():
    chosen = arguments()
    if chosen.list:
        list_scenarios(chosen)
        return 0
    SIGNALS.install()
    raise_descriptors()
    try:
        return bench(chosen)
    except Failed as error:
        say(f"bench: {error}")
        return 2
    finally:
        # What was started has to be ended, however this ends.
        stop_all()


if __name__ == "__main__":
    sys.exit(main())
