"""What the measurements come to: figures of one run, medians and quartiles over the rounds, ratios, goals, the table."""

import statistics

from scenarios import DECIDING_ROUNDS

FIGURES = ("cpu", "user", "system", "p50", "p99", "rate")


def figures(run):
    """The figures of one run of the load generator: microseconds of the server for each delivery, and what clients saw."""
    deliveries = run["deliveries"]
    user = sum(server["user_us"] for server in run["server"]) / deliveries
    system = sum(server["system_us"] for server in run["server"]) / deliveries
    return {
        "cpu": user + system,
        "user": user,
        "system": system,
        "p50": run["latency_us"]["p50"],
        "p99": run["latency_us"]["p99"],
        "rate": deliveries / run["seconds"],
    }


def quartiles(values):
    """Lower quartile, median and upper quartile; none where there are no values."""
    values = [value for value in values if value is not None]
    if not values:
        return None
    if len(values) == 1:
        return values * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def ratios(measured, figure, peer, other):
    """The ratio in each round, both sides of it from that round."""
    return [
        one[figure] / two[figure] if two[figure] else None for one, two in zip(measured[peer], measured[other])
    ]


def judge(goal, measured, rounds):
    values = quartiles(ratios(measured, goal.figure, goal.peer, goal.other))
    verdict = "undecided"
    if values and rounds >= DECIDING_ROUNDS:
        verdict = "met" if goal.met(values[0]) else "missed"
    return {
        "figure": goal.figure,
        "ratio": f"{goal.peer} / {goal.other}",
        "goal": f"{goal.relation} {goal.bound:g}",
        "quartiles": values,
        "verdict": verdict,
        "median_meets": bool(values) and goal.met(values[1]),
    }


def base_of(scenario, measured):
    """The peer that all others are compared with: the floor where it can do the same, otherwise the last one."""
    floor = "floor-joined" if scenario.in_flight > 1 else "floor"
    return floor if floor in measured else list(measured)[-1]


def summarise(scenario, runs):
    """`runs` has a list of runs for each peer, one for each round."""
    measured = {peer: [figures(run) for run in of_peer] for peer, of_peer in runs.items()}
    rounds = min(len(of_peer) for of_peer in measured.values())
    base = base_of(scenario, measured)
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "clients": scenario.clients,
        "payload": scenario.payload,
        "in_flight": scenario.in_flight,
        "rounds": rounds,
        "peers": {
            peer: {figure: quartiles([one[figure] for one in of_peer]) for figure in FIGURES}
            for peer, of_peer in measured.items()
        },
        "cpu_to": {
            "base": base,
            "quartiles": {peer: quartiles(ratios(measured, "cpu", peer, base)) for peer in measured if peer != base},
        },
        "goals": [
            judge(goal, measured, rounds)
            for goal in scenario.goals
            if goal.peer in measured and goal.other in measured
        ],
    }


def spread(values, digits=2):
    """Median and, in brackets, the quartiles."""
    if values is None:
        return "-"
    low, middle, high = values
    return f"{middle:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def table(rows):
    """Rows of words, in columns that are as wide as they have to be."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def text(summary):
    """A summary as Markdown."""
    to_base = summary["cpu_to"]
    rows = [("peer", "cpu", f"to {to_base['base']}", "user", "system", "latency p50", "p99", "deliveries/s")]
    for peer, values in summary["peers"].items():
        rows.append(
            (
                peer,
                spread(values["cpu"]),
                spread(to_base["quartiles"].get(peer)),
                spread(values["user"]),
                spread(values["system"]),
                spread(values["p50"], 0),
                spread(values["p99"], 0),
                spread(values["rate"], 0),
            )
        )
    parts = [
        f"{summary['scenario']}: {summary['title']}, {summary['clients']} clients, {summary['payload']} bytes, "
        f"rounds: {summary['rounds']}. Microseconds; cpu, user and system are the server's, for each delivery. "
        "Median [quartiles].",
        table(rows),
    ]
    if summary["goals"]:
        goals = [("figure", "ratio", "goal", "median [quartiles]", "")]
        for goal in summary["goals"]:
            verdict = goal["verdict"]
            if verdict == "met" and not goal["median_meets"]:
                verdict = "met, though not by the median"
            goals.append((goal["figure"], goal["ratio"], goal["goal"], spread(goal["quartiles"], 3), verdict))
        parts.append(table(goals))
        if summary["rounds"] < DECIDING_ROUNDS:
            parts.append(f"Fewer than {DECIDING_ROUNDS} rounds decide nothing.")
    return "\n\n".join(parts)
