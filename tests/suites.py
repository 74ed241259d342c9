#!/usr/bin/env python3
"""Runs the test suites, nearly all one after the other, and sums them up.

A suite is a command that ends with the line "N passed, N failed" or prints TAP, or a suite of `meson test`, whose
programs print TAP. Its whole output goes to build/test-logs/; here it gets one line, and what failed is shown below it.
A suite that fails without saying what, or in which nothing ran, counts as one failure: silence is never success.
The last line is the sum. Needs nothing beyond Python's standard library.
"""

import glob
import json
import os
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOGS = os.path.join(ROOT, "build", "test-logs")

# Builds besides build/, and how they differ from it.
SANITIZED = "build-asan"
FALLBACK = "build-fallback"
BENCH = "build-bench"
BUILDS = {
    SANITIZED: [
        "--buildtype=debugoptimized",
        "-Db_sanitize=address,undefined",
        "-Db_lundef=false",
        "-Db_ndebug=false",
        "-Dc_args=-fno-sanitize-recover=undefined -fno-omit-frame-pointer",
    ],
    FALLBACK: ["--buildtype=debugoptimized", "-Ddirect_write=false"],
    BENCH: ["-Dbench=true", "-Dtests=false", "-Dwerror=true"],
}
SANITIZE_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
}

SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed$")
TAP = re.compile(r"^\s*(ok|not ok)\b\s*(\d+)?\s*-?\s*(.*)$")
# How Node.js' test runner ends its TAP. Its lines are not counted: it also prints one for each file and suite.
NODE_SUMMARY = re.compile(r"^# (pass|fail|cancelled|skipped|todo) (\d+)$", re.MULTILINE)
SKIPPED = re.compile(r"#\s*skip", re.IGNORECASE)

# How much of a failed suite's output is shown; the log has all of it.
SHOWN_LINES = 60
SHOWN_BELOW = 20

# Seconds that a suite may take. It ends one that hangs and decides nothing else.
LONGEST = 900


class Result:
    """What one suite came to."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.failures = []  # lines to show

    def fail(self, *lines):
        self.failed += 1
        self.failures += lines

    def show(self, output):
        """Adds the failed cases of a TAP text with what stands below each, or its end if there are none."""
        lines = output.splitlines()
        shown = []
        below = 0
        for line in lines:
            match = TAP.match(line)
            if match:
                below = SHOWN_BELOW if match.group(1) == "not ok" else 0
            if below:
                below -= 1
                shown.append(line)
        self.failures += shown or lines[-SHOWN_LINES:]

    def count_tap(self, text, prefix=""):
        """Adds the TAP lines of @text. Returns whether there were any."""
        seen = False
        for line in text.splitlines():
            match = TAP.match(line)
            if not match:
                continue
            seen = True
            if SKIPPED.search(line):
                self.skipped += 1
            elif match.group(1) == "ok":
                self.passed += 1
            else:
                self.fail(prefix + line.strip())
        return seen


def run(command, log, environment=None, seconds=LONGEST):
    """Runs @command with its output in @log. Returns its exit status; None when it took too long."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        try:
            return process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            # Whatever the suite left behind goes with it: the process group is its own.
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def tail(log):
    with open(log, encoding="utf-8", errors="replace") as text:
        return text.read().splitlines()[-SHOWN_LINES:]


def command_suite(command, log, environment=None, seconds=LONGEST):
    """A program that prints its own sum, or TAP."""
    result = Result()
    if "/" in command[0] and not os.access(os.path.join(ROOT, command[0]), os.X_OK):
        result.fail(f"{command[0]} does not exist")
        return result
    status = run(command, log, environment, seconds)
    with open(log, encoding="utf-8", errors="replace") as text:
        output = text.read()
    sums = [match for match in map(SUMMARY.match, output.splitlines()) if match]
    node = dict(NODE_SUMMARY.findall(output))
    if sums:
        result.passed, result.failed = int(sums[-1].group(1)), int(sums[-1].group(2))
    elif node:
        result.passed = int(node["pass"])
        result.failed = int(node["fail"]) + int(node["cancelled"])
        result.skipped = int(node["skipped"]) + int(node["todo"])
    else:
        result.count_tap(output)
    if result.failed:
        result.failures = []
        result.show(output)
    if status is None:
        result.fail(f"still running after {seconds} seconds", *tail(log))
    elif status != 0 and not result.failed:
        result.fail(f"exit status {status}", *tail(log))
    return result


