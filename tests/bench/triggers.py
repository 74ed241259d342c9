#!/usr/bin/env python3
"""Whether the load's ways to publish do what they say, over three nodes, and whether it notices what they do not.

    triggers.py LOAD FLOOR PUBLISHER PEAL

Starts a Redis of its own. Prints TAP.
"""

import http.client
import http.server
import json
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
from load import HOST, PATIENCE, environment, part, processes, run, serve_with, show, start_redis, wrong  # noqa: E402

CLIENTS = 30
COMMON = ("--clients", str(CLIENTS), "--messages", "24")


class Proxy(http.server.BaseHTTPRequestHandler):
    """Passes the API's answers on, and changes them as the server's `change` says."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        node = http.client.HTTPConnection(HOST, self.server.node, timeout=PATIENCE)
        node.request("POST", self.path, body, {"Authorization": self.headers["Authorization"]})
        answer = node.getresponse()
        text = self.server.change(answer.read())
        node.close()
        self.send_response(answer.status)
        if self.server.close:
            self.send_header("Connection", "close")
        if self.server.chunk:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for at in range(0, len(text), self.server.chunk):
                piece = text[at : at + self.server.chunk]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

    def log_message(self, *_):
        pass


def proxy(node, change=lambda text: text, chunk=0, close=False):
    server = http.server.ThreadingHTTPServer((HOST, 0), Proxy)
    server.daemon_threads = True
    server.node, server.change, server.chunk, server.close = node, change, chunk, close
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://{HOST}:{server.server_port}"


def changed(edit):
    """A change of the JSON list that an answer is."""

    def change(text):
        answer = json.loads(text)
        edit(answer)
        return json.dumps(answer, separators=(",", ":")).encode()

    return change


def publisher_says(publisher, redis, *words):
    done = subprocess.run(
        [publisher, "--redis", redis, "--emits", "3000", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        env=environment(),
        check=False,
    )
    try:
        told = json.loads(done.stdout)
    except ValueError:
        return f"{done.returncode}: {done.stdout}{done.stderr}"
    good = done.returncode == 0 and told["emits"] == 3000 and told["seconds"] > 0
    good = good and told["cpu_us"] == told["user_us"] + told["system_us"] > 0
    return "" if good else str(told)


def over_nodes(load, ports, redis):
    """What must be complete with messages that are published at each node."""
    nodes = ",".join(f"http://{HOST}:{port}" for port in ports)
    acknowledged = ("--ack", "10000")
    whole = part(CLIENTS, 24)
    cases = {
        "messages from each node in turn": (nodes, (), whole),
        "eight in flight from each node": (nodes, ("--in-flight", "8", "--workers", "2"), whole),
        "Redis and a node in turn": (f"{redis},{nodes}", ("--in-flight", "5"), whole),
        "attachments through Redis": (redis, ("--binary", "--payload", "1000", "--in-flight", "4"), whole),
        "attachments through the API": (nodes, ("--binary", "--payload", "65536"), whole),
        "empty attachments": (nodes, ("--binary", "--payload", "0"), whole),
        "attachments to clients that poll": (redis, ("--binary", "--transport", "polling"), whole),
        "acknowledgements over three nodes": (nodes, acknowledged, {**whole, "acks": CLIENTS * 24}),
        "acknowledgements with five in flight": (
            nodes,
            (*acknowledged, "--in-flight", "5"),
            {**whole, "acks": CLIENTS * 24},
        ),
        "acknowledgements of attachments": (nodes, (*acknowledged, "--binary"), {**whole, "acks": CLIENTS * 24}),
        "acknowledgements by clients that poll": (
            nodes,
            (*acknowledged, "--transport", "polling"),
            {**whole, "acks": CLIENTS * 24},
        ),
        "all but some, through Redis": (redis, ("--except", "7"), part(CLIENTS, 24, deliveries=23 * 24)),
        "rooms and acknowledgements, but not of some": (
            nodes,
            # Ten of thirty clients are in each of four rooms; four of the first room's are left out, and of the last one's.
            (*acknowledged, "--room-count", "4", "--room-size", "10", "--except", "4"),
            part(CLIENTS, 24, deliveries=6 * (6 + 10 + 10 + 6), acks=6 * (6 + 10 + 10 + 6)),
        ),
    }
    for name, (trigger, words, wanted) in cases.items():
        yield name, wrong(run(load, ports, trigger, *COMMON, *words), 0, **wanted)


def cases(load, floor, publisher, peal):
    redis = start_redis()
    ports = tuple(serve_with(redis, peal, "serve", "--name", name)[1] for name in ("a", "b", "c"))
    yield from over_nodes(load, ports, redis)

    def through(trigger, *words):
        return run(load, ports, trigger, "--clients", "5", "--messages", "3", *words)

    ack = ("--ack", "10000")
    whole = part(5, 3, acks=15)
    yield "an answer in chunks", wrong(through(proxy(ports[0], chunk=7), *ack), 0, **whole)
    yield "a server that closes behind each answer", wrong(through(proxy(ports[0], close=True), *ack), 0, **whole)
    fewer = proxy(ports[0], changed(lambda answers: answers[0]["responses"].pop()))
    yield "a missing acknowledgement is noticed", wrong(through(fewer, *ack), 1, **{**whole, "acks": 12})
    other = proxy(ports[0], changed(lambda answers: answers[0]["responses"].append(answers[0]["responses"].pop() + 1)))
    yield "a wrong acknowledgement is noticed", wrong(through(other, *ack), 1, **{**whole, "acks": 12})
    failed = proxy(ports[0], changed(lambda answers: answers[0].update(error="operation has timed out")))
    yield "an error in an answer is noticed", wrong(through(failed, *ack), 1, **{**whole, "acks": 0})
    second = proxy(ports[0], changed(lambda answers: answers[1]["responses"].pop()))
    answer = through(second, *ack, "--in-flight", "3")
    yield "a missing acknowledgement of the second of three is noticed", wrong(answer, 1, **{**whole, "acks": 14})
    second = proxy(ports[0], changed(lambda answers: answers[1].update(error="operation has timed out")))
    answer = through(second, *ack, "--in-flight", "3")
    yield "an error of the second of three is noticed", wrong(answer, 1, **{**whole, "acks": 10})
    status, text = through(redis, *ack)
    yield "acknowledgements need the API", "" if status == 2 else f"{status}: {text}"

    _, port = serve_with(redis, floor)
    # The floor knows no rooms.
    answer = run(load, port, redis, *COMMON, "--except", "3")
    yield "messages to those left out are noticed", wrong(answer, 1, messages=24, deliveries=27 * 24, out_of_order=72)
    for words in (("--form", "all"), ("--form", "room"), ("--at-once", "1")):
        yield f"a publisher with {' '.join(words)}", publisher_says(publisher, redis, *words)
    status, text = run(load, port, redis, *COMMON, "--binary")
    yield "a text is no attachment", "" if status == 2 else f"{status}: {text}"


def main(*programs):
    try:
        return show(cases(*programs))
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
