"""The processes that a measurement needs: a Redis for each peer, and the peers. Each is started here and ended by its pid.

Every peer has a Redis of its own, because all of them listen to the same channel: with one for all, each would also pay
for what is published to the others.
"""

import os
import socket
import subprocess
import time
import urllib.parse

HOST = "127.0.0.1"
HERE = os.path.dirname(os.path.abspath(__file__))
# Far above what a start takes: it ends one that hangs and decides nothing.
PATIENCE = 30


class Failed(Exception):
    """What was to be measured did not run as it should; the text says why."""


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


def ask_redis(port, command):
    with socket.create_connection((HOST, port), timeout=PATIENCE) as connection:
        connection.sendall(command.encode() + b"\r\n")
        return connection.recv(4096).decode()


def answers(port):
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def subscribed(redis_port):
    return ask_redis(redis_port, "PUBSUB NUMPAT") != ":0\r\n" or ask_redis(redis_port, "PUBSUB CHANNELS") != "*0\r\n"


class Process:
    """One server, with its output in a file."""

    def __init__(self, name, command, logs, env=None):
        self.name = name
        self.log = os.path.join(logs, f"{name}.log")
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env or environment()
            )

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

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
        try:
            self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


class Peer:
    """A server that is measured, and its Redis."""

    def __init__(self, name, build, logs):
        self.name = name
        self.processes = []
        self.port, redis_port = free_ports(2)
        self.redis = urllib.parse.urlunsplit(("redis", f"{HOST}:{redis_port}", "", "", ""))
        try:
            redis = self.start(
                f"{name}-redis",
                ["redis-server", "--bind", HOST, "--port", str(redis_port), "--save", "", "--appendonly", "no"]
                + ["--dir", logs, "--client-output-buffer-limit", "pubsub", "0", "0", "0"],
                logs,
            )
            redis.wait_until(lambda: answers(redis_port), "for its port")
            self.server = self.start(name, self.command(build), logs)
            self.server.wait_until(lambda: answers(self.port), "for its port")
            self.server.wait_until(lambda: subscribed(redis_port), "for its subscription")
        except BaseException:
            self.stop()
            raise

    def start(self, name, command, logs):
        try:
            process = Process(name, command, logs)
        except OSError as error:
            raise Failed(f"{name}: {error}") from error
        self.processes.append(process)
        return process

    def command(self, build):
        port = ["--port", str(self.port)]
        floor = [os.path.join(build, "bench", "floor"), *port, "--redis", self.redis]
        node = ["node", os.path.join(HERE, "peers", "server.mjs"), *port, "--redis", self.redis]
        return {
            "peal": [
                *(os.path.join(build, "src", "app", "peal"), "serve", "--host", HOST, *port, "--redis", self.redis),
                *("--name", "bench", "--max-clients", "60000", "--log-level", "warning"),
            ],
            "floor": floor,
            "floor-joined": [*floor, "--joined"],
            "uws": [*node, "--engine", "uws"],
            "ws": [*node, "--engine", "ws"],
        }[self.name]

    def check(self):
        for process in self.processes:
            process.check()

    def stop(self):
        while self.processes:
            self.processes.pop().stop()
