"""The load generator of one arm, whose clients stay connected while it is asked for one measured part after the other."""

import contextlib
import json
import os
import select
import subprocess
import time

from processes import PATIENCE, Failed, Process, environment
from servers import KEY

# Seconds for all clients to connect, or to leave: they end what hangs and decide nothing.
CONNECT_PATIENCE = 180
# Seconds that a measured part may take beyond its own.
PART_PATIENCE = 60


class Held:
    """Connects the clients at once; connected() waits for them."""

    def __init__(self, arm, cluster, build, logs):
        self.name = arm.name
        self.rest = b""
        command = [
            *(os.path.join(build, "bench", "load"), "--connect", ",".join(cluster.addresses), *arm.words(), "--hold"),
            *(("--trigger", ",".join(cluster.triggers())) if cluster.triggers() else ()),
            *("--redis", cluster.redis),
            *(word for pid in cluster.pids for word in ("--pid", str(pid))),
        ]
        more = {"PEAL_API_KEY": KEY} if arm.http else {}
        self.process = Process(f"{arm.name}-load", command, logs, environment(**more), pipes=True)

    def connected(self):
        return self.answer(CONNECT_PATIENCE, event="connected")

    def measure(self, seconds):
        return self.ask(f"measure {seconds:g}", seconds + PART_PATIENCE)

    def messages(self, count, patience):
        return self.ask(f"messages {count}", count * patience + PART_PATIENCE)

    def leave(self):
        return self.ask("leave", CONNECT_PATIENCE, event="left")

    def ask(self, command, patience, **wanted):
        try:
            self.process.child.stdin.write(command.encode() + b"\n")
            self.process.child.stdin.flush()
        except OSError as error:
            raise Failed(f"{self.name}: the load generator is gone:\n{self.process.tail()}") from error
        return self.answer(patience, **wanted)

    def answer(self, patience, **wanted):
        line = self.line(patience)
        try:
            answer = json.loads(line)
            if all(answer[name] == value for name, value in wanted.items()):
                return answer
        except (ValueError, KeyError, TypeError):
            pass
        raise Failed(f"{self.name}: the load generator said what cannot be used: {line!r}")

    def line(self, patience):
        """The next line of its standard output."""
        deadline = time.monotonic() + patience
        output = self.process.child.stdout.fileno()
        while b"\n" not in self.rest:
            if not select.select([output], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failed(f"{self.name}: the load generator hangs:\n{self.process.tail()}")
            more = os.read(output, 65536)
            if not more:
                self.process.child.wait(PATIENCE)
                self.process.check()
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\n")
        return line.decode(errors="replace")

    def stop(self):
        """The end of its input ends it and its workers."""
        try:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                self.process.child.stdin.close()
                self.process.child.wait(PATIENCE)
        finally:
            self.process.kill()
