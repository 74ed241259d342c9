"""What the measurements are meant to come to. A goal makes one value of each round, from one arm or from several, and has a
limit for it; it is met when the lower quartile of the values over all rounds meets the limit.

`measured` is for each arm the list of its figures, one dictionary for each round.
"""

import operator
from dataclasses import dataclass

from sums import quartiles

RELATIONS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge}


def divided(one, two):
    """One figure by another; none where there is nothing to divide by."""
    return None if one is None or not two else one / two


def ratios(measured, figure, arm, other):
    """The ratio in each round, both sides of it from that round."""
    return [divided(one.get(figure), two.get(figure)) for one, two in zip(measured[arm], measured[other])]


@dataclass(frozen=True)
class Ratio:
    """`arm` against `other`: the ratio of `figure` is at most, or at least, `bound`."""

    figure: str
    arm: str
    other: str
    relation: str
    bound: float

    @property
    def arms(self):
        return (self.arm, self.other)

    @property
    def words(self):
        return f"{self.arm} / {self.other}"

    def values(self, measured):
        return ratios(measured, self.figure, self.arm, self.other)

    def limit(self, _measured):
        return self.bound


@dataclass(frozen=True)
class Growth:
    """How the ratio of `arm` to `other` grows from `few` to `many` clients: at most by `bound`."""

    figure: str
    arm: str
    other: str
    few: int
    many: int
    bound: float
    relation: str = "<="

    def pair(self, clients):
        return (f"{self.arm}@{clients}", f"{self.other}@{clients}")

    @property
    def arms(self):
        return (*self.pair(self.few), *self.pair(self.many))

    @property
    def words(self):
        return f"{self.arm} / {self.other} at {self.many} by that at {self.few}"

    def values(self, measured):
        few, many = (ratios(measured, self.figure, *self.pair(clients)) for clients in (self.few, self.many))
        return [divided(one, two) for one, two in zip(many, few)]

    def limit(self, _measured):
        return self.bound


@dataclass(frozen=True)
class Bound:
    """`figure` of `arm` itself is at most, or at least, `bound`."""

    figure: str
    arm: str
    relation: str
    bound: float

    @property
    def arms(self):
        return (self.arm,)

    @property
    def words(self):
        return self.arm

    def values(self, measured):
        return [one.get(self.figure) for one in measured[self.arm]]

    def limit(self, _measured):
        return self.bound


@dataclass(frozen=True)
class Spread:
    """`figure` of `arm` stays within the spread of the rounds of `other`: it is at most its upper quartile."""

    figure: str
    arm: str
    other: str
    relation: str = "<="

    @property
    def arms(self):
        return (self.arm, self.other)

    @property
    def words(self):
        return f"{self.arm}, by the upper quartile of {self.other}"

    def values(self, measured):
        return [one.get(self.figure) for one in measured[self.arm]]

    def limit(self, measured):
        spread = quartiles([one.get(self.figure) for one in measured[self.other]])
        return spread[2] if spread else None


def meets(goal, value, limit):
    return value is not None and limit is not None and RELATIONS[goal.relation](value, limit)


def judge(goal, measured, deciding):
    """What came of a goal, when so many rounds decide."""
    values = goal.values(measured)
    limit = goal.limit(measured)
    spread = quartiles(values)
    verdict = "undecided"
    if spread and limit is not None and len([value for value in values if value is not None]) >= deciding:
        verdict = "met" if meets(goal, spread[0], limit) else "missed"
    return {
        "figure": goal.figure,
        "of": goal.words,
        "relation": goal.relation,
        "limit": limit,
        "quartiles": spread,
        "verdict": verdict,
        "median_meets": bool(spread) and meets(goal, spread[1], limit),
    }