def meson_suite(build, suite, log, environment=None, seconds=LONGEST, together=None):
    """A suite of `meson test`; counts the cases inside its programs, of which so many run @together."""
    result = Result()
    base = "testlog-" + suite
    records = os.path.join(ROOT, build, "meson-logs", base + ".json")
    if os.path.exists(records):
        os.unlink(records)
    command = ["meson", "test", "-C", build, "--no-rebuild", "--suite", suite, "--logbase", base]
    if together:
        command += ["--num-processes", str(together)]
    status = run(command, log, environment, seconds)
    if os.path.exists(records):
        with open(records, encoding="utf-8") as lines:
            for line in lines:
                count_meson_test(json.loads(line), result)
    if status is None:
        result.fail(f"still running after {seconds} seconds", *tail(log))
    elif status != 0 and not result.failed:
        result.fail(f"meson test: exit status {status}", *tail(log))
    return result


def count_meson_test(record, result):
    name = record["name"].split(" / ")[-1]
    failed_before = result.failed
    seen = result.count_tap(record.get("stdout", ""), prefix=name + ": ")
    outcome = record["result"]
    if outcome in ("OK", "EXPECTEDFAIL"):
        if not seen:
            result.passed += 1
        return
    if outcome == "SKIP":
        result.skipped += 0 if seen else 1
        return
    # A program that crashed, leaked or hung may have no failed case of its own.
    if result.failed == failed_before:
        result.fail(f"{name}: {outcome}, exit status {record.get('returncode')}")
    output = record.get("stderr") or ("" if seen else record.get("stdout", ""))
    result.failures += output.splitlines()[-SHOWN_LINES:]


def node_suite(folder, log, environment):
    """The *.test.mjs files of a folder, two at a time since they wait more than they work, by Node.js' test runner."""
    files = sorted(glob.glob(os.path.join(folder, "*.test.mjs"), root_dir=ROOT))
    return command_suite(["node", "--test", "--test-concurrency=2", "--test-reporter=tap", *files], log, environment)


def built(build, log):
    """Configures and builds one of BUILDS. Returns a failed result, or None."""
    steps = [["ninja", "-C", build, "--quiet"]]
    if not os.path.exists(os.path.join(ROOT, build, "build.ninja")):
        steps.insert(0, ["meson", "setup", build, "-Dtests=true", *BUILDS[build]])
    for step in steps:
        if run(step, log, seconds=2 * LONGEST) != 0:
            result = Result()
            result.fail(" ".join(step[:3]) + " failed", *tail(log))
            return result
    return None


def unit_in(build, log, environment=None):
    """The unit tests of a build. Those that take long wait for a Redis and leave the processors to others."""
    return meson_suite(build, "unit", log, environment, together=2 * (os.cpu_count() or 1))


def lint(log):
    return command_suite(["scripts/lint"], log)


def unit(log):
    return unit_in("build", log)


def fuzz(log):
    return meson_suite("build", "fuzz", log)


def budget(log):
    """Instructions of what a node does most, against tests/budget/budgets.json; before that, whether the comparison works."""
    guard = command_suite(["tests/budget/guard.py"], log)
    # The log has both, and so has the sum.
    return guard if guard.failed else command_suite(["tests/budget/run"], log, {"PEAL_BUILD": "build"})


def install(log):
    return command_suite(["tests/install/run"], log)


def program(log):
    return node_suite("tests/app", log, {"PEAL_BUILD": "build"})


def browser(log):
    return node_suite("tests/browser", log, {"PEAL_BUILD": "build"})


def end_to_end(log):
    return command_suite(["tests/e2e/run", "--target", "peal"], log, {"PEAL_BUILD": "build"})


def reference(log):
    """The end-to-end tests against the Node.js server: what they say about peal has to be true of it too."""
    return command_suite(["tests/e2e/run", "--target", "reference"], log)


def cluster(log):
    """What official servers and the official emitter do in a cluster, in each mixture, and with official servers alone."""
    return command_suite(["tests/e2e/run", "cluster_cases", "cluster_emitter", "cluster_awkward"], log, {"PEAL_BUILD": "build"})


def cluster_promises(log):
    """What peal promises beyond them: costs, who is told what when, what is left after a fault."""
    files = ["cluster_rooms", "cluster_acks", "cluster_outage", "cluster_api"]  # the longest first: two run at a time
    return command_suite(["tests/e2e/run", *files], log, {"PEAL_BUILD": "build"})


