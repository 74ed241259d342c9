#!/usr/bin/env python3
"""Whether scripts/bench sums up rightly: slices, figures, quartiles, ratios, goals, tables, charts, and runs that are no
figures. Prints TAP.
"""

import contextlib
import io
import json
import os
import select
import signal
import sys
import tempfile
import unittest
from types import SimpleNamespace
from unittest import mock

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "bench"))
import cases  # noqa: E402
import plot  # noqa: E402
import processes  # noqa: E402
import report  # noqa: E402
import rounds  # noqa: E402
import run  # noqa: E402
import servers  # noqa: E402
import sums  # noqa: E402
from goals import Bound, Growth, Ratio, Spread, judge  # noqa: E402
from processes import Failed  # noqa: E402
from scenarios import DECIDING_ROUNDS, PEERS, SCENARIOS, Arm, Scenario  # noqa: E402


def part_of(cpu, arm=None, messages=4, **other):
    """What the load generator says when a delivery took @cpu microseconds, a quarter of them in user space."""
    clients = arm.clients if arm else 10
    deliveries = messages * (arm.recipients if arm else 10)
    return {
        "clients": clients,
        "messages": messages,
        "deliveries": deliveries,
        "lost": 0,
        "out_of_order": 0,
        "corrupt": 0,
        "seconds": 2,
        "latency_us": {"p50": 1, "p99": 2, "p999": 3},
        "server": [
            {
                "pid": 1,
                "cpu_us": deliveries * cpu,
                "user_us": deliveries * cpu / 4,
                "system_us": deliveries * cpu * 3 / 4,
            }
        ],
    } | other


def runs_of(*parts):
    return [{"run": part, "figures": sums.of_broadcasts(part)} for part in parts]


def figures_of(figure, *values):
    return [{figure: value} for value in values]


class Sums(unittest.TestCase):
    def test_figures_are_per_delivery(self):
        figures = sums.of_broadcasts(part_of(8))
        self.assertEqual([figures[name] for name in ("cpu", "user", "system", "rate")], [8, 2, 6, 20])

    def test_several_servers_are_added(self):
        one = part_of(8)
        one["server"] *= 3
        self.assertEqual(sums.of_broadcasts(one)["cpu"], 24)

    def test_acknowledgements_and_redis_have_figures(self):
        redis = {"commands": 40, "publishes": 4, "input_bytes": 300, "output_bytes": 100}
        figures = sums.of_broadcasts(part_of(8, acks=20, redis=redis, writes=10))
        names = ("ack", "redis_commands", "redis_bytes", "writes")
        self.assertEqual([figures[name] for name in names], [16, 10, 10, 0.25])

    def test_slices_are_added_and_not_averaged(self):
        redis = {"commands": 4, "publishes": 4, "input_bytes": 3, "output_bytes": 1}
        long = part_of(1, messages=9, redis=redis, latency_us={"p50": 10, "p99": 20, "p999": 30})
        short = part_of(11, messages=1, redis=redis, latency_us={"p50": 20, "p99": 30, "p999": 130})
        whole = sums.whole([long, short])
        figures = sums.of_broadcasts(whole)
        self.assertEqual([whole[name] for name in ("clients", "messages", "deliveries", "seconds")], [10, 10, 100, 4])
        self.assertEqual([whole["redis"]["commands"], whole["server"][0]["pid"]], [8, 1])
        self.assertEqual([figures[name] for name in ("cpu", "user", "p50", "p999", "rate")], [2, 0.5, 11, 40, 25])

    def test_slices_of_several_servers_stay_apart(self):
        one = part_of(8)
        one["server"] = [one["server"][0] | {"pid": pid} for pid in (1, 2)]
        self.assertEqual([server["pid"] for server in sums.whole([one, one])["server"]], [1, 2])
        self.assertEqual(sums.of_broadcasts(sums.whole([one, one]))["cpu"], 16)

    def test_a_storm_is_divided_by_its_clients(self):
        server = [{"pid": 1, "cpu_us": 400, "user_us": 100, "system_us": 300}]
        steps = [{"clients": 5, "cpu_us": 100}, {"clients": 5, "cpu_us": 110}]
        connected = {"clients": 10, "connect_seconds": 2, "server": server, "steps": steps}
        figures = sums.of_storm({"connected": connected, "left": {"clients": 10, "server": server}})
        names = ("connect", "connect_user", "connects", "leave", "last_first")
        self.assertEqual([figures[name] for name in names], [40, 10, 5, 40, 1.1])

    def test_memory_is_what_the_clients_add(self):
        servers = [{"pid": pid, "before_bytes": 1000000, "bytes": 1500000} for pid in (1, 2)]
        figures = sums.of_memory({"clients": 1000, "memory": servers})
        self.assertEqual(figures, {"bytes": 1000, "empty": 2, "resident": 3})

    def test_a_publisher_is_divided_by_its_emits(self):
        figures = sums.of_publisher({"emits": 10, "cpu_us": 80, "user_us": 20, "system_us": 60})
        self.assertEqual(figures, {"emit": 8, "user": 2, "system": 6})

    def test_quartiles(self):
        self.assertEqual(sums.quartiles([5, 1, 4, 2, 3]), [2, 3, 4])
        self.assertEqual(sums.quartiles([7]), [7, 7, 7])
        self.assertIsNone(sums.quartiles([None]))

    def test_a_ratio_is_taken_within_a_round(self):
        # A machine that becomes three times slower changes no ratio.
        scenario = SCENARIOS["fanout-1-32"]
        runs = {"peal": runs_of(part_of(2), part_of(6)), "floor": runs_of(part_of(1), part_of(3))}
        self.assertEqual(report.summarise(scenario, runs)["compared"]["quartiles"], {"peal": [2, 2, 2]})

    def test_joined_messages_are_compared_with_the_joined_floor(self):
        bases = [{arm.base for arm in SCENARIOS[f"fanout-{n}-32"].arms} - {""} for n in (1, 8)]
        self.assertEqual(bases, [{"floor"}, {"floor-joined"}])


