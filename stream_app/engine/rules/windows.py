"""`frequency`, `distinct`, `complete` and `ratio`: what happened within a window (scoring.md section 3).

As time passes without events the count in a window only falls, so a span's extremes follow from its two ends.
"""

from bisect import bisect_right
from typing import Any

from stream_app.engine.model.types import CompleteRule, DistinctRule, FrequencyRule, RatioRule
from stream_app.engine.rules.base import FOREVER, Bounds, CompiledRule, ordered
from stream_app.engine.state import Subject
from stream_app.engine.trackers.base import Tracker
from stream_app.engine.trackers.data import Latest, Series

Tiers = tuple[tuple[float, float], ...]


def units_in(window: int, resolution: int) -> int:
    """The number of units whose age is below `window`: an age of so many units is the first outside."""
    return -(-window // resolution)


def tier_points(tiers: Tiers, reached: float) -> float:
    """The points of the highest tier that `reached` reaches, 0 below all."""
    points = 0.0
    for number, worth in tiers:
        if reached < number:
            break
        points = worth
    return points


def tier_bounds(tiers: Tiers, low: float, high: float) -> Bounds:
    """The least and greatest points while what is reached lies between `low` and `high`."""
    least = most = tier_points(tiers, low)
    for number, worth in tiers:
        if low < number <= high:
            least, most = min(least, worth), max(most, worth)
    return least, most


def is_rising(tiers: Tiers) -> bool:
    """Whether points only grow from nothing through the tiers, or only fall."""
    points = [0.0] + [worth for _, worth in tiers]
    return points == sorted(points) or points == sorted(points, reverse=True)


def count_since(series: Series, unit: int) -> int:
    """How many activities are in units after `unit`."""
    units = series.units
    if not units or units[-1] <= unit:
        return 0
    return int(sum(series.amounts[bisect_right(units, unit) :]))


def next_out(latest: Latest, unit: int, window: int) -> int:
    """The first unit after `unit` at which a value leaves the window."""
    first = FOREVER
    for seen in latest.units.values():
        if seen > unit - window:
            first = min(first, seen + window)
    return first


def first_leaving(series: Series, unit: int, window: int) -> int:
    """The first unit after `unit` at which the count within the window changes."""
    units = series.units
    at = bisect_right(units, unit - window)
    return units[at] + window if at < len(units) else FOREVER


class TieredRule(CompiledRule):
    """`frequency` and `distinct`: a count within the window, and the tier that it reaches."""

    def __init__(self, rule: FrequencyRule | DistinctRule, tracker: Tracker, resolution: int) -> None:
        super().__init__(rule, "frequency" if isinstance(rule, FrequencyRule) else "distinct")
        self.tiers: Tiers = rule.tiers
        self.rising = is_rising(self.tiers)
        self.window = units_in(rule.window, resolution)
        self.tracker = tracker
        self.timed = True
        self.horizon = self.window

    def count(self, subject: Subject, unit: int) -> int:
        data = self.tracker.of(subject.data)
        if data is None:
            return 0
        if isinstance(data, Latest):
            since = unit - self.window
            counted = 0
            for seen in data.units.values():
                if seen > since:
                    counted += 1
            return counted
        assert isinstance(data, Series)
        return count_since(data, unit - self.window)

    def value(self, subject: Subject, unit: int) -> float:
        return self.weight * tier_points(self.tiers, self.count(subject, unit))

    def bounds(self, subject: Subject, first: int, last: int) -> Bounds:
        low, high = tier_bounds(self.tiers, self.count(subject, last), self.count(subject, first))
        return ordered(self.weight * low, self.weight * high)

    def idle(self, subject: Subject) -> bool:
        return subject.data[self.tracker.position] is None

    def until(self, subject: Subject, unit: int) -> int:
        data = self.tracker.of(subject.data)
        if data is None:
            return FOREVER
        if isinstance(data, Latest):
            return next_out(data, unit, self.window)
        assert isinstance(data, Series)
        return first_leaving(data, unit, self.window)

    def steady(self, subject: Subject, first: int, last: int) -> bool:
        return self.rising

    def last_at(self, subject: Subject) -> int:
        data = self.tracker.of(subject.data)
        return -1 if data is None else data.last

    def detail(self, subject: Subject, unit: int) -> dict[str, Any]:
        return {"count": self.count(subject, unit), "tiers": {str(number): points for number, points in self.tiers}}


class CompletedRule(CompiledRule):
    """`complete`: points while every listed value occurred within the window."""

    def __init__(self, rule: CompleteRule, values: frozenset[str], tracker: Tracker, resolution: int) -> None:
        super().__init__(rule, "complete")
        self.points = rule.points
        self.values = values
        self.window = units_in(rule.window, resolution)
        self.tracker = tracker
        self.timed = True
        self.horizon = self.window

    def count(self, subject: Subject, unit: int) -> int:
        data = self.tracker.of(subject.data)
        if data is None:
            return 0
        assert isinstance(data, Latest)
        since = unit - self.window
        counted = 0
        for value in self.values:
            if data.units.get(value, since) > since:
                counted += 1
        return counted

    def value(self, subject: Subject, unit: int) -> float:
        return self.weight * self.points if self.count(subject, unit) == len(self.values) else 0.0

    def idle(self, subject: Subject) -> bool:
        return subject.data[self.tracker.position] is None

    def until(self, subject: Subject, unit: int) -> int:
        data = self.tracker.of(subject.data)
        return next_out(data, unit, self.window) if isinstance(data, Latest) else FOREVER

    def steady(self, subject: Subject, first: int, last: int) -> bool:
        return True

    def bounds(self, subject: Subject, first: int, last: int) -> Bounds:
        return ordered(self.value(subject, first), self.value(subject, last))

    def last_at(self, subject: Subject) -> int:
        data = self.tracker.of(subject.data)
        return -1 if data is None else data.last

    def detail(self, subject: Subject, unit: int) -> dict[str, Any]:
        return {"found": self.count(subject, unit), "wanted": len(self.values)}


class ShareRule(CompiledRule):
    """`ratio`: how many of one kind there were to one of another within the window."""

    def __init__(self, rule: RatioRule, numerator: Tracker, denominator: Tracker, resolution: int) -> None:
        super().__init__(rule, "ratio")
        self.tiers: Tiers = rule.tiers
        self.min = rule.min
        self.window = units_in(rule.window, resolution)
        self.numerator = numerator
        self.denominator = denominator
        self.timed = True
        self.horizon = self.window

    def _counts(self, subject: Subject, unit: int) -> tuple[int, int]:
        since = unit - self.window
        above, below = self.numerator.of(subject.data), self.denominator.of(subject.data)
        return (
            count_since(above, since) if isinstance(above, Series) else 0,
            count_since(below, since) if isinstance(below, Series) else 0,
        )

    def value(self, subject: Subject, unit: int) -> float:
        above, below = self._counts(subject, unit)
        if below < self.min or below == 0:
            return 0.0
        return self.weight * tier_points(self.tiers, above / below)

    def until(self, subject: Subject, unit: int) -> int:
        above, below = self.numerator.of(subject.data), self.denominator.of(subject.data)
        first = first_leaving(above, unit, self.window) if isinstance(above, Series) else FOREVER
        second = first_leaving(below, unit, self.window) if isinstance(below, Series) else FOREVER
        return min(first, second)

    def steady(self, subject: Subject, first: int, last: int) -> bool:
        return self._counts(subject, first) == self._counts(subject, last)

    def bounds(self, subject: Subject, first: int, last: int) -> Bounds:
        if self._counts(subject, first) == self._counts(subject, last):
            same = self.value(subject, first)
            return same, same
        points = [0.0] + [self.weight * worth for _, worth in self.tiers]
        return min(points), max(points)

    def count(self, subject: Subject, unit: int) -> int:
        return self._counts(subject, unit)[0]

    def last_at(self, subject: Subject) -> int:
        data = self.numerator.of(subject.data)
        return -1 if data is None else data.last

    def detail(self, subject: Subject, unit: int) -> dict[str, Any]:
        above, below = self._counts(subject, unit)
        return {"numerator": above, "denominator": below, "min": self.min}
