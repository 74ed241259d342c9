#!/usr/bin/env python3
"""Checks that each statement of refused.txt compiles, or does not, as its first word says. Prints TAP.

    check_refused.py COMPILER FLAG…

Warnings are errors: in C a pointer of a wrong type is only worth a warning.
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

# The statements stand in a function with these.
FRAME = """#include <peal/peal.h>
struct cJSON;
struct point { int x, y; };
void frame(struct peal_namespace *io, struct peal_socket *socket, const struct peal_event *event,
	   peal_acks_fn *on_acks, peal_ack_fn *on_ack, struct cJSON *tree, struct point point, int *number, bool flag);
void frame(struct peal_namespace *io, struct peal_socket *socket, const struct peal_event *event,
	   peal_acks_fn *on_acks, peal_ack_fn *on_ack, struct cJSON *tree, struct point point, int *number, bool flag)
{
	int numbers[3] = { 1, 2, 3 };
	unsigned char bytes[3] = { 1, 2, 3 };
	(void)io; (void)socket; (void)event; (void)on_acks; (void)on_ack; (void)tree; (void)point; (void)number;
	(void)flag; (void)numbers; (void)bytes;
	%s
}
"""


def compiles(compiler, flags, statement):
    command = [compiler, "-std=gnu11", "-fsyntax-only", "-Wall", "-Werror", "-x", "c", "-"] + flags
    done = subprocess.run(
        command, input=FRAME % statement, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.returncode == 0, done.stdout


def main(compiler, *flags):
    failed = number = 0
    with open(os.path.join(HERE, "refused.txt"), encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("#") or not line.strip():
                continue
            number += 1
            why, statement = line.split(None, 1)
            wanted = why == "compiles"
            seen, output = compiles(compiler, list(flags), statement.strip())
            good = seen == wanted
            failed += not good
            verdict = "compiles" if wanted else f"does not compile ({why})"
            print(f"{'ok' if good else 'not ok'} {number} - {compiler}: {verdict}: {statement.strip()}")
            if not good:
                print("".join(f"# {text}\n" for text in output.splitlines()[:10]), end="")
    return 1 if failed or not number else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
