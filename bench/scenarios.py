"""What scripts/bench measures: the scenarios, the arms of each, and what it is meant to come to.

An arm is one server, or a cluster of them, with its own Redis and its own clients. The arms of a scenario are measured side
by side; rounds.py says how, for each kind of scenario.
"""

from dataclasses import dataclass, replace

from goals import Bound, Growth, Ratio, Spread

# "floor" is the bare epoll and send() loop, "floor-joined" the same with one buffer for all that is due; neither knows
# anything but the bytes.
PEERS = ("peal", "floor", "floor-joined", "uws", "ws")
SERVERS = ("peal", "uws", "ws")

# With fewer rounds than this the ratios are shown, and nothing is called met or missed.
DECIDING_ROUNDS = 9

# The columns of the tables: those of a kind of scenario, unless it has others.
BROADCASTS = ("user", "system", "writes", "p50", "p99", "p999", "rate")


@dataclass(frozen=True)
class Arm:
    name: str
    peer: str
    base: str = ""  # the arm that it is compared with in the table
    nodes: int = 1
    clients: int = 1000
    payload: int = 32
    in_flight: int = 1
    rooms: int = 0  # with rooms, each message goes to the next of them
    room_size: int = 0
    excepted: int = 0  # clients in a room that no message is for
    stalled: int = 0  # clients that never read
    binary: bool = False
    polling: bool = False
    ack_ms: int = 0  # with it, each message asks for acknowledgements, and is triggered over HTTP
    http: bool = False  # each message is triggered over HTTP at the next node, otherwise through Redis
    silent: bool = False  # no messages at all
    max_clients: int = 60000  # of a node
    outbox_limit: int = 0  # bytes that may wait for a client, of a node; 0: its default
    patience: float = 5  # seconds that a message may take
    beside: str = ""  # of a publisher: the server that is in its cluster
    emits: int = 0  # of a publisher

    @property
    def recipients(self):
        """How many clients get each message."""
        return self.room_size if self.rooms else self.clients - self.excepted - self.stalled

    def words(self):
        """Its clients, for the load generator."""
        return [
            *("--clients", str(self.clients)),
            *("--payload", str(self.payload)),
            *("--in-flight", str(self.in_flight)),
            *("--patience", f"{self.patience:g}"),
            *(("--room-count", str(self.rooms), "--room-size", str(self.room_size)) if self.rooms else ()),
            *(("--except", str(self.excepted)) if self.excepted else ()),
            *(("--stalled", str(self.stalled)) if self.stalled else ()),
            *(("--binary",) if self.binary else ()),
            *(("--transport", "polling") if self.polling else ()),
            *(("--ack", str(self.ack_ms)) if self.ack_ms else ()),
        ]


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    arms: tuple
    goals: tuple = ()
    kind: str = "broadcasts"  # or "storm", "memory", "publisher", "count"
    main: str = "cpu"  # the figure that is compared and drawn
    columns: tuple = BROADCASTS  # what the table has beside it
    slice_seconds: float = 0.3
    fresh: bool = False  # the clients connect anew for each round
    fill: int = 0  # messages to new clients before anything is measured
    rounds: int = 0  # as many decide, and are run at most; 0: the usual number
    messages: int = 0  # of a count

    @property
    def deciding(self):
        return self.rounds or DECIDING_ROUNDS

    def estimate(self, rounds, seconds):
        """About how many seconds it takes."""
        rounds = min(rounds, self.rounds or rounds)
        start = sum(1 + arm.nodes for arm in self.arms)
        connect = sum(1 + arm.clients / 4000 for arm in self.arms)
        if self.kind == "broadcasts":
            return start + connect * (rounds + 1 if self.fresh else 1) + len(self.arms) * (2 + 1.15 * seconds * rounds)
        if self.kind == "memory":
            return (start + connect + 2 * len(self.arms)) * rounds
        return start + (connect + len(self.arms)) * (rounds + 1)


