"""What scripts/bench measures: the scenarios, and what the ratios of each are meant to be.

A scenario is one command line of the load generator, given to every peer in turn. A goal compares two peers within one
round; it is met when the lower quartile of its ratio over all rounds meets it.
"""

from dataclasses import dataclass

# The peers in the order of a round. "floor" is the bare epoll and send() loop, "floor-joined" the same with one buffer for
# all that is due; neither knows anything but the bytes.
PEERS = ("peal", "floor", "floor-joined", "uws", "ws")
SERVERS = ("peal", "uws", "ws")

# With fewer rounds than this the ratios are shown, and nothing is called met or missed.
DECIDING_ROUNDS = 9


@dataclass(frozen=True)
class Goal:
    """`peer` against `other`: the ratio of `figure` is at most, or at least, `bound`."""

    figure: str
    peer: str
    other: str
    relation: str
    bound: float

    def met(self, ratio):
        return {"<=": ratio <= self.bound, "<": ratio < self.bound, ">=": ratio >= self.bound}[self.relation]


@dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    clients: int = 1000
    payload: int = 32
    in_flight: int = 1
    rooms: int = 0  # with rooms, each message goes to the next of them
    room_size: int = 0
    peers: tuple = PEERS  # those that can do it
    goals: tuple = ()

    @property
    def recipients(self):
        """How many clients get each message."""
        return self.room_size if self.rooms else self.clients

    def words(self):
        return [
            *("--clients", str(self.clients)),
            *("--payload", str(self.payload)),
            *("--in-flight", str(self.in_flight)),
            *(("--room-count", str(self.rooms), "--room-size", str(self.room_size)) if self.rooms else ()),
        ]


ONE_IN_FLIGHT = (
    Goal("cpu", "peal", "floor", "<=", 1.15),
    Goal("user", "peal", "uws", "<=", 0.6),
    Goal("cpu", "peal", "uws", "<", 1),
    Goal("cpu", "ws", "peal", ">=", 2.2),
)
EIGHT_IN_FLIGHT = (
    Goal("cpu", "peal", "floor-joined", "<=", 1.15),
    Goal("user", "peal", "uws", "<=", 0.8),
    Goal("cpu", "peal", "uws", "<", 1),
    Goal("cpu", "ws", "peal", ">=", 6.5),
)


def fan_out():
    for in_flight, goals in ((1, ONE_IN_FLIGHT), (8, EIGHT_IN_FLIGHT)):
        for payload, size in ((32, "32"), (1024, "1k"), (16384, "16k")):
            yield Scenario(
                f"fanout-{in_flight}-{size}",
                f"a broadcast to all, {in_flight} in flight",
                payload=payload,
                in_flight=in_flight,
                goals=goals if payload == 32 else (),
            )


def growth():
    for clients in (5000, 15000):
        for in_flight in (1, 8):
            yield Scenario(
                f"clients-{clients}-{in_flight}",
                f"a broadcast to many, {in_flight} in flight",
                clients=clients,
                in_flight=in_flight,
            )


def rooms():
    for in_flight in (1, 8):
        # Each client is in a hundred of them.
        yield Scenario(
            f"rooms-{in_flight}",
            f"10 000 rooms of 10, one after the other, {in_flight} in flight",
            in_flight=in_flight,
            rooms=10000,
            room_size=10,
            peers=SERVERS,
        )
        yield Scenario(
            f"room-of-all-{in_flight}",
            f"one room with all in it, {in_flight} in flight",
            in_flight=in_flight,
            rooms=1,
            room_size=1000,
            peers=SERVERS,
        )


SCENARIOS = {scenario.name: scenario for scenario in (*fan_out(), *growth(), *rooms())}
