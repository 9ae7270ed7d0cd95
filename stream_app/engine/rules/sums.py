"""`activity` and `quantity`: the sum of what each activity is worth, times its decay (scoring.md section 3)."""

from typing import Any

from stream_app.engine.decay import DecayTable
from stream_app.engine.model.types import ActivityRule, QuantityRule
from stream_app.engine.rules.base import FOREVER, Bounds, CompiledRule, ordered
from stream_app.engine.state import Subject
from stream_app.engine.times import format_time
from stream_app.engine.trackers.base import Tracker
from stream_app.engine.trackers.data import Buckets, Earliest


class SumRule(CompiledRule):
    """Sums `amount * decay(age)` over a tracker's amounts by unit. An activity's amount is 1, worth `points`."""

    def __init__(self, rule: ActivityRule | QuantityRule, tracker: Tracker, resolution: int) -> None:
        super().__init__(rule, "activity" if isinstance(rule, ActivityRule) else "quantity")
        self.points = rule.points if isinstance(rule, ActivityRule) else 1.0
        self.factor = self.points * self.weight
        self.ones = isinstance(rule, ActivityRule) and rule.limit is not None  # every amount is 1
        self.never_negative = isinstance(rule, ActivityRule)
        self.tracker = tracker
        self.resolution = resolution
        self.decay = DecayTable(rule.decay, resolution)
        self.timed = self.decay.timed
        self.horizon = self.decay.settled

    def value(self, subject: Subject, unit: int) -> float:
        data = self.tracker.of(subject.data)
        if data is None:
            return 0.0
        assert isinstance(data, Buckets)
        if not self.timed:
            return self.factor * sum(data.amounts)
        return self.factor * self._decayed(data.units, data.amounts, unit)

    def _decayed(self, units: list[int], amounts: list[float], unit: int) -> float:
        decay = self.decay
        if not units:
            return 0.0
        oldest = unit - units[0]
        decay.factor(min(oldest, 65_535))
        table = decay.table
        if oldest < len(table):
            total = 0.0
            if self.ones:
                for seen in units:
                    total += table[unit - seen]
                return total
            for index, seen in enumerate(units):
                total += amounts[index] * table[unit - seen]
            return total
        total = 0.0
        for seen, amount in zip(units, amounts, strict=True):
            total += amount * decay.factor(unit - seen)
        return total

    def idle(self, subject: Subject) -> bool:
        return not self.timed or subject.data[self.tracker.position] is None

    def until(self, subject: Subject, unit: int) -> int:
        data = self.tracker.of(subject.data)
        if data is None:
            return FOREVER
        assert isinstance(data, Buckets)
        return self.decay.next_step(data.units, unit)

    def steady(self, subject: Subject, first: int, last: int) -> bool:
        if not self.decay.falling:
            return False
        data = self.tracker.of(subject.data)
        if data is None or self.never_negative:
            return True
        assert isinstance(data, Buckets)
        return not data.amounts or min(data.amounts) >= 0

    def bounds(self, subject: Subject, first: int, last: int) -> Bounds:
        data = self.tracker.of(subject.data)
        if data is None:
            return 0.0, 0.0
        assert isinstance(data, Buckets)
        if not self.timed:
            same = self.factor * sum(data.amounts)
            return same, same
        if self.decay.falling and (not data.amounts or min(data.amounts) >= 0):
            start, end = self._decayed(data.units, data.amounts, first), self._decayed(data.units, data.amounts, last)
            return ordered(self.factor * start, self.factor * end)
        low = high = 0.0
        for index, seen in enumerate(data.units):
            least, most = self.decay.extremes(first - seen, last - seen)
            amount = data.amounts[index] * self.factor
            smallest, greatest = ordered(amount * least, amount * most)
            low += smallest
            high += greatest
        # This sums in another order than `value` does: leave room for the last bits.
        slack = 1e-12 * (abs(low) + abs(high))
        return low - slack, high + slack

    def count(self, subject: Subject, unit: int) -> int:
        data = self.tracker.of(subject.data)
        if data is None:
            return 0
        assert isinstance(data, Buckets)
        counted, singly, decay = 0.0, isinstance(data, Earliest) or self.kind == "quantity", self.decay
        for index, seen in enumerate(data.units):
            if not self.timed or decay.factor(unit - seen) != 0:
                counted += 1 if singly else data.amounts[index]
        return int(counted)

    def last_at(self, subject: Subject) -> int:
        data = self.tracker.of(subject.data)
        return -1 if data is None else data.last

    def detail(self, subject: Subject, unit: int) -> dict[str, Any]:
        data = self.tracker.of(subject.data)
        if data is None:
            return {"activities": []}
        assert isinstance(data, Buckets)
        told: dict[str, Any] = {
            "activities": [
                {
                    "from": format_time(seen * self.resolution),
                    "amount": amount * self.points,
                    "decay": self.decay.factor(unit - seen),
                    "points": self.factor * amount * self.decay.factor(unit - seen),
                }
                for seen, amount in zip(data.units, data.amounts, strict=True)
            ]
        }
        if isinstance(data, Earliest):
            told["skipped_by_limit"] = data.skipped
        return told