def arms_of(peers, **common):
    """One arm for each peer, compared with the floor where there is one, otherwise with the last."""
    floor = "floor-joined" if common.get("in_flight", 1) > 1 else "floor"
    base = floor if floor in peers else peers[-1]
    return tuple(Arm(peer, peer, base if peer != base else "", **common) for peer in peers)


ONE_IN_FLIGHT = (
    Ratio("cpu", "peal", "floor", "<=", 1.15),
    Ratio("user", "peal", "uws", "<=", 0.6),
    Ratio("cpu", "peal", "uws", "<", 1),
    Ratio("cpu", "ws", "peal", ">=", 2.2),
    # One for each delivery; heartbeats are the rest. tests/budget has the exact count.
    Bound("writes", "peal", "<=", 1.01),
)
EIGHT_IN_FLIGHT = (
    Ratio("cpu", "peal", "floor-joined", "<=", 1.15),
    Ratio("user", "peal", "uws", "<=", 0.8),
    Ratio("cpu", "peal", "uws", "<", 1),
    Ratio("cpu", "ws", "peal", ">=", 6.5),
)
SIZES = {32: "32", 1024: "1k", 16384: "16k"}


def fan_out():
    for in_flight, goals in ((1, ONE_IN_FLIGHT), (8, EIGHT_IN_FLIGHT)):
        for payload, size in SIZES.items():
            yield Scenario(
                f"fanout-{in_flight}-{size}",
                f"a broadcast to 1 000 clients, {payload} bytes, {in_flight} in flight",
                arms_of(PEERS, payload=payload, in_flight=in_flight),
                goals if payload == 32 else (),
            )


def many():
    for in_flight in (1, 8):
        yield Scenario(
            f"clients-5000-{in_flight}",
            f"a broadcast to 5 000 clients, 32 bytes, {in_flight} in flight",
            arms_of(PEERS, clients=5000, in_flight=in_flight),
        )
    for in_flight, floor in ((1, "floor"), (8, "floor-joined")):
        arms = [
            Arm(f"{peer}@{clients}", peer, base, clients=clients, in_flight=in_flight)
            for clients in (1000, 15000)
            for peer, base in (("peal", f"{floor}@{clients}"), (floor, ""))
        ]
        yield Scenario(
            f"growth-{in_flight}",
            f"a broadcast to 1 000 and to 15 000 clients, 32 bytes, {in_flight} in flight",
            tuple(arms),
            (Growth("cpu", "peal", floor, 1000, 15000, 1.15),),
        )


def rooms():
    for in_flight in (1, 8):
        # Each client is in a hundred of them.
        yield Scenario(
            f"rooms-{in_flight}",
            f"10 000 rooms of 10, one after the other, {in_flight} in flight",
            arms_of(SERVERS, in_flight=in_flight, rooms=10000, room_size=10),
        )
        yield Scenario(
            f"room-of-all-{in_flight}",
            f"one room with all 1 000 clients in it, {in_flight} in flight",
            arms_of(SERVERS, in_flight=in_flight, rooms=1, room_size=1000),
        )
        yield Scenario(
            f"except-{in_flight}",
            f"a broadcast to 1 000 clients except the 100 of a room, {in_flight} in flight",
            arms_of(SERVERS, in_flight=in_flight, excepted=100),
        )


def forms():
    for in_flight in (1, 8):
        for payload in (32, 1024):
            yield Scenario(
                f"binary-{in_flight}-{SIZES[payload]}",
                f"a broadcast with an attachment of {payload} bytes, {in_flight} in flight",
                arms_of(SERVERS, in_flight=in_flight, payload=payload, binary=True),
            )
        yield Scenario(
            f"polling-{in_flight}",
            f"a broadcast to 1 000 clients that poll, {in_flight} in flight",
            arms_of(SERVERS, in_flight=in_flight, polling=True),
        )