class Goals(unittest.TestCase):
    def verdict(self, goal, **measured):
        return judge(goal, {name.replace("_", "@"): values for name, values in measured.items()}, DECIDING_ROUNDS)

    def ratio(self, peal, floor):
        goal = Ratio("cpu", "peal", "floor", "<=", 1.15)
        peal, floor = figures_of("cpu", *peal), figures_of("cpu", *[floor] * len(peal))
        return self.verdict(goal, peal=peal, floor=floor)

    def test_the_lower_quartile_of_enough_rounds_decides(self):
        enough = DECIDING_ROUNDS
        self.assertEqual(self.ratio([11] * enough, 10)["verdict"], "met")
        self.assertEqual(self.ratio([12] * enough, 10)["verdict"], "missed")
        self.assertEqual(self.ratio([11] * (enough - 1), 10)["verdict"], "undecided")
        # The lower quartile decides: a third of the rounds is enough, one of them is not.
        self.assertEqual(self.ratio([11] * 3 + [12] * (enough - 3), 10)["verdict"], "met")
        self.assertEqual(self.ratio([11] + [12] * (enough - 1), 10)["verdict"], "missed")

    def test_it_is_said_when_the_median_does_not_meet_a_goal(self):
        self.assertTrue(self.ratio([11] * 9, 10)["median_meets"])
        goal = self.ratio([11] * 3 + [12] * 6, 10)
        self.assertFalse(goal["median_meets"])
        self.assertIn("met, though not by the median", report.table_of_goals([goal]))

    def test_nothing_to_divide_by_decides_nothing(self):
        self.assertEqual(self.ratio([1] * 9, 0)["verdict"], "undecided")

    def growth(self, *at_many):
        goal = Growth("cpu", "peal", "floor", 1000, 15000, 1.15)
        count = len(at_many)
        return self.verdict(
            goal,
            peal_1000=figures_of("cpu", *[3] * count),
            floor_1000=figures_of("cpu", *[2] * count),
            peal_15000=figures_of("cpu", *at_many),
            floor_15000=figures_of("cpu", *[4] * count),
        )

    def test_growth_is_a_ratio_of_ratios(self):
        goal = self.growth(*[6.6] * 9)
        self.assertAlmostEqual(goal["quartiles"][1], 1.1)
        self.assertEqual([goal["verdict"], self.growth(*[7.2] * 9)["verdict"]], ["met", "missed"])

    def test_an_absolute_bound(self):
        goal = Bound("bytes", "peal", "<=", 3584)
        verdicts = [judge(goal, {"peal": figures_of("bytes", value)}, 1)["verdict"] for value in (3584, 3585)]
        self.assertEqual(verdicts, ["met", "missed"])
        self.assertEqual(judge(goal, {"peal": [{}]}, 1)["verdict"], "undecided")

    def test_the_spread_of_other_rounds_is_a_bound(self):
        goal = Spread("p999", "stalled", "peal")
        without = figures_of("p999", *range(10, 19))
        for value, verdict in ((10, "met"), (16, "met"), (17, "missed")):
            with self.subTest(value):
                judged = self.verdict(goal, stalled=figures_of("p999", *[value] * 9), peal=without)
                self.assertEqual([judged["limit"], judged["verdict"]], [16, verdict])

    def test_every_goal_is_about_arms_and_figures_that_there_are(self):
        for scenario in SCENARIOS.values():
            names = {arm.name for arm in scenario.arms}
            self.assertEqual(len(names), len(scenario.arms), scenario.name)
            self.assertLessEqual({arm.base for arm in scenario.arms} - {""}, names, scenario.name)
            for figure in (scenario.main, *scenario.columns, *(goal.figure for goal in scenario.goals)):
                self.assertIn(figure, report.FIGURES)
            for goal in scenario.goals:
                self.assertLessEqual(set(goal.arms), names)


