#!/usr/bin/env python3
"""Compiles every source as the build does, with another compiler if asked to, and takes every warning for an error.

    compile_sources.py COMPILER

Reads build/compile_commands.json, so that flags and generated headers are those of the build. Writes nothing.
"""

import concurrent.futures
import json
import os
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMANDS = os.path.join(ROOT, "build", "compile_commands.json")

# Options with a value that say where output goes.
WITH_VALUE = {"-o", "-MF", "-MQ", "-MT"}
ALONE = {"-c", "-MD", "-MMD"}


def compile_file(compiler, entry):
    arguments = iter(shlex.split(entry["command"])[1:])
    kept = []
    for argument in arguments:
        if argument in WITH_VALUE:
            next(arguments)
        elif argument not in ALONE:
            kept.append(argument)
    # gcc sees some mistakes only when it optimizes; clang finds its own without.
    mode = ["-S", "-o", os.devnull] if compiler == "gcc" else ["-fsyntax-only"]
    command = [compiler, *kept, *mode, "-Werror", "-fdiagnostics-color=never"]
    done = subprocess.run(
        command, cwd=entry["directory"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.returncode == 0, done.stdout


def main(compiler):
    if not os.path.exists(COMMANDS):
        print("there is no build/: run scripts/setup first")
        return 1
    with open(COMMANDS, encoding="utf-8") as text:
        # A file that is part of several targets is compiled the same way in each.
        entries = {entry["file"]: entry for entry in json.load(text)}
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for good, output in pool.map(lambda entry: compile_file(compiler, entry), entries.values()):
            if not good:
                failed += 1
                print(output, end="")
    if not entries:
        print("the build has no sources")
    return 1 if failed or not entries else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
