"""`inactivity`: points lost the longer nothing happens (scoring.md section 3)."""

from typing import Any

from stream_app.engine.model.types import InactivityRule
from stream_app.engine.rules.base import FOREVER, Bounds, CompiledRule
from stream_app.engine.rules.windows import is_rising, tier_bounds, tier_points
from stream_app.engine.state import NEVER, Subject
from stream_app.engine.times import format_time
from stream_app.engine.trackers.base import Tracker


class SilenceRule(CompiledRule):
    """The last step whose age is reached since the latest matching activity, or since the first of any kind."""

    def __init__(self, rule: InactivityRule, tracker: Tracker, resolution: int) -> None:
        super().__init__(rule, "inactivity")
        self.tracker = tracker
        self.resolution = resolution
        self.after = tuple((float(-(-age // resolution)), points) for age, points in rule.after)
        self.rising = is_rising(self.after)
        self.timed = True
        self.horizon = int(self.after[-1][0]) if self.after else 0

    def _since(self, subject: Subject) -> int:
        data = self.tracker.of(subject.data)
        return subject.first if data is None or data.last < 0 else data.last

    def value(self, subject: Subject, unit: int) -> float:
        since = self._since(subject)
        return 0.0 if since == NEVER else self.weight * tier_points(self.after, unit - since // self.resolution)

    def until(self, subject: Subject, unit: int) -> int:
        since = self._since(subject)
        if since != NEVER:
            start = since // self.resolution
            for age, _ in self.after:
                if start + int(age) > unit:
                    return start + int(age)
        return FOREVER

    def steady(self, subject: Subject, first: int, last: int) -> bool:
        return self.rising

    def bounds(self, subject: Subject, first: int, last: int) -> Bounds:
        since = self._since(subject)
        if since == NEVER:
            return 0.0, 0.0
        start = since // self.resolution
        low, high = tier_bounds(self.after, first - start, last - start)
        return (self.weight * low, self.weight * high) if self.weight >= 0 else (self.weight * high, self.weight * low)

    def last_at(self, subject: Subject) -> int:
        return self._since(subject)

    def detail(self, subject: Subject, unit: int) -> dict[str, Any]:
        since = self._since(subject)
        return {"since": None if since == NEVER else format_time(since)}
