"""Runs the cases of unittest classes and prints them as TAP, each with its name as a sentence."""

import unittest


def main(*groups):
    """Returns the exit status."""
    result = unittest.TestResult()
    cases = [case for group in groups for case in unittest.defaultTestLoader.loadTestsFromTestCase(group)]
    print(f"1..{len(cases)}")
    for number, case in enumerate(cases, 1):
        before = len(result.failures) + len(result.errors)
        case.run(result)
        problems = (result.failures + result.errors)[before:]
        title = case.id().split(".")[-1].removeprefix("test_").replace("_", " ")
        print(f"{'not ok' if problems else 'ok'} {number} - {title}")
        for _, problem in problems:
            print("# " + problem.rstrip().replace("\n", "\n# "))
    return 0 if result.wasSuccessful() else 1
