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
import urllib.request

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from cases import show  # noqa: E402

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


def start_redis():
    port = free_port()
    start(["redis-server", "--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no"])
    await_port(port)
    return f"redis://{HOST}:{port}"


def serve_with(redis, *command):
    port = free_port()
    process = start([*command, "--port", str(port), "--redis", redis])
    await_port(port)
    return process, port


def run(load, port, redis, *words):
    """Returns the exit status, and what was printed."""
    status, lines = held(load, port, redis, "", *words)
    return status, lines[0]


def held(load, port, redis, commands, *words):
    """Returns the exit status, and the objects that were printed; instead of these what was said on standard error."""
    ports = port if isinstance(port, tuple) else (port,)
    done = subprocess.run(
        [load, "--connect", ",".join(f"{HOST}:{port}" for port in ports)]
        + [*(("--trigger", redis) if redis else ()), *words],
        input="".join(command + "\n" for command in commands),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
        env=environment(),
        check=False,
    )
    lines = done.stdout.splitlines()
    return done.returncode, [json.loads(line) for line in lines] if lines else [done.stderr]


def wrong(answer, status, **wanted):
    """What is not as it must be, as text; empty: nothing."""
    found_status, found = answer
    if found_status != status or not isinstance(found, dict):
        return f"exit status {found_status}: {found}"
    differing = [f"{name} {found.get(name)}" for name, value in wanted.items() if found.get(name) != value]
    return ", ".join(differing)


def wrong_parts(answer, status, *wanted):
    """The same for a held load, one of @wanted for each line."""
    found_status, found = answer
    if found_status != status or len(found) != len(wanted):
        return f"exit status {found_status}: {found}"
    problems = (wrong((0, line), 0, **values) for line, values in zip(found, wanted, strict=True))
    return "; ".join(problem for problem in problems if problem)


def part(clients, messages, **differing):
    """What a part is to say when everything arrived."""
    whole = {"clients": clients, "messages": messages, "deliveries": clients * messages}
    return {**whole, "lost": 0, "out_of_order": 0, "corrupt": 0, **differing}


def cases(load, floor, peal):
    redis = start_redis()

    def serve(*command):
        return serve_with(redis, *command)

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
    # The floor knows no rooms: nobody gets what is for one, and everyone what is not for one.
    words = ("--clients", "20", "--messages", "4", "--room-count", "4", "--room-size", "5", "--patience", "0.3")
    answer = run(load, port, redis, *words)
    yield "messages to rooms, lost", wrong(answer, 1, **part(20, 4, deliveries=0, lost=20))
    answer = run(load, port, redis, *common, "--except", "3")
    wanted = part(20, 50, deliveries=850, out_of_order=150)
    yield "messages for others are noticed", wrong(answer, 1, **wanted)

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

    yield from held_cases(load, floor)
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
    yield from metrics_cases(load, port)
    yield from transport_cases(load, redis, lambda *words: serve(peal, "serve", *words))


def metrics(port):
    """What a node has counted, by metric; those with labels are summed up."""
    sums = {}
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=PATIENCE) as answer:
        for line in answer.read().decode().splitlines():
            if line and not line.startswith("#"):
                name, number = line.partition("{")[0].split(" ")[0], float(line.rpartition(" ")[2])
                sums[name] = sums.get(name, 0) + number
    return sums


def metrics_cases(load, port):
    """What the node says that it did is what the load generator has seen."""
    trigger = f"http://{HOST}:{port}"
    for words in (
        ("--in-flight", "8", "--ack", "15000"),
        ("--transport", "polling"),
        ("--room-count", "10", "--room-size", "5"),
    ):
        before = metrics(port)
        status, result = run(load, port, trigger, "--clients", "20", "--messages", "40", *words)
        if status != 0:
            yield f"metrics {words[0]}", f"exit status {status}: {result}"
            continue
        after = metrics(port)
        grown = {name: after[name] - before[name] for name in after if name in before}
        acks = result.get("acks", 0)
        wanted = {
            "peal_connects_total": result["clients"],
            "peal_emits_total": result["messages"],
            "peal_deliveries_total": result["deliveries"],
            "peal_acks_received_total": acks,
            "peal_rounds_ended_total": result["messages"] if acks else 0,
            "peal_drops_total": 0,
        }
        differing = [f"{name} {grown.get(name)}, not {value}" for name, value in wanted.items() if grown.get(name) != value]
        yield f"metrics {words[0]}", ", ".join(differing)


