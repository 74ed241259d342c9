"""What came of a scenario: medians and quartiles over the rounds, ratios, goals, and the tables that are printed."""

from goals import judge, ratios
from sums import quartiles

# The figures, how they are called in a table, and how many digits they have there.
FIGURES = {
    "cpu": ("cpu", 2),
    "user": ("user", 2),
    "system": ("system", 2),
    "p50": ("latency p50", 0),
    "p99": ("p99", 0),
    "p999": ("p99.9", 0),
    "rate": ("deliveries/s", 0),
    "ack": ("cpu per ack", 2),
    "writes": ("writes", 4),
    "waiting": ("MB waiting", 1),
    "redis_commands": ("Redis commands", 1),
    "redis_bytes": ("Redis bytes", 2),
    "connect": ("cpu per connect", 1),
    "connect_user": ("user", 1),
    "connect_system": ("system", 1),
    "connects": ("connects/s", 0),
    "last_first": ("last by first", 2),
    "leave": ("cpu per leave", 1),
    "bytes": ("bytes per client", 0),
    "empty": ("MB without clients", 1),
    "resident": ("MB with them", 1),
    "emit": ("cpu per emit", 2),
    "missing": ("missing", 0),
    "clients": ("clients", 0),
}
# What the figures of a kind of scenario are of.
UNITS = {
    "broadcasts": "Microseconds; cpu, user and system are the servers', for each delivery.",
    "storm": "Microseconds of the server for each client.",
    "memory": "What clients add to the resident memory of the server.",
    "publisher": "Microseconds of the publisher for each emit.",
    "count": "Microseconds; cpu is the servers', for each delivery.",
}


def compared(scenario, measured):
    """For each arm the ratio to its base, round by round."""
    base = {arm.name: arm.base for arm in scenario.arms if arm.name in measured and arm.base in measured}
    return {
        "figure": scenario.main,
        "base": base,
        "quartiles": {name: quartiles(ratios(measured, scenario.main, name, other)) for name, other in base.items()},
    }


def summarise(scenario, runs):
    """`runs` has for each arm a list of runs with their figures, one for each round."""
    measured = {name: [one["figures"] for one in of_arm] for name, of_arm in runs.items()}
    names = dict.fromkeys(figure for of_arm in measured.values() for one in of_arm for figure in one)
    arms = {arm.name: arm for arm in scenario.arms}
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "kind": scenario.kind,
        "main": scenario.main,
        "columns": list(scenario.columns),
        "rounds": min(len(of_arm) for of_arm in measured.values()),
        "deciding": scenario.deciding,
        "arms": {
            name: {
                "peer": arms[name].peer,
                "clients": arms[name].clients,
                "nodes": arms[name].nodes,
                "payload": arms[name].payload,
                "in_flight": arms[name].in_flight,
                "figures": {figure: quartiles([one.get(figure) for one in of_arm]) for figure in names},
            }
            for name, of_arm in measured.items()
        },
        "compared": compared(scenario, measured),
        "goals": [
            judge(goal, measured, scenario.deciding) for goal in scenario.goals if set(goal.arms) <= set(measured)
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


def table_of_arms(summary):
    to_base = summary["compared"]
    bases = set(to_base["base"].values())
    columns = [summary["main"], *summary["columns"]]
    # With one base for all it is named above the column, otherwise beside each.
    heading = f"to {next(iter(bases))}" if len(bases) == 1 else "compared"
    rows = [("", FIGURES[columns[0]][0], heading, *(FIGURES[column][0] for column in columns[1:]))]
    for name, arm in summary["arms"].items():
        cells = [spread(arm["figures"].get(column), FIGURES[column][1]) for column in columns]
        ratio = spread(to_base["quartiles"].get(name))
        if name in to_base["base"] and len(bases) > 1:
            ratio += f" to {to_base['base'][name]}"
        rows.append((name, cells[0], ratio, *cells[1:]))
    if not bases:
        rows = [row[:2] + row[3:] for row in rows]
    return table(rows)


def table_of_goals(goals):
    rows = [("figure", "of", "goal", "median [quartiles]", "")]
    for goal in goals:
        verdict = goal["verdict"]
        if verdict == "met" and not goal["median_meets"]:
            verdict = "met, though not by the median"
        limit = "-" if goal["limit"] is None else f"{goal['relation']} {goal['limit']:.6g}"
        rows.append((FIGURES[goal["figure"]][0], goal["of"], limit, spread(goal["quartiles"], 3), verdict))
    return table(rows)


def text(summary):
    """A summary as Markdown."""
    parts = [
        f"{summary['scenario']}: {summary['title']}; rounds: {summary['rounds']}. {UNITS[summary['kind']]} "
        "Median [quartiles].",
        table_of_arms(summary),
    ]
    if summary["goals"]:
        parts.append(table_of_goals(summary["goals"]))
        if summary["rounds"] < summary["deciding"]:
            parts.append(f"Fewer than {summary['deciding']} rounds decide nothing.")
    return "\n\n".join(parts)
