"""The servers that a measurement needs: for each arm a Redis, and the nodes. Each is started here and ended by its pid.

Every arm has a Redis of its own, because all servers listen to the same channel: with one for all, each would also pay for
what is published to the others.
"""

import os
import secrets
import socket
import time
import urllib.error
import urllib.parse
import urllib.request

from processes import HOST, PATIENCE, Failed, Process, environment, free_ports

HERE = os.path.dirname(os.path.abspath(__file__))
# Whoever triggers over HTTP has to have it; a new one for each run.
KEY = secrets.token_hex(16)
# The user's proxy is on no way to this machine.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def url(scheme, port, path=""):
    return urllib.parse.urlunsplit((scheme, f"{HOST}:{port}", path, "", ""))


def ask_redis(port, command):
    """The answer of Redis to a command, whose end is that of its first line or of the bytes that this announces."""
    with socket.create_connection((HOST, port), timeout=PATIENCE) as connection:
        connection.sendall(command.encode() + b"\r\n")
        answer = connection.recv(65536)
        if answer.startswith(b"$"):
            head, _, body = answer.partition(b"\r\n")
            while len(body) < int(head[1:]):
                body += connection.recv(65536) or bytes(int(head[1:]))
            answer = body
        return answer.decode()


def subscribers(redis_port):
    """How many connections have subscribed to something."""
    return sum(line.startswith("id=") for line in ask_redis(redis_port, "CLIENT LIST TYPE pubsub").splitlines())


def accepts(port):
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def page(port, path):
    """What a node says at a path; nothing when it does not say it."""
    try:
        with DIRECT.open(url("http", port, path), timeout=PATIENCE) as answer:
            return answer.read().decode()
    except (OSError, urllib.error.URLError):
        return ""


def metrics(port):
    """The counters of a peal node, by their names without prefix and suffix; with labels, the sum over all of these."""
    counted = {}
    for line in page(port, "/metrics").splitlines():
        name, _, value = line.rpartition(" ")
        if name.startswith("peal_"):
            name = name.partition("{")[0].removeprefix("peal_").removesuffix("_total")
            counted[name] = counted.get(name, 0) + float(value)
    return counted


class Cluster:
    """The nodes of an arm, and their Redis."""

    def __init__(self, arm, kind, nodes, build, logs):
        self.arm = arm
        self.name = arm.name
        self.kind = kind
        self.build = build
        self.logs = logs
        self.processes = []
        self.nodes = []
        self.redis_port, *self.ports = free_ports(1 + nodes)
        self.redis = url("redis", self.redis_port)
        try:
            self.start_redis()
            for number, port in enumerate(self.ports, 1):
                node = self.start(f"{self.name}-{number}", self.command(port, number))
                self.nodes.append(node)
                self.await_node(node, number, port)
            self.await_members()
        except BaseException:
            self.stop()
            raise

    def start_redis(self):
        redis = self.start(
            f"{self.name}-redis",
            ["redis-server", "--bind", HOST, "--port", str(self.redis_port), "--save", "", "--appendonly", "no"]
            + ["--dir", self.logs, "--client-output-buffer-limit", "pubsub", "0", "0", "0"],
        )
        redis.wait_until(lambda: accepts(self.redis_port), "for its port")

    def start(self, name, command):
        more = {"PEAL_API_KEY": KEY} if self.arm.http else {}
        process = Process(name, command, self.logs, environment(**more))
        self.processes.append(process)
        return process

    def await_node(self, node, number, port):
        node.wait_until(lambda: accepts(port), "for its port")
        node.wait_until(lambda: subscribers(self.redis_port) >= number, "for its subscription")
        if self.kind == "peal":
            node.wait_until(lambda: page(port, "/readyz"), "until it is ready")
        elif not self.kind.startswith("floor"):
            node.wait_until(lambda: "listening" in node.tail(), "until it is ready")

    def await_members(self):
        """Only a node that knows the others knows whose answers it has to wait for."""
        if self.kind == "peal":
            for node, port in zip(self.nodes, self.ports):
                others = len(self.ports) - 1
                node.wait_until(lambda port=port: metrics(port).get("cluster_members") == others, "for the others")

    def command(self, port, number):
        words = ["--port", str(port), "--redis", self.redis]
        if self.kind == "peal":
            return [
                *(os.path.join(self.build, "src", "app", "peal"), "serve", "--host", HOST, *words),
                *("--name", f"bench-{number}", "--max-clients", str(self.arm.max_clients), "--log-level", "warning"),
                *(("--outbox-limit", str(self.arm.outbox_limit)) if self.arm.outbox_limit else ()),
            ]
        if self.kind.startswith("floor"):
            floor = [os.path.join(self.build, "bench", "floor"), *words]
            return floor + ["--joined"] * (self.kind == "floor-joined")
        return ["node", os.path.join(HERE, "peers", "server.mjs"), *words, "--engine", self.kind]

    @property
    def pids(self):
        return [node.pid for node in self.nodes]

    @property
    def addresses(self):
        return [f"{HOST}:{port}" for port in self.ports]

    def triggers(self):
        if self.arm.silent:
            return []
        return [url("http", port) for port in self.ports] if self.arm.http else [self.redis]

    def counters(self):
        """What the nodes have counted themselves; only peal's do."""
        if self.kind != "peal":
            return None
        counted = [metrics(port) for port in self.ports]
        try:
            return {name: sum(each[name] for each in counted) for name in ("writes", "outbox_bytes", "sessions")}
        except KeyError as error:
            raise Failed(f"{self.name}: a node does not say what it has counted: {error}") from error

    def check(self):
        for process in self.processes:
            process.check()

    def stop(self):
        """All are asked to end at once, then waited for."""
        for process in reversed(self.processes):
            process.ask_to_stop()
        while self.processes:
            self.processes.pop().stop()


def wait(seconds, clusters):
    """Let time pass, and notice who ends meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(0.1, seconds))
        for cluster in clusters:
            cluster.check()
