#!/usr/bin/env python3
"""Checks that every relative link in the documents leads to something that is there, headings included."""

import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
SKIPPED = {".git", "node_modules", "__pycache__"}


def documents():
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in SKIPPED and not name.startswith("build")]
        yield from (os.path.join(folder, name) for name in names if name.endswith(".md"))


def anchors(path):
    """The names that headings get when a Markdown file is shown."""
    with open(path, encoding="utf-8") as text:
        headings = re.findall(r"^#+\s+(.*)$", FENCE.sub("", text.read()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def main():
    problems = []
    for path in sorted(documents()):
        with open(path, encoding="utf-8") as text:
            links = LINK.findall(FENCE.sub("", text.read()))
        for link in links:
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = link.partition("#")
            target = os.path.normpath(os.path.join(os.path.dirname(path), target)) if target else path
            if not os.path.exists(target):
                problems.append(f"{os.path.relpath(path, ROOT)}: {link}: there is no such file")
            elif anchor and target.endswith(".md") and anchor not in anchors(target):
                problems.append(f"{os.path.relpath(path, ROOT)}: {link}: there is no such heading")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
