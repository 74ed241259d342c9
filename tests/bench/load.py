#!/usr/bin/env python3
"""Whether the load generator counts rightly: against the floor, which loses a message if told to.

    load.py LOAD FLOOR [PEAL]

Starts a Redis of its own. With PEAL it is also run against that program. Prints TAP.
"""

import json
import os
import socket
import subprocess
import sys
import time

PATIENCE = 20  # seconds that anything may take; it ends a hanging test and decides none
HOST = "127.0.0.1"
KEY = "the-key-of-the-tests-of-the-load"
processes = []


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def start(command):
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    )
    processes.append(process)
    return process


def environment():
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PEAL_")}
    return {**clean, "PEAL_API_KEY": KEY}


def await_port(port):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((HOST, port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def run(load, port, redis, *words):
    """Returns the exit status, and what was printed."""
    done = subprocess.run(
        [load, "--connect", f"{HOST}:{port}", "--trigger", redis, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        env=environment(),
        check=False,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def wrong(answer, status, **wanted):
    """What is not as it must be, as text; empty: nothing."""
    found_status, found = answer
    if found_status != status or not isinstance(found, dict):
        return f"exit status {found_status}: {found}"
    differing = [f"{name} {found.get(name)}" for name, value in wanted.items() if found.get(name) != value]
    return ", ".join(differing)


def cases(load, floor, peal):
    redis_port = free_port()
    redis = f"redis://{HOST}:{redis_port}"
    start(["redis-server", "--port", str(redis_port), "--bind", HOST, "--save", "", "--appendonly", "no"])
    await_port(redis_port)

    def serve(*command):
        port = free_port()
        process = start([*command, "--port", str(port), "--redis", redis])
        await_port(port)
        return process, port

    everything = {"clients": 20, "messages": 50, "deliveries": 1000, "lost": 0, "out_of_order": 0, "corrupt": 0}
    common = ("--clients", "20", "--messages", "50")
    process, port = serve(floor)
    yield "one in flight", wrong(run(load, port, redis, *common), 0, **everything)
    words = (*common, "--workers", "3", "--in-flight", "8")
    yield "eight in flight, three workers", wrong(run(load, port, redis, *words), 0, **everything)
    for payload in (0, 70, 1000, 16384, 65536):
        answer = run(load, port, redis, *common, "--in-flight", "4", "--payload", str(payload))
        yield f"{payload} bytes of payload", wrong(answer, 0, **everything)
    status, result = run(load, port, redis, "--clients", "5", "--seconds", "0.3", "--pid", str(process.pid))
    good = status == 0 and result["messages"] > 1 and result["deliveries"] == 5 * result["messages"]
    good = good and [server["pid"] for server in result["server"]] == [process.pid] and result["seconds"] >= 0.3
    latency = result["latency_us"] if status == 0 else {}
    good = good and 0 < latency["p50"] <= latency["p99"] <= latency["p999"]
    yield "a time, and what the server used", "" if good else f"{status}: {result}"
    words = ("--clients", "20", "--messages", "10", "--room-count", "4", "--room-size", "5", "--patience", "0.3")
    # The floor sends to everyone, which is wrong when there are rooms.
    answer = run(load, port, redis, *words)
    yield "messages for others are noticed", "" if answer[0] != 0 else str(answer)

    _, port = serve(floor, "--joined")
    answer = run(load, port, redis, *common, "--in-flight", "8")
    yield "joined buffers", wrong(answer, 0, **everything)

    missing = {**everything, "deliveries": 999, "lost": 1}
    for workers in ("1", "4"):
        _, port = serve(floor, "--drop-one")
        answer = run(load, port, redis, *common, "--workers", workers, "--patience", "0.5")
        yield f"a lost message is noticed by {workers} workers", wrong(answer, 1, **missing)
    _, port = serve(floor, "--drop-one")
    answer = run(load, port, redis, "--clients", "20", "--messages", "3", "--patience", "0.5")
    yield "the last message, lost", wrong(answer, 1, messages=3, deliveries=59, lost=1, out_of_order=0)

    status, text = run(load, free_port(), redis, *common)
    yield "nobody listens", "" if status == 2 else f"{status}: {text}"
    if not peal:
        return
    _, port = serve(peal, "serve")
    words = (*common, "--in-flight", "8")
    yield "the HTTP API as the trigger", wrong(run(load, port, f"http://{HOST}:{port}", *words), 0, **everything)
    yield "the program", wrong(run(load, port, redis, *words), 0, **everything)
    words = ("--clients", "20", "--messages", "40", "--room-count", "10", "--room-size", "5", "--in-flight", "4")
    yield "rooms of the program", wrong(
        run(load, port, redis, *words), 0, messages=40, deliveries=200, lost=0, out_of_order=0, corrupt=0
    )


def main(load, floor, peal=None):
    count = failed = 0
    try:
        for name, problem in cases(load, floor, peal):
            count += 1
            failed += bool(problem)
            print(f"{'not ok' if problem else 'ok'} {count} - {name}")
            if problem:
                print(f"# {problem}")
        print(f"1..{count}")
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