class Reports(unittest.TestCase):
    def summary(self, name, cpu=1):
        scenario = SCENARIOS[name]
        return report.summarise(scenario, {arm.name: runs_of(part_of(cpu, arm)) for arm in scenario.arms})

    def test_every_scenario_of_broadcasts_has_a_table(self):
        for name, scenario in SCENARIOS.items():
            if scenario.kind == "broadcasts":
                text = report.text(self.summary(name))
                for arm in scenario.arms:
                    self.assertIn(f"| {arm.name} ", text)

    def test_too_few_rounds_are_said_to_decide_nothing(self):
        self.assertIn("decide nothing", report.text(self.summary("fanout-1-32")))

    def test_with_several_bases_each_ratio_names_its_own(self):
        text = report.text(self.summary("growth-1"))
        self.assertIn("to floor@1000", text)
        self.assertIn("to floor@15000", text)

    def test_a_goal_without_its_arms_is_left_out(self):
        scenario = SCENARIOS["fanout-1-32"]
        summary = report.summarise(scenario, {"peal": runs_of(part_of(1)), "ws": runs_of(part_of(3))})
        self.assertEqual([goal["of"] for goal in summary["goals"]], ["ws / peal", "peal"])

    def test_results_can_be_reported_again(self):
        with tempfile.TemporaryDirectory() as folder:
            files = [os.path.join(folder, name) for name in ("one.json", "two.json", "bad.json")]
            for number, name in enumerate(files[:2], 1):
                with open(name, "w", encoding="utf-8") as file:
                    json.dump({"summaries": [self.summary("fanout-1-32", number)], "failed": []}, file)
            with contextlib.redirect_stdout(io.StringIO()):
                summaries, failed = run.reported(files[:2])
            self.assertEqual([len(summaries), failed], [1, 0])
            self.assertEqual(summaries[0]["arms"]["peal"]["figures"]["cpu"], [2, 2, 2])
            with self.assertRaises(Failed):
                run.reported(files)

    def test_a_scenario_that_failed_may_be_measured_again(self):
        with tempfile.TemporaryDirectory() as folder:
            files = [os.path.join(folder, name) for name in ("failed.json", "again.json")]
            summary = self.summary("fanout-1-32")
            for name, summaries, failed in zip(files, ([], [summary]), (["fanout-1-32", "acks"], [])):
                with open(name, "w", encoding="utf-8") as file:
                    json.dump({"summaries": summaries, "failed": failed}, file)
            with contextlib.redirect_stdout(io.StringIO()):
                self.assertEqual(run.reported(files)[1], 1)
                self.assertEqual(run.reported(files[::-1])[1], 2)

    def test_charts_have_what_was_measured(self):
        names = ("fanout-1-32", "fanout-8-32", "clients-5000-1", "growth-1", "nodes")
        charts = dict(plot.scripts([self.summary(name) for name in names], "folder"))
        wanted = {os.path.join("folder", name) for name in ("fanout-32.svg", "clients.svg", "nodes.svg")}
        self.assertEqual(set(charts), wanted)
        for peer in PEERS:
            self.assertIn(f"'{peer}'", charts[os.path.join("folder", "fanout-32.svg")])
        self.assertEqual(list(plot.scripts([], "folder")), [])


