"""Writes files as C string literals: embed.py OUTPUT FILE…

Each file becomes `static const char name[]`, its name with every character that C does not take as an underscore.
"""

import pathlib
import sys

output, *inputs = sys.argv[1:]
lines = ["/* Made by embed.py; do not edit. */"]
for path in map(pathlib.Path, inputs):
    name = "".join(c if c.isalnum() else "_" for c in path.name)
    lines.append(f"static const char {name}[] =")
    for row in path.read_bytes().splitlines(keepends=True):
        # Three-digit octal escapes cannot swallow the character behind them; ?? would begin a trigraph.
        text = "".join(
            chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in row
        )
        lines.append(f'\t"{text}"')
    lines.append("\t;")
pathlib.Path(output).write_text("\n".join(lines) + "\n")
