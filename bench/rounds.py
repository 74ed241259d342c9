"""How the arms of a scenario are measured side by side, for each kind of scenario.

Broadcasts: the clients of all arms are connected at once and stay. A round gives every arm its seconds in slices of a
fraction of a second, A B C A B C …, so that both sides of a ratio see the same moments of the machine, whatever else it
does. The other kinds take one arm after the other, A B C, in each round.

Each gives one run for each round and arm, and its figures. A run in which a client missed a
message, or got one out of order or damaged, is a failure and no figure.
"""

import json
import math
import os
import sys
import time

import sums
from held import Held
from processes import Failed, Process, environment
from servers import HERE, Cluster, wait

# Seconds of an uncounted first part of each arm.
WARM_UP = 2
# After clients came or went, what that caused in the servers is to be over: seconds.
SETTLE = 0.5
# Seconds for one of the messages that nobody measures.
FILL_PATIENCE = 0.1


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def checked(arm, part):
    """A measured part, if every client got what it should."""
    try:
        counts = {name: part[name] for name in ("clients", "messages", "deliveries", "lost", "out_of_order", "corrupt")}
        good = counts["clients"] == arm.clients and counts["messages"] > 0
        good = good and counts["deliveries"] == counts["messages"] * arm.recipients
        good = good and not (counts["lost"] or counts["out_of_order"] or counts["corrupt"])
        if arm.ack_ms:
            counts["acks"] = part["acks"]
            good = good and counts["acks"] == counts["deliveries"]
        sums.of_broadcasts(part)
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise Failed(f"{arm.name}: what the load generator said cannot be used ({error!r}): {part}") from error
    if not good:
        raise Failed(f"{arm.name}: not every client got every message in its order: {counts}")
    return part