class Checks(unittest.TestCase):
    arm = Arm("peal", "peal")

    def check(self, arm=arm, **other):
        return rounds.checked(arm, part_of(4, arm, **other))

    def test_a_complete_run_is_taken(self):
        self.assertEqual(self.check()["deliveries"], 4 * self.arm.clients)

    def test_recipients_are_those_that_a_message_is_for(self):
        arms = (Arm("", "", rooms=9, room_size=7), Arm("", "", excepted=100), Arm("", "", stalled=10), Arm("", ""))
        self.assertEqual([arm.recipients for arm in arms], [7, 900, 990, 1000])
        for arm in arms:
            self.assertEqual(self.check(arm)["deliveries"], 4 * arm.recipients)

    def test_an_incomplete_run_is_a_failure(self):
        wrong = ({"lost": 1}, {"out_of_order": 1}, {"corrupt": 1}, {"deliveries": 3999}, {"clients": 999})
        for other in (*wrong, {"deliveries": 0}, {"messages": 0}, {"seconds": 0}):
            with self.subTest(other), self.assertRaises(Failed):
                self.check(**other)

    def test_acknowledgements_have_to_be_complete(self):
        arm = Arm("peal", "peal", ack_ms=1000)
        self.check(arm, acks=4000)
        for other in ({"acks": 3999}, {}):
            with self.subTest(other), self.assertRaises(Failed):
                self.check(arm, **other)

    def test_nonsense_is_a_failure(self):
        for part in ({}, [], {"clients": 1000}, None):
            with self.subTest(part), self.assertRaises(Failed):
                rounds.checked(self.arm, part)


class Servers(unittest.TestCase):
    def test_a_node_that_does_not_say_its_counters_is_a_failure(self):
        cluster = object.__new__(servers.Cluster)
        cluster.name, cluster.kind, cluster.ports = "peal", "peal", [1]
        counted = {"writes": 3.0, "outbox_bytes": 2.0, "sessions": 1.0}
        with mock.patch.object(servers, "metrics", lambda _: counted):
            self.assertEqual(cluster.counters(), counted)
        for name in counted:
            lacking = {other: value for other, value in counted.items() if other != name}
            with self.subTest(name), mock.patch.object(servers, "metrics", lambda _, some=lacking: some):
                self.assertRaises(Failed, cluster.counters)

    def test_a_signal_that_is_ignored_stays_so(self):
        before = {number: signal.getsignal(number) for number in processes.ENDING}
        self.addCleanup(lambda: [signal.signal(number, handler) for number, handler in before.items()])
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signals = processes.Signals()
        signals.install()
        self.assertEqual(signal.getsignal(signal.SIGHUP), signal.SIG_IGN)
        self.assertEqual(signal.getsignal(signal.SIGTERM), signals.on_signal)


LOAD = """#!/usr/bin/env python3
import json, sys
part = json.load(open(__file__ + ".json", encoding="utf-8"))
print(json.dumps({"event": "connected", "clients": part["clients"]}), flush=True)
for line in sys.stdin:
    if line.startswith("hang"):
        continue
    print(json.dumps(part) if line.startswith("measure") else "nonsense", flush=True)
"""


class FakeCluster:
    """Servers that are not there; the load generator is not there either."""

    asked = []

    def __init__(self, arm, *_):
        self.arm = arm
        self.addresses, self.redis, self.pids = ["127.0.0.1:1"], "redis://127.0.0.1:1", [1]
        self.stopped = False

    def triggers(self):
        return []

    def counters(self):
        FakeCluster.asked.append(self.arm.name)
        return None

    def check(self):
        pass

    def stop(self):
        self.stopped = True


