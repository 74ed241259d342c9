#!/usr/bin/env python3
"""Whether tests/budget/run notices what became dearer, on counts that are made up. Prints TAP; needs no valgrind."""

import contextlib
import copy
import importlib.machinery
import importlib.util
import io
import json
import os
import sys
import unittest

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import cases  # noqa: E402

LOADER = importlib.machinery.SourceFileLoader("budget_run", os.path.join(HERE, "run"))
run = importlib.util.module_from_spec(importlib.util.spec_from_loader("budget_run", LOADER))
LOADER.exec_module(run)

with open(run.BUDGETS, encoding="utf-8") as committed:
    BUDGETS = json.load(committed)


class Guard(unittest.TestCase):
    def setUp(self):
        self.counted = copy.deepcopy(BUDGETS)

    def verdict(self, budgets=BUDGETS):
        """What comes out for self.counted: the failed lines, and all that was printed."""
        tap = run.Tap()
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            run.compare(tap, self.counted, budgets)
            run.check_flat(tap, self.counted)
        failed = [line for line in printed.getvalue().splitlines() if line.startswith("not ok")]
        self.assertEqual(len(failed), tap.failed)
        return failed, printed.getvalue()

    def each(self, kind):
        """Each name of a kind, with fresh counts."""
        for name in BUDGETS[kind]:
            with self.subTest(name):
                self.counted = copy.deepcopy(BUDGETS)
                yield name

    def assert_only(self, name):
        """That @name has failed for its budget, and nothing else has for its own."""
        failed = [line for line in self.verdict()[0] if " against " not in line]
        self.assertEqual(len(failed), 1, failed)
        self.assertIn(f" - {name}: ", failed[0])

    def test_the_budgets_themselves_pass(self):
        self.assertEqual(self.verdict()[0], [])

    def test_a_path_that_is_6_percent_dearer_fails(self):
        for name in self.each("instructions"):
            self.counted["instructions"][name] *= 1.06
            self.assert_only(name)

    def test_a_path_that_is_4_percent_dearer_passes(self):
        for name in self.each("instructions"):
            self.counted["instructions"][name] *= 1.04
            self.assertEqual(self.verdict()[0], [])

    def test_a_path_that_is_6_percent_cheaper_passes_and_is_told(self):
        for name in self.each("instructions"):
            self.counted["instructions"][name] *= 0.94
            failed, printed = self.verdict()
            self.assertEqual(failed, [])
            self.assertEqual(printed.count("lower the budget"), 1)

    def test_a_path_that_is_no_longer_counted_fails(self):
        flat = {name for pair in run.FLAT for name in pair[:2]}
        for name in self.each("instructions"):
            if name not in flat:
                del self.counted["instructions"][name]
                self.assert_only(name)

    def test_a_path_without_a_budget_fails(self):
        for kind in ("instructions", "writes", "sizes"):
            self.counted = copy.deepcopy(BUDGETS)
            self.counted[kind]["something new"] = 1
            self.assert_only("something new")

    def test_one_write_or_byte_more_fails(self):
        for kind, more in (("writes", 0.001), ("sizes", 1)):
            for name in self.each(kind):
                self.counted[kind][name] += more
                self.assert_only(name)

    def test_one_write_or_byte_less_passes_and_is_told(self):
        for kind, less in (("writes", 0.001), ("sizes", 1)):
            for name in self.each(kind):
                self.counted[kind][name] -= less
                failed, printed = self.verdict()
                self.assertEqual(failed, [])
                self.assertEqual(printed.count("lower the budget"), 1)

    def test_what_grows_with_clients_or_rooms_fails_whatever_the_budgets_say(self):
        for few, many, more in run.FLAT:
            for factor, fails in ((1 + more + 0.01, True), (1 + more - 0.01, False)):
                with self.subTest(many, factor=factor):
                    self.counted = copy.deepcopy(BUDGETS)
                    self.counted["instructions"][many] = self.counted["instructions"][few] * factor
                    failed = self.verdict(copy.deepcopy(self.counted))[0]
                    self.assertEqual(len(failed), fails, failed)

    def test_with_another_compiler_only_writes_and_sizes_are_compared_and_what_is_to_be_flat(self):
        self.counted["toolchain"] = "another"
        for name in self.counted["instructions"]:
            self.counted["instructions"][name] *= 2
        failed, printed = self.verdict()
        self.assertEqual(failed, [])
        self.assertEqual(printed.count("# SKIP"), len(BUDGETS["instructions"]))
        for kind in ("writes", "sizes"):
            for name in BUDGETS[kind]:
                self.counted[kind][name] += 1
        few, many, _ = run.FLAT[0]
        self.counted["instructions"][many] = 2 * self.counted["instructions"][few]
        self.assertEqual(len(self.verdict()[0]), len(BUDGETS["writes"]) + len(BUDGETS["sizes"]) + 1)


if __name__ == "__main__":
    sys.exit(cases.main(Guard))
