#!/usr/bin/env python3
"""Checks that no C form in forms.c takes more lines than the JavaScript above it. Prints TAP."""

import re
import sys

FORM = re.compile(r"/\*js: (?P<name>[^\n]*)\n(?P<js>.*?)\*/\n(?P<c>.*?)/\*end\*/", re.DOTALL)
EXPECTED_FORMS = 8


def lines(text):
    return sum(1 for line in text.splitlines() if line.strip())


def main(path):
    with open(path, encoding="utf-8") as source:
        forms = list(FORM.finditer(source.read()))
    failed = 0
    for number, form in enumerate(forms, 1):
        in_js, in_c = lines(form["js"]), lines(form["c"])
        good = 0 < in_c <= in_js
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {form['name']}: {in_c} lines in C, {in_js} in JavaScript")
    if len(forms) != EXPECTED_FORMS:
        failed += 1
        print(f"not ok {len(forms) + 1} - {len(forms)} forms found instead of {EXPECTED_FORMS}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
