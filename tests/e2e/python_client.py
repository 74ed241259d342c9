"""Debian's python3-socketio against the test application.

usage: python_client.py URL polling|websocket|upgrade; ends with `all good`, or 77 when the package is missing.
"""

import json
import queue
import sys
import time
import urllib.request

try:
    import engineio
    import socketio
except ImportError:
    sys.exit(77)

url, way = sys.argv[1:3]
# The package refuses poll responses with more packets than this, 16 unless told otherwise.
engineio.payload.Payload.max_decode_packets = 1000
transports = {"polling": ["polling"], "websocket": ["websocket"], "upgrade": ["polling", "websocket"]}[way]


def control(**command):
    request = urllib.request.Request(
        url + "/control", data=json.dumps(command).encode(), headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.load(response)


class Client:
    def __init__(self):
        self.socket = socketio.Client(reconnection=False)
        self.events = queue.Queue()
        for namespace in ("/", "/custom", "/dynamic-7"):
            self.socket.on("connect", self.take("connect", namespace), namespace=namespace)
            for event in ("echo-back", "auth", "news"):
                self.socket.on(event, self.take(event, namespace), namespace=namespace)
        self.socket.on("question", self.question)

    def take(self, event, namespace):
        return lambda *args: self.events.put((namespace, event, list(args)))

    @staticmethod
    def question(*args):
        return args

    def expect(self, namespace, event):
        """The arguments of the next event of that name; others before it are kept."""
        others = []
        deadline = time.monotonic() + 20
        while True:
            found = self.events.get(timeout=max(0.1, deadline - time.monotonic()))
            if found[:2] == (namespace, event):
                for other in others:
                    self.events.put(other)
                return found[2]
            others.append(found)

    def connect(self):
        self.socket.connect(
            url, transports=transports, namespaces=["/", "/custom", "/dynamic-7"], auth={"token": "123"},
            wait_timeout=20,
        )
        for namespace in ("/", "/custom", "/dynamic-7"):
            self.expect(namespace, "connect")


def same(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


first, second = Client(), Client()
first.connect()
second.connect()
same(first.expect("/custom", "auth"), [{"token": "123"}])

values = [1, -2.5, "héllo 日本語 🚀", True, None, [1, [2]], {"a": {"b": []}}]
first.socket.emit("echo", tuple(values))
same(first.expect("/", "echo-back"), values)
same(first.socket.call("echo", {"x": 1}, timeout=20), {"x": 1})
same(first.socket.call("echo", b"\x00\x01binary", timeout=20), b"\x00\x01binary")
same(first.socket.call("echo", {"nested": [b"abc", b""]}, namespace="/custom", timeout=20), {"nested": [b"abc", b""]})
same(first.socket.call("echo", "x" * 900000, timeout=20), "x" * 900000)

for number in range(200):
    first.socket.emit("echo", number)
same([first.expect("/", "echo-back") for _ in range(200)], [[number] for number in range(200)])

first.socket.call("join", "python", timeout=20)
second.socket.call("join", "python", namespace="/dynamic-7", timeout=20)
control(do="emit", rooms=["python"], event="news", args=["room", {"_placeholder": True, "num": 0}], attachments=["00ff"])
same(first.expect("/", "news"), ["room", b"\x00\xff"])
control(do="emit", ns="<pattern>", event="news", args=["dynamic"])
same(first.expect("/dynamic-7", "news"), ["dynamic"])
same(second.expect("/dynamic-7", "news"), ["dynamic"])
control(do="emit", event="news", args=["everyone"])
same(first.expect("/", "news"), ["everyone"])
same(second.expect("/", "news"), ["everyone"])

answer = control(do="emit", event="question", args=[1, "a"], timeout=20000)
same(answer["error"], None)
same([response["args"] for response in answer["responses"]], [[1], [1]])

refused = socketio.Client(reconnection=False)
refusals = queue.Queue()
refused.on("connect_error", refusals.put, namespace="/refused")
try:
    refused.connect(url, transports=transports, namespaces=["/refused"], wait_timeout=1)
    raise AssertionError("the middleware let us in")
except socketio.exceptions.ConnectionError:
    same(refusals.get(timeout=20), {"message": "not authorized", "data": {"content": "later"}})
refused.disconnect()

first.socket.disconnect()
second.socket.disconnect()
print("all good")