class Rounds(unittest.TestCase):
    """With a load generator that says the same each time."""

    arms = (Arm("one", "peal", clients=10), Arm("two", "ws", "one", clients=10))

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        os.mkdir(os.path.join(folder.name, "bench"))
        self.load = os.path.join(folder.name, "bench", "load")
        with open(self.load, "w", encoding="utf-8") as file:
            file.write(LOAD)
        os.chmod(self.load, 0o755)
        self.chosen = SimpleNamespace(rounds=2, seconds=0.9, slice=None, build=folder.name, peers=list(PEERS))
        self.logs = folder.name
        self.says(part_of(4))
        FakeCluster.asked.clear()
        real = (rounds.Cluster, rounds.SETTLE, rounds.say)
        rounds.Cluster, rounds.SETTLE, rounds.say = FakeCluster, 0, lambda *_: None
        self.addCleanup(lambda: [setattr(rounds, n, v) for n, v in zip(("Cluster", "SETTLE", "say"), real)])

    def says(self, part):
        with open(f"{self.load}.json", "w", encoding="utf-8") as file:
            json.dump(part, file)

    def run_it(self, **other):
        return rounds.run_scenario(Scenario("it", "", self.arms, **other), self.chosen, self.logs)

    def test_slices_take_turns(self):
        runs = self.run_it()
        self.assertEqual([len(runs[name]) for name in ("one", "two")], [2, 2])
        self.assertEqual([len(one["run"]["slices"]) for one in runs["one"]], [3, 3])
        # The counters of an arm are read at the begin and after each slice: three of the warm-up, three of each round.
        self.assertEqual(FakeCluster.asked, ["one", "two"] * 10)
        self.assertEqual(runs["two"][0]["figures"]["cpu"], 4)
        self.assertEqual(processes.RUNNING, [])

    def test_slices_can_be_as_long_as_a_round(self):
        self.chosen.slice = 0.9
        self.assertEqual([len(one["run"]["slices"]) for one in self.run_it()["one"]], [1, 1])

    def test_clients_can_be_new_in_each_round(self):
        self.assertEqual(len(self.run_it(fresh=True)["two"]), 2)

    def test_clients_that_the_server_has_closed_are_a_failure(self):
        for sessions, good in ((10, True), (9, False)):
            counted = {"writes": 1, "outbox_bytes": 0, "sessions": sessions}
            with self.subTest(sessions), mock.patch.object(FakeCluster, "counters", lambda _, counted=counted: counted):
                if good:
                    self.assertEqual(self.run_it()["one"][0]["run"]["writes"], 0)
                else:
                    self.assertRaises(Failed, self.run_it)

    def test_arms_of_other_peers_are_left_out(self):
        self.chosen.peers = ["ws"]
        self.assertEqual(list(self.run_it()), ["two"])
        self.chosen.peers = ["uws"]
        self.assertEqual(self.run_it(), {})

    def test_a_failure_ends_what_was_started(self):
        self.says(part_of(4, lost=1))
        with self.assertRaises(Failed):
            self.run_it()
        self.assertEqual(processes.RUNNING, [])

    def test_a_load_that_says_nonsense_or_hangs_or_ends_is_a_failure(self):
        load = rounds.Held(self.arms[0], FakeCluster(self.arms[0]), self.chosen.build, self.logs)
        load.connected()
        with self.assertRaises(Failed):
            load.leave()
        with self.assertRaises(Failed):
            load.ask("hang", 0.1)
        load.process.child.terminate()
        load.process.child.wait()
        with self.assertRaises(Failed):
            load.measure(1)
        load.stop()
        self.assertEqual(processes.RUNNING, [])

    def test_what_a_load_started_ends_with_it(self):
        with open(self.load, "w", encoding="utf-8") as file:
            file.write('#!/bin/sh\nsleep 60 &\necho "{\\"event\\":\\"connected\\",\\"pid\\":$!}"\nwait\n')
        load = rounds.Held(self.arms[0], FakeCluster(self.arms[0]), self.chosen.build, self.logs)
        child = os.pidfd_open(load.connected()["pid"])
        self.addCleanup(os.close, child)
        load.process.kill()
        # It becomes readable when the process has ended.
        self.assertTrue(select.select([child], [], [], 10)[0])


if __name__ == "__main__":
    sys.exit(cases.main(Sums, Goals, Reports, Checks, Servers, Rounds))
