#!/usr/bin/env python3
"""Whether scripts/bench sums up rightly: quartiles, ratios within a round, goals, and runs that are no figures. Prints TAP."""

import json
import os
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "..", "bench"), os.path.join(HERE, "..", "support")]
import cases  # noqa: E402
import report  # noqa: E402
import run  # noqa: E402
from scenarios import DECIDING_ROUNDS, PEERS, SCENARIOS, Goal, Scenario  # noqa: E402
from servers import Failed  # noqa: E402


def run_of(cpu, scenario=None, **other):
    """What the load generator says when a delivery took @cpu microseconds, a quarter of them in user space."""
    clients = scenario.clients if scenario else 10
    recipients = scenario.recipients if scenario else 10
    return {
        "clients": clients,
        "messages": 4,
        "deliveries": 4 * recipients,
        "lost": 0,
        "out_of_order": 0,
        "seconds": 2,
        "latency_us": {"p50": 1, "p99": 2, "p999": 3},
        "server": [{"pid": 1, "user_us": recipients * cpu, "system_us": 3 * recipients * cpu}],
    } | other


class Named:
    name = "peal"


class Sums(unittest.TestCase):
    def test_figures_are_per_delivery(self):
        figures = report.figures(run_of(8))
        self.assertEqual([figures[name] for name in ("cpu", "user", "system", "rate")], [8, 2, 6, 20])

    def test_several_servers_are_added(self):
        one = run_of(8)
        one["server"] *= 3
        self.assertEqual(report.figures(one)["cpu"], 24)

    def test_quartiles(self):
        self.assertEqual(report.quartiles([5, 1, 4, 2, 3]), [2, 3, 4])
        self.assertEqual(report.quartiles([7]), [7, 7, 7])
        self.assertIsNone(report.quartiles([None]))

    def test_a_ratio_is_taken_within_a_round(self):
        # A machine that becomes three times slower changes no ratio.
        scenario = SCENARIOS["fanout-1-32"]
        runs = {"peal": [run_of(2), run_of(6)], "floor": [run_of(1), run_of(3)]}
        self.assertEqual(report.summarise(scenario, runs)["cpu_to"]["quartiles"], {"peal": [2, 2, 2]})

    def test_joined_messages_are_compared_with_the_joined_floor(self):
        runs = {name: [run_of(1)] for name in PEERS}
        bases = [report.summarise(SCENARIOS[f"fanout-{n}-32"], runs)["cpu_to"]["base"] for n in (1, 8)]
        self.assertEqual(bases, ["floor", "floor-joined"])

    def verdict(self, peal, floor):
        scenario = Scenario("one", "", goals=(Goal("cpu", "peal", "floor", "<=", 1.15),))
        runs = {"peal": [run_of(one) for one in peal], "floor": [run_of(floor) for _ in peal]}
        summary = report.summarise(scenario, runs)
        self.assertIn("peal / floor", report.text(summary))
        return summary["goals"][0]["verdict"]

    def test_goals(self):
        enough = DECIDING_ROUNDS
        self.assertEqual(self.verdict([11] * enough, 10), "met")
        self.assertEqual(self.verdict([12] * enough, 10), "missed")
        self.assertEqual(self.verdict([11] * (enough - 1), 10), "undecided")
        # The lower quartile decides: a third of the rounds is enough, one of them is not.
        self.assertEqual(self.verdict([11] * 3 + [12] * (enough - 3), 10), "met")
        self.assertEqual(self.verdict([11] + [12] * (enough - 1), 10), "missed")


class Checks(unittest.TestCase):
    scenario = SCENARIOS["fanout-1-32"]

    def check(self, scenario=scenario, **other):
        return run.checked(Named, scenario, json.dumps(run_of(4, scenario, **other)))

    def test_a_complete_run_is_taken(self):
        self.assertEqual(self.check()["deliveries"], 4 * self.scenario.clients)

    def test_rooms_have_fewer_recipients_than_clients(self):
        self.assertEqual(self.check(SCENARIOS["rooms-1"])["deliveries"], 4 * 10)

    def test_an_incomplete_run_is_a_failure(self):
        for other in ({"lost": 1}, {"out_of_order": 1}, {"deliveries": 3999}, {"clients": 999}, {"deliveries": 0}):
            with self.subTest(other), self.assertRaises(Failed):
                self.check(**other)

    def test_nonsense_is_a_failure(self):
        for output in ("", "{}", "[]", '{"clients": 1000}'):
            with self.subTest(output), self.assertRaises(Failed):
                run.checked(Named, self.scenario, output)


if __name__ == "__main__":
    sys.exit(cases.main(Sums, Checks))