def held_cases(load, floor):
    """Loads that are held, and what they say of the servers and of Redis, which is one that nobody else uses."""
    redis = start_redis()

    def serve(*words):
        return serve_with(redis, floor, *words)

    hold = ("--hold", "--clients", "20", "--patience", "0.5")
    connected = {"event": "connected", "clients": 20}
    process, port = serve()
    words = (*hold, "--pid", str(process.pid), "--redis", redis)
    commands = ("messages 3", "measure 0.1", "messages 50", "measure 0.01", "memory", "leave")
    status, lines = held(load, port, redis, commands, *words, "--in-flight", "2")
    problem = wrong_parts((status, lines[:2] + lines[3:4]), 0, connected, part(20, 3), part(20, 50))
    yield "each part of a held load has only what is its own", problem
    if problem:
        return
    good = lines[2]["messages"] > 1 and lines[2]["deliveries"] == 20 * lines[2]["messages"]
    yield "a part that takes a time", "" if good and lines[2]["seconds"] >= 0.1 else str(lines[2])
    good = all(0 < line["latency_us"]["p50"] <= line["latency_us"]["p999"] for line in lines[1:5])
    yield "latencies of each part", "" if good else str(lines)
    good = all(line["redis"]["commands"] == line["redis"]["publishes"] == line["messages"] for line in lines[1:5])
    # The text of the event, its number and 32 bytes, in what the emitter sends and in what the floor gets.
    for name in ("input_bytes", "output_bytes"):
        good = good and all(100 < line["redis"][name] / line["messages"] < 200 for line in lines[1:5])
    yield "commands and bytes of Redis are those of the part", "" if good else str(lines)
    steps = lines[0]["steps"]
    used = sum(step["cpu_us"] for step in steps)
    good = [step["clients"] for step in steps] == [20] and 0 < used <= lines[0]["server"][0]["cpu_us"] + 1
    yield "what connecting takes", "" if good else str(lines[0])
    good = lines[5]["event"] == "memory" and all(
        memory["pid"] == process.pid and 0 < memory["before_bytes"] <= memory["bytes"] for memory in lines[5]["memory"]
    )
    yield "memory", "" if good else str(lines[5])
    problem = wrong((0, lines[6]), 0, event="left", clients=20)
    yield "all clients leave", problem or ("" if lines[6]["server"][0]["cpu_us"] > 0 else str(lines[6]))
    answer = held(load, port, None, ("measure 0.05",), *words)
    idle = {"redis": {"commands": 0, "publishes": 0, "input_bytes": 0, "output_bytes": 0}}
    yield "without a trigger nothing is published", wrong_parts(answer, 0, connected, part(20, 0, **idle))
    answer = held(load, port, redis, ("messages 1",), "--hold", "--clients", "2100", "--pid", str(process.pid))
    sizes = [step["clients"] for step in answer[1][0]["steps"]] if answer[0] == 0 else []
    yield "clients connect in steps of a thousand", "" if sizes == [1000, 1000, 100] else str(answer)
    _, other = serve()
    answer = held(load, (port, other), redis, ("messages 9",), *hold, "--workers", "2")
    yield "clients of two nodes", wrong_parts(answer, 0, connected, part(20, 9))
    _, dropping = serve("--drop-one")
    answer = held(load, dropping, redis, ("messages 5", "messages 5"), *hold)
    wanted = (connected, part(20, 5, deliveries=99, lost=1), part(20, 5))
    yield "what is lost in a part is in no other", wrong_parts(answer, 1, *wanted)
    commands = ("messages 200", "memory")
    words = (*hold, "--pid", str(process.pid), "--payload", "65536", "--in-flight", "8", "--stalled", "3")
    status, lines = held(load, port, redis, commands, *words)
    problem = wrong_parts((status, lines), 0, connected, part(20, 200, deliveries=17 * 200), {"event": "memory"})
    # What three clients do not read and the kernel does not take is kept by the server.
    kept = lines[2]["memory"][0]["bytes"] - lines[2]["memory"][0]["before_bytes"] if not problem else 0
    yield "clients that never read", problem or ("" if kept > 5_000_000 else f"{kept} bytes are kept")
    answer = held(load, port, redis, ("sing",), *hold)
    yield "a command that is none", "" if answer[0] == 2 else str(answer)
    command = [load, "--connect", f"{HOST}:{port}", *hold]
    pipe = subprocess.PIPE
    loaded = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL)
    processes.append(loaded)
    loaded.stdout.readline()
    process.kill()
    yield "a held load notices that its server is gone", "" if loaded.wait(PATIENCE) == 2 else str(loaded.returncode)


def transport_cases(load, redis, serve):
    """Long polling, and pings: both need a server that does them."""
    process, port = serve("--ping-interval", "100", "--ping-timeout", "200")
    connected = {"event": "connected", "clients": 20}
    for transport in ("websocket", "polling"):
        words = ("--hold", "--clients", "20", "--transport", transport, "--workers", "2", "--in-flight", "4")
        words = (*words, "--pid", str(process.pid))
        answer = held(load, port, redis, ("messages 10", "measure 0.5", "messages 50", "leave"), *words)
        status, lines = answer
        problem = wrong_parts(
            (status, lines[:2] + lines[3:]), 0, connected, part(20, 10), part(20, 50), {"event": "left", "clients": 20}
        )
        yield f"pings are answered while messages come, {transport}", problem
        answer = held(load, port, None, ("measure 0.5", "leave"), *words)
        wanted = (connected, part(20, 0), {"event": "left", "clients": 20})
        yield f"pings are answered while nothing comes, {transport}", wrong_parts(answer, 0, *wanted)
    for payload in (0, 1000, 65536):
        words = ("--clients", "20", "--transport", "polling", "--payload", str(payload))
        answer = run(load, port, redis, *words, "--messages", "100", "--in-flight", "8")
        yield f"{payload} bytes of payload, polling", wrong(answer, 0, **part(20, 100))
    words = ("--clients", "20", "--messages", "40", "--room-count", "10", "--room-size", "5", "--in-flight", "4")
    answer = run(load, port, redis, *words, "--transport", "polling")
    yield "rooms, polling", wrong(answer, 0, **part(20, 40, deliveries=200))
    _, port = serve("--outbox-limit", "1000000")
    words = ("--hold", "--clients", "20", "--stalled", "3", "--payload", "65536")
    answer = held(load, port, redis, ("messages 200", "leave"), *words)
    wanted = (connected, part(20, 200, deliveries=17 * 200), {"event": "left", "clients": 20})
    yield "clients that never read may be closed by the server", wrong_parts(answer, 0, *wanted)


def main(load, floor, peal=None):
    try:
        return show(cases(load, floor, peal))
    finally:
        for process in processes:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
