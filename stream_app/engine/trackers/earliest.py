"""Under a limit: the earliest activities of each calendar period (scoring.md section 3, `limit`)."""

from bisect import bisect_left
from typing import Any

from stream_app.engine.activity import Activity
from stream_app.engine.calendar import Calendar
from stream_app.engine.trackers.base import MAX_BUCKETS, Tracker, deltas, undeltas
from stream_app.engine.trackers.data import Data, Earliest
from stream_app.engine.trackers.series import quantity


class EarliestTracker(Tracker):
    """Under a limit: the `times` earliest activities of each calendar period, ties broken by event id."""

    def __init__(
        self,
        ident: int,
        resolution: int,
        horizon: int,
        times: int,
        calendar: Calendar,
        field: str | None,
        each: float,
        ceiling: float | None,
    ) -> None:
        super().__init__(ident, resolution, horizon)
        self.times = times
        self.calendar = calendar
        self.field = field
        self.each = each
        self.ceiling = ceiling

    def new(self) -> Earliest:
        return Earliest()

    def observe(self, data: Data, activity: Activity) -> bool:
        assert isinstance(data, Earliest)
        time = activity.time
        data.last = max(data.last, time)
        field = self.field
        amount = 1.0 if field is None else quantity(activity, field, self.each, self.ceiling)
        return self._add(data, time, activity.event_id, amount)

    def _add(self, data: Earliest, time: int, event_id: str, amount: float) -> bool:
        times, ids = data.times, data.ids
        start, end = self.calendar.span(time)
        at = len(times)
        while at > 0 and (times[at - 1] > time or (times[at - 1] == time and ids[at - 1] > event_id)):
            at -= 1
        first = at
        while first > 0 and times[first - 1] >= start:
            first -= 1
            if at - first >= self.times:
                data.skipped += 1
                return False
        last = at
        while last < len(times) and times[last] < end:
            last += 1
        if last - first >= self.times:  # the period was full: its latest makes room
            data.skipped += 1
            _remove(data, last - 1, last)
        times.insert(at, time)
        ids.insert(at, event_id)
        data.units.insert(at, time // self.resolution)
        data.amounts.insert(at, amount)
        if len(times) > MAX_BUCKETS:
            _remove(data, 0, 1)
        return True

    def merge(self, ours: Data, theirs: Data) -> Data:
        assert isinstance(ours, Earliest) and isinstance(theirs, Earliest)
        data = Earliest()
        data.last = max(ours.last, theirs.last)
        data.skipped = ours.skipped + theirs.skipped
        data.times, data.ids = list(ours.times), list(ours.ids)
        data.units, data.amounts = list(ours.units), list(ours.amounts)
        for index in range(len(theirs.times)):
            self._add(data, theirs.times[index], theirs.ids[index], theirs.amounts[index])
        return data

    def prune(self, data: Data, unit: int, oldest: int) -> None:
        """A period goes when all of it is past the horizon: an expired activity still holds its place in its period."""
        assert isinstance(data, Earliest)
        while self.horizon >= 0 and data.times:
            end = self.calendar.span(data.times[0])[1]
            if (end - 1) // self.resolution > unit - self.horizon:
                break
            _remove(data, 0, bisect_left(data.times, end))
        for index in range(bisect_left(data.times, oldest) - 1, -1, -1):
            if not data.ids[index]:
                break
            data.ids[index] = ""

    def dump(self, data: Data) -> list[Any]:
        assert isinstance(data, Earliest)
        row = [data.last, data.skipped, deltas(data.times), data.ids]
        return row if self.field is None else [*row, data.amounts]

    def fill(self, data: Data, raw: list[Any]) -> None:
        assert isinstance(data, Earliest)
        times: list[int] = undeltas(raw[2])
        resolution = self.resolution
        data.last, data.skipped = raw[0], raw[1]
        data.times, data.ids = times, raw[3]
        data.units = [time // resolution for time in times]
        data.amounts = [1.0] * len(times) if self.field is None else raw[4]


def _remove(data: Earliest, start: int, end: int) -> None:
    del data.times[start:end], data.ids[start:end], data.units[start:end], data.amounts[start:end]
