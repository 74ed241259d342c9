"""What runs come to: several parts of a round added up, figures for each delivery, acknowledgement or client, quartiles."""

import statistics

SERVER_TIMES = ("cpu_us", "user_us", "system_us")
# What is the same in each part of a round, and what is added up.
COUNTS = ("messages", "deliveries", "lost", "out_of_order", "corrupt", "seconds", "acks", "writes")


def quartiles(values):
    """Lower quartile, median and upper quartile; none where there are no values."""
    values = [value for value in values if value is not None]
    if not values:
        return None
    if len(values) == 1:
        return values * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def added(parts):
    """Dictionaries of numbers as one, each number the sum of all."""
    return {name: sum(part[name] for part in parts) for name in parts[0]}


def whole(slices):
    """The slices of one round as one run. A percentile of it is the mean of the slices' own, each by its deliveries."""
    run = {"clients": slices[0]["clients"]}
    run |= {name: sum(part[name] for part in slices) for name in COUNTS if name in slices[0]}
    deliveries = sum(part["deliveries"] for part in slices)
    run["latency_us"] = {
        name: sum(part["latency_us"][name] * part["deliveries"] for part in slices) / deliveries
        for name in slices[0]["latency_us"]
    }
    run["server"] = [added(servers) | {"pid": servers[0]["pid"]} for servers in zip(*(p["server"] for p in slices))]
    if "redis" in slices[0]:
        run["redis"] = added([part["redis"] for part in slices])
    if "waiting_bytes" in slices[0]:
        run["waiting_bytes"] = max(part["waiting_bytes"] for part in slices)
    return run


def times(servers, count):
    """Microseconds of all servers of an arm together, by a count."""
    return [sum(server[name] for server in servers) / count for name in SERVER_TIMES]


def of_broadcasts(run):
    """The figures of a round of broadcasts: microseconds of the servers for each delivery, and what clients saw."""
    deliveries = run["deliveries"]
    cpu, user, system = times(run["server"], deliveries)
    figures = {
        "cpu": cpu,
        "user": user,
        "system": system,
        **{name: run["latency_us"][name] for name in ("p50", "p99", "p999")},
        "rate": deliveries / run["seconds"],
    }
    if run.get("acks"):
        figures["ack"] = cpu * deliveries / run["acks"]
    if "redis" in run:
        figures["redis_commands"] = run["redis"]["commands"] / run["messages"]
        figures["redis_bytes"] = (run["redis"]["input_bytes"] + run["redis"]["output_bytes"]) / deliveries
    if "writes" in run:
        figures["writes"] = run["writes"] / deliveries
    if "waiting_bytes" in run:
        figures["waiting"] = run["waiting_bytes"] / 1e6
    return figures


def of_storm(run):
    """The figures of clients that all came and all left: microseconds of the servers for each of them."""
    connected, left = run["connected"], run["left"]
    clients = connected["clients"]
    cpu, user, system = times(connected["server"], clients)
    steps = [step["cpu_us"] for step in connected["steps"]]
    return {
        "connect": cpu,
        "connect_user": user,
        "connect_system": system,
        "connects": clients / connected["connect_seconds"],
        "last_first": steps[-1] / steps[0] if len(steps) > 1 and steps[0] else None,
        "leave": times(left["server"], left["clients"])[0],
    }


def of_memory(run):
    """What the clients of a held load, that do nothing, add to the resident memory of the servers."""
    servers = run["memory"]
    return {
        "bytes": sum(server["bytes"] - server["before_bytes"] for server in servers) / run["clients"],
        "resident": sum(server["bytes"] for server in servers) / 1e6,
        "empty": sum(server["before_bytes"] for server in servers) / 1e6,
    }


def of_publisher(run):
    cpu, user, system = (run[name] / run["emits"] for name in SERVER_TIMES)
    return {"emit": cpu, "user": user, "system": system}


def of_count(run):
    """A few messages to very many clients: whether all got all of them."""
    return of_broadcasts(run) | {"missing": run["lost"], "clients": run["clients"]}
