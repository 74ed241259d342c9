#!/usr/bin/env python3
"""Runs scenarios with all peers interleaved and prints medians, ratios and their quartiles. Called by scripts/bench.

The servers of a scenario are started once and stay; a first round warms them up and is not counted. Then each round
measures one peer after the other, A B C A B C …, so that what else the machine does falls on all of them alike. Ratios are
taken within a round. A run in which a client missed a message, or got one out of order, is a failure and no figure.
Needs nothing beyond Python's standard library.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import signal
import subprocess
import sys

import plot
import report
from scenarios import DECIDING_ROUNDS, PEERS, SCENARIOS
from servers import HERE, Failed, Peer, environment

ROOT = os.path.dirname(HERE)
# Seconds that connecting and the rest may take beyond the measured part; it ends a run that hangs and decides nothing.
PATIENCE = 120
# Files that a server, or a worker of the load generator, may have open.
DESCRIPTORS = 65536


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help="names, or beginnings of names with a *")
    parser.add_argument("--scenario", action="append", default=[], metavar="SCENARIO", help="the same as an option")
    parser.add_argument("--list", action="store_true", help="name the scenarios and end")
    parser.add_argument("--rounds", type=int, default=DECIDING_ROUNDS, help="rounds that count (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement (default: %(default)s)")
    parser.add_argument("--peers", default=",".join(PEERS), help="which to measure (default: %(default)s)")
    parser.add_argument("--build", default="build", help="directory of the build (default: %(default)s)")
    parser.add_argument("--json", metavar="FILE", help="where all runs and sums go (default: bench.json in the build)")
    parser.add_argument("--plot", metavar="FOLDER", help="draw a chart of each scenario there; needs gnuplot")
    parser.add_argument("--check", action="store_true", help="fail unless every goal is met")
    chosen = parser.parse_args()
    chosen.names = []
    for word in chosen.scenarios + chosen.scenario:
        names = [name for name in SCENARIOS if name == word or (word.endswith("*") and name.startswith(word[:-1]))]
        if not names:
            parser.error(f"there is no scenario {word}; --list names them")
        chosen.names += names
    chosen.names = list(dict.fromkeys(chosen.names)) or [name for name in SCENARIOS if name.startswith("fanout-")]
    chosen.peers = chosen.peers.split(",")
    if not set(chosen.peers) <= set(PEERS) or len(set(chosen.peers)) < len(chosen.peers):
        parser.error(f"--peers takes some of {','.join(PEERS)}")
    if not 1 <= chosen.rounds <= 1000 or not 0 < chosen.seconds <= 600:
        parser.error("--rounds is 1 to 1000, --seconds at most 600")
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


def measure(peer, scenario, seconds, build):
    """One run of the load generator against one peer."""
    command = [
        *(os.path.join(build, "bench", "load"), "--connect", f"127.0.0.1:{peer.port}", "--trigger", peer.redis),
        *("--pid", str(peer.server.pid), "--seconds", f"{seconds:g}", *scenario.words()),
    ]
    # In a group of its own, because it has workers that have to end with it.
    load = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        start_new_session=True,
    )
    try:
        output, errors = load.communicate(timeout=seconds + PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"{peer.name}: the load generator hangs") from error
    finally:
        # While the leader has not been waited for, its number is nobody else's.
        if load.returncode is None:
            os.killpg(load.pid, signal.SIGKILL)
            load.communicate()
    peer.check()
    if load.returncode != 0:
        raise Failed(f"{peer.name}: the load generator ended with {load.returncode}: {output}{errors}")
    return checked(peer, scenario, output)


def checked(peer, scenario, output):
    try:
        run = json.loads(output)
        counts = {name: run[name] for name in ("clients", "messages", "deliveries", "lost", "out_of_order")}
        report.figures(run)
    except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise Failed(f"{peer.name}: what the load generator said cannot be used ({error!r}): {output}") from error
    expected = counts["messages"] * scenario.recipients
    complete = counts["clients"] == scenario.clients and counts["deliveries"] == expected
    if counts["lost"] or counts["out_of_order"] or not complete:
        raise Failed(f"{peer.name}: not every client got every message in its order: {counts}")
    return run


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def run_scenario(scenario, chosen, logs):
    """All rounds of a scenario: a list of runs for each peer."""
    names = [name for name in chosen.peers if name in scenario.peers]
    runs = {name: [] for name in names}
    peers = []
    try:
        for name in names:
            peers.append(Peer(name, chosen.build, logs))
        for number in range(chosen.rounds + 1):
            for peer in peers:
                run = measure(peer, scenario, chosen.seconds if number else min(chosen.seconds, 2), chosen.build)
                cpu = report.figures(run)["cpu"]
                say(f"{scenario.name}: {f'round {number}' if number else 'warm-up'}: {peer.name} {cpu:.2f} us")
                if number:
                    runs[peer.name].append(run)
    finally:
        for peer in reversed(peers):
            peer.stop()
    return runs


def raise_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def end(number, _frame):
    sys.exit(128 + number)


def main():
    chosen = arguments()
    if chosen.list:
        for scenario in SCENARIOS.values():
            print(f"{scenario.name:16} {scenario.title}, {scenario.clients} clients, {scenario.payload} bytes")
        return 0
    if chosen.plot:
        try:
            plot.check()
        except Failed as error:
            say(f"bench: {error}")
            return 2
    # What was started has to be ended, however this ends.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    raise_descriptors()
    logs = os.path.join(chosen.build, "bench-logs")
    os.makedirs(logs, exist_ok=True)
    result = {"machine": machine(chosen.build), "seconds": chosen.seconds, "summaries": [], "runs": {}}
    if result["machine"]["build"] != "release":
        say(f"bench: {chosen.build} is no release build, its figures are not peal's")
    failures = []
    for name in chosen.names:
        try:
            runs = run_scenario(SCENARIOS[name], chosen, logs)
        except Failed as error:
            failures.append(name)
            say(f"bench: {name} failed: {error}")
            continue
        if not runs:
            say(f"bench: {name}: none of {','.join(chosen.peers)} can do it")
            continue
        result["runs"][name] = runs
        result["summaries"].append(report.summarise(SCENARIOS[name], runs))
        print(report.text(result["summaries"][-1]), end="\n\n", flush=True)
    result["failed"] = failures
    with open(chosen.json, "w", encoding="utf-8") as file:
        json.dump(result, file, indent=1)
    if chosen.plot:
        try:
            plot.draw(result["summaries"], chosen.plot)
        except Failed as error:
            failures.append("plot")
            say(f"bench: {error}")
    goals = [goal for summary in result["summaries"] for goal in summary["goals"]]
    counts = {verdict: sum(goal["verdict"] == verdict for goal in goals) for verdict in ("met", "missed", "undecided")}
    print(", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + f", {len(failures)} failed")
    return 1 if failures or (chosen.check and counts["met"] < len(goals)) else 0


if __name__ == "__main__":
    sys.exit(main())