def deploy(log):
    """The shipped files of the balancers, docker-compose.yml, the Dockerfile, and scripts/cluster."""
    return node_suite("tests/deploy", log, {"PEAL_BUILD": "build"})


def docs(log):
    """What the pages say: their commands and examples are run, and the guide is followed."""
    return node_suite("tests/docs", log, {"PEAL_BUILD": "build"})


def fallback_unit(log):
    return built(FALLBACK, log) or unit_in(FALLBACK, log)


def bench(log):
    """That the load generator counts rightly; how fast anything is, is no matter of tests."""
    return built(BENCH, log) or meson_suite(BENCH, "bench", log)


def sanitized_unit(log):
    return built(SANITIZED, log) or unit_in(SANITIZED, log, SANITIZE_ENVIRONMENT)


def sanitized_fuzz(log):
    return built(SANITIZED, log) or meson_suite(SANITIZED, "fuzz", log, SANITIZE_ENVIRONMENT)


def sanitized_program(log):
    environment = {"PEAL_BUILD": SANITIZED, **SANITIZE_ENVIRONMENT}
    return built(SANITIZED, log) or node_suite("tests/app", log, environment)


def sanitized_end_to_end(log):
    environment = {
        "PEAL_BUILD": SANITIZED,
        "PEAL_E2E_PART": "main",
        "PEAL_MUTATIONS": "100000",
        **SANITIZE_ENVIRONMENT,
    }
    return built(SANITIZED, log) or command_suite(["tests/e2e/run"], log, environment)


def sanitized_cluster(log):
    files = ["cluster_awkward", "cluster_cases", "cluster_outage"]
    environment = {"PEAL_BUILD": SANITIZED, **SANITIZE_ENVIRONMENT}
    command = ["tests/e2e/run", "--target", "peal", *files]
    return built(SANITIZED, log) or command_suite(command, log, environment)


SUITES = {
    "lint": lint,
    "unit": unit,
    "fuzz": fuzz,
    "budget": budget,
    "install": install,
    "app": program,
    "browser": browser,
    "e2e": end_to_end,
    "reference": reference,
    "cluster": cluster,
    "promises": cluster_promises,
    "deploy": deploy,
    "docs": docs,
    "fallback": fallback_unit,
    "bench": bench,
    "asan-unit": sanitized_unit,
    "asan-fuzz": sanitized_fuzz,
    "asan-app": sanitized_program,
    "asan-e2e": sanitized_end_to_end,
    "asan-cluster": sanitized_cluster,
}


# Node.js only, and it waits more than it works: it runs beside the suites in front of it.
BESIDE = {"reference"}


def run_suite(name):
    """Returns the result and the seconds that it took."""
    log = os.path.join(LOGS, name + ".log")
    if os.path.exists(log):
        os.unlink(log)
    started = time.monotonic()
    result = SUITES[name](log)
    if not result.passed and not result.failed:
        result.fail("nothing ran", *(tail(log) if os.path.exists(log) else []))
    return result, time.monotonic() - started


def main(arguments):
    if any(argument.startswith("-") for argument in arguments):
        print("suites: " + " ".join(SUITES))
        return 0 if arguments[0] in ("--list", "-h", "--help") else 2
    unknown = [name for name in arguments if name not in SUITES]
    if unknown:
        print("no such suite: " + " ".join(unknown) + "; there are: " + " ".join(SUITES), file=sys.stderr)
        return 2

    os.makedirs(LOGS, exist_ok=True)
    names = arguments or list(SUITES)
    pool = ThreadPoolExecutor()
    beside = {name: pool.submit(run_suite, name) for name in BESIDE.intersection(names[1:])}
    passed = failed = 0
    for name in names:
        result, took = beside[name].result() if name in beside else run_suite(name)
        passed += result.passed
        failed += result.failed
        verdict = "FAIL" if result.failed else "ok"
        skipped = f", {result.skipped} skipped" if result.skipped else ""
        print(f"{verdict:4} {name:10} {result.passed:5} passed {result.failed:4} failed{skipped}  ({took:.1f} s)")
        for line in result.failures[: 4 * SHOWN_LINES]:
            print("       " + line)
        sys.stdout.flush()
    if failed:
        print(f"all output: {os.path.relpath(LOGS, ROOT)}/")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