def acknowledged():
    yield Scenario(
        "acks",
        "a broadcast that 3 000 clients at three nodes acknowledge, from each node in turn",
        arms_of(SERVERS, nodes=3, clients=3000, ack_ms=10000, http=True, patience=20),
        (Ratio("ack", "peal", "ws", "<=", 0.16), Bound("redis_commands", "peal", "<=", 10)),
        main="ack",
        columns=("user", "system", "redis_commands", "redis_bytes", "p50", "p99", "rate"),
        slice_seconds=1,
    )
    yield Scenario(
        "acks-8",
        "the same with eight of them under way",
        arms_of(SERVERS, nodes=3, clients=3000, in_flight=8, ack_ms=10000, http=True, patience=20),
        (Ratio("ack", "peal", "ws", "<=", 0.16),),
        main="ack",
        columns=("user", "system", "redis_commands", "redis_bytes", "p50", "p99", "rate"),
        slice_seconds=1,
    )


def storms():
    yield Scenario(
        "connect",
        "5 000 clients connect, and all leave at once",
        arms_of(SERVERS, clients=5000, silent=True),
        (Ratio("connect", "peal", "ws", "<=", 0.3),),
        kind="storm",
        main="connect",
        columns=("connect_user", "connect_system", "connects", "last_first", "leave"),
    )


def idle():
    for clients in (1000, 5000, 15000):
        yield Scenario(
            f"idle-{clients}",
            f"{clients} clients that do nothing, at servers started for them",
            arms_of(SERVERS, clients=clients, silent=True),
            (Bound("bytes", "peal", "<=", 3584),) if clients == 15000 else (),
            kind="memory",
            main="bytes",
            columns=("empty", "resident"),
            rounds=3,
        )


def clusters():
    arms = [
        replace(arm, name=f"{arm.peer}-{nodes}", base="" if nodes == 1 else f"{arm.peer}-1")
        for nodes in (1, 2, 3)
        for arm in arms_of(SERVERS, nodes=nodes, clients=3000, in_flight=8)
    ]
    yield Scenario(
        "nodes",
        "a broadcast to 3 000 clients at one, two and three nodes, 8 in flight",
        tuple(arms),
        columns=("user", "system", "p50", "p99", "rate", "redis_bytes"),
    )


def publisher():
    yield Scenario(
        "publisher",
        "an emit to a room that nobody is in, at a node without clients",
        (
            Arm("peal", "peal", "ws-beside-ws", emits=100000),
            Arm("peal-beside-ws", "peal", "ws-beside-ws", beside="ws", emits=100000),
            Arm("ws-beside-ws", "ws", beside="ws", emits=30000),
        ),
        kind="publisher",
        main="emit",
        columns=("user", "system"),
    )


def stalled():
    # The clients are new in each round, and the limit of what waits for one is far away: a server closes those that pass it.
    # What the kernel keeps for a client, some 2.6 MB, is filled before anything is measured; what is waiting then is the
    # server's.
    common = {"payload": 1024, "outbox_limit": 64 << 20}
    yield Scenario(
        "stalled",
        "a broadcast to 1 000 clients, 1024 bytes, with and without 10 that never read",
        (Arm("peal", "peal", **common), Arm("peal-stalled", "peal", "peal", stalled=10, **common)),
        (Spread("p999", "peal-stalled", "peal"),),
        main="p999",
        columns=("p50", "p99", "cpu", "rate", "waiting"),
        slice_seconds=1,
        fresh=True,
        fill=2700,
    )


def largest():
    yield Scenario(
        "fifty-thousand",
        "50 000 clients at three nodes, and a broadcast from each node in turn",
        (Arm("peal", "peal", nodes=3, clients=50000, http=True, max_clients=19800, patience=30),),
        (Bound("missing", "peal", "<=", 0), Bound("clients", "peal", ">=", 50000)),
        kind="count",
        main="missing",
        columns=("clients", "cpu", "p50", "p999", "rate"),
        rounds=1,
        messages=9,
    )


BUILDERS = (fan_out, many, rooms, forms, acknowledged, storms, idle, clusters, publisher, stalled, largest)
SCENARIOS = {scenario.name: scenario for builder in BUILDERS for scenario in builder()}
