"""Processes that a measurement starts. Each ends with us, however we end, and by its pid."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

HOST = "127.0.0.1"
# Far above what a start takes: it ends one that hangs and decides nothing.
PATIENCE = 30
# Ends a process with its parent, should that be killed; who is only asked to end ends them itself.
LEASH = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Failed(Exception):
    """What was to be measured did not run as it should; the text says why."""


class Signals:
    """Turns the first of the signals that end us into an exit, but not between a start and the note of it."""

    def __init__(self):
        self.held = 0
        self.pending = 0

    def install(self):
        for number in ENDING:
            # nohup, for one, has it ignored: an hour of measuring may outlive its terminal.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.on_signal)

    def on_signal(self, number, _frame):
        # What is being ended has to be ended to the last: more signals change nothing.
        for other in ENDING:
            signal.signal(other, signal.SIG_IGN)
        if self.held:
            self.pending = number
        else:
            sys.exit(128 + number)

    @contextlib.contextmanager
    def hold(self):
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1
            if self.pending and not self.held:
                sys.exit(128 + self.pending)


SIGNALS = Signals()
# Whatever runs now. Who starts something ends it; what is still here at the very end is ended then.
RUNNING = []


def stop_all():
    for process in reversed(RUNNING):
        process.ask_to_stop()
    while RUNNING:
        RUNNING[-1].stop()


def free_ports(count):
    """Ports that nobody has, held all at once so that they differ."""
    held = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def environment(**more):
    """The environment without settings of peal's, which would change what is measured."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PEAL_")} | more


class Process:
    """One process, with what it says in a file. With `pipes` its standard input and output are ours instead.

    It leads a group of its own, which is ended as a whole: whatever it started itself ends with it.
    """

    def __init__(self, name, command, logs, env, pipes=False):
        self.name = name
        self.log = os.path.join(logs, f"{name}.log")
        with open(self.log, "wb") as log, SIGNALS.hold():
            try:
                self.child = subprocess.Popen(
                    [*LEASH, *command],
                    stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                    stdout=subprocess.PIPE if pipes else log,
                    stderr=log,
                    env=env,
                    start_new_session=True,
                )
            except OSError as error:
                raise Failed(f"{name}: {error}") from error
            RUNNING.append(self)

    @property
    def pid(self):
        return self.child.pid

    def check(self):
        if self.child.poll() is not None:
            raise Failed(f"{self.name} ended with {self.child.returncode}:\n{self.tail()}")

    def wait_until(self, ready, what):
        deadline = time.monotonic() + PATIENCE
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise Failed(f"{self.name}: waited too long {what}:\n{self.tail()}")
            time.sleep(0.02)

    def tail(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-20:])

    def ask_to_stop(self):
        if self.child.poll() is None:
            self.child.terminate()

    def stop(self):
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.wait(PATIENCE)
        self.kill()

    def kill(self):
        """End what is left. While the leader has not been waited for, its number is nobody else's."""
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait()
        for pipe in (self.child.stdin, self.child.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        if self in RUNNING:
            RUNNING.remove(self)