class Bench:
    """A scenario in the making: its clusters and loads, all of which end with it."""

    def __init__(self, scenario, arms, chosen, logs):
        self.scenario = scenario
        self.arms = arms
        self.rounds = min(chosen.rounds, scenario.rounds or chosen.rounds)
        self.seconds = chosen.seconds
        self.slice_seconds = chosen.slice or scenario.slice_seconds
        self.build = chosen.build
        self.logs = logs
        self.clusters = {}
        self.loads = {}
        self.counted = {}

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        for name in list(self.loads):
            self.drop(name)
        for name in list(self.clusters):
            self.clusters.pop(name).stop()

    def start(self, arm):
        self.clusters[arm.name] = Cluster(arm, arm.peer, arm.nodes, self.build, self.logs)

    def connect(self, arm):
        """Connects the clients of an arm; what the load generator says of that."""
        load = self.loads[arm.name] = Held(arm, self.clusters[arm.name], self.build, self.logs)
        connected = load.connected()
        if connected.get("clients") != arm.clients:
            raise Failed(f"{arm.name}: not all clients have connected: {connected}")
        return connected

    def drop(self, name):
        self.loads.pop(name).stop()

    def check(self):
        for cluster in self.clusters.values():
            cluster.check()

    def slice(self, arm, seconds):
        """One measured part of an arm, with what the nodes have counted since the last, where they say it.

        They are asked after the part: before it, that would warm up the one that can be asked.
        """
        part = checked(arm, self.loads[arm.name].measure(seconds))
        before, after = self.counted[arm.name], self.clusters[arm.name].counters()
        self.counted[arm.name] = after
        if after:
            part["writes"] = after["writes"] - before["writes"]
            part["waiting_bytes"] = after["outbox_bytes"]
            # The load generator does not see this of clients that never read.
            if after["sessions"] != arm.clients:
                raise Failed(f"{arm.name}: the server has closed clients: {after['sessions']:.0f} are left")
        self.check()
        return part

    def connect_all(self):
        for arm in self.arms:
            self.connect(arm)
            if self.scenario.fill:
                checked(arm, self.loads[arm.name].messages(self.scenario.fill, FILL_PATIENCE))
        wait(SETTLE, self.clusters.values())
        self.counted = {arm.name: self.clusters[arm.name].counters() for arm in self.arms}

    def say(self, number, arm, figures):
        names = [name for name in dict.fromkeys((self.scenario.main, "cpu")) if name in figures]
        said = ", ".join(f"{name} {figures[name]:.2f}" for name in names)
        say(f"{self.scenario.name}: {f'round {number}' if number else 'warm-up'}: {arm.name}: {said}")

    def run(self):
        return getattr(self, self.scenario.kind)()

    # The kinds. Each yields the name of the arm, the run and its figures.

    def broadcasts(self):
        for arm in self.arms:
            self.start(arm)
        if not self.scenario.fresh:
            self.connect_all()
        for number in range(self.rounds + 1):
            if self.scenario.fresh:
                self.connect_all()
            seconds = self.seconds if number else min(self.seconds, WARM_UP)
            count = max(1, math.ceil(seconds / self.slice_seconds - 0.01))
            slices = {arm.name: [] for arm in self.arms}
            for _ in range(count):
                for arm in self.arms:
                    slices[arm.name].append(self.slice(arm, seconds / count))
            for arm in self.arms:
                run = sums.whole(slices[arm.name])
                figures = sums.of_broadcasts(run)
                self.say(number, arm, figures)
                if number:
                    yield arm.name, run | {"slices": slices[arm.name]}, figures
            if self.scenario.fresh:
                for arm in self.arms:
                    self.drop(arm.name)
                wait(SETTLE, self.clusters.values())

    def storm(self):
        for arm in self.arms:
            self.start(arm)
        for number in range(self.rounds + 1):
            for arm in self.arms:
                run = {"connected": self.connect(arm), "left": self.loads[arm.name].leave()}
                if run["left"].get("clients") != arm.clients:
                    raise Failed(f"{arm.name}: not all clients have left: {run['left']}")
                self.drop(arm.name)
                self.check()
                figures = sums.of_storm(run)
                self.say(number, arm, figures)
                if number:
                    yield arm.name, run, figures
                wait(SETTLE, self.clusters.values())

    def memory(self):
        # Servers that have had clients before have memory left of them, so each measurement has its own.
        for number in range(1, self.rounds + 1):
            for arm in self.arms:
                self.start(arm)
                run = self.connect(arm)
                self.drop(arm.name)
                self.clusters.pop(arm.name).stop()
                figures = sums.of_memory(run)
                self.say(number, arm, figures)
                yield arm.name, run, figures

    def publisher(self):
        for arm in self.arms:
            self.clusters[arm.name] = Cluster(arm, arm.beside, 1 if arm.beside else 0, self.build, self.logs)
        for number in range(self.rounds + 1):
            for arm in self.arms:
                run = self.publish(arm)
                figures = sums.of_publisher(run)
                self.say(number, arm, figures)
                if number:
                    yield arm.name, run, figures

    def publish(self, arm):
        """A node that emits and has no clients: one process for each run."""
        publisher = [os.path.join(self.build, "bench", "publisher")]
        if arm.peer != "peal":
            publisher = ["node", os.path.join(HERE, "peers", "publisher.mjs")]
        words = ["--redis", self.clusters[arm.name].redis, "--emits", str(arm.emits), "--form", "room"]
        process = Process(f"{arm.name}-publisher", [*publisher, *words], self.logs, environment())
        try:
            deadline = time.monotonic() + 120
            while process.child.poll() is None:
                if time.monotonic() > deadline:
                    raise Failed(f"{arm.name}: the publisher hangs:\n{process.tail()}")
                time.sleep(0.05)
            run = json.loads(process.tail().strip().splitlines()[-1])
            if process.child.returncode or run["emits"] != arm.emits:
                raise Failed(f"{arm.name}: not everything was emitted: {run}")
            sums.of_publisher(run)
            return run
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise Failed(f"{arm.name}: the publisher said what cannot be used:\n{process.tail()}") from error
        finally:
            process.stop()

    def count(self):
        for arm in self.arms:
            self.start(arm)
        for number in range(1, self.rounds + 1):
            for arm in self.arms:
                connected = self.connect(arm)
                wait(SETTLE, self.clusters.values())
                part = checked(arm, self.loads[arm.name].messages(self.scenario.messages, arm.patience))
                self.check()
                figures = sums.of_count(part)
                self.say(number, arm, figures)
                yield arm.name, part | {"connected": connected}, figures
                self.drop(arm.name)


def run_scenario(scenario, chosen, logs):
    """All rounds of a scenario: for each arm the runs, each with its figures."""
    arms = [arm for arm in scenario.arms if arm.peer in chosen.peers]
    runs = {arm.name: [] for arm in arms}
    if arms:
        with Bench(scenario, arms, chosen, logs) as bench:
            for name, run, figures in bench.run():
                runs[name].append({"run": run, "figures": figures})
    return runs
