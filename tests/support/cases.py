"""Prints the cases of a test as TAP."""

import unittest


def show(cases):
    """Cases that come one after the other, each its name and what is wrong with it, if anything. Returns the exit status."""
    count = failed = 0
    for count, (name, problem) in enumerate(cases, 1):
        failed += bool(problem)
        print(f"{'not ok' if problem else 'ok'} {count} - {name}", flush=True)
        if problem:
            print("# " + problem.rstrip().replace("\n", "\n# "), flush=True)
    print(f"1..{count}")
    return 1 if failed else 0


def main(*groups):
    """The cases of unittest classes, each with its name as a sentence. Returns the exit status."""
    return show(of_groups(groups))


def of_groups(groups):
    result = unittest.TestResult()
    for group in groups:
        for case in unittest.defaultTestLoader.loadTestsFromTestCase(group):
            before = len(result.failures) + len(result.errors)
            case.run(result)
            problems = (result.failures + result.errors)[before:]
            title = case.id().split(".")[-1].removeprefix("test_").replace("_", " ")
            yield title, "\n".join(problem for _, problem in problems)
