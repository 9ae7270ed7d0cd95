"""What is remembered of a subject's activities: small, mergeable, order-free (scoring.md sections 2, 3 and 7).

A tracker is the frozen description of one thing that is counted (which activities, and what of them); its data hangs
in the subject's state under the tracker's `id`, a hash of that description, so that a new version of a model finds what
an old one counted as long as *what is counted* has not changed (section 9).

The rule kept here: `observe` and `merge` give the same data for the same set of activities in any order, and nothing
that is forgotten could ever count again (`horizon`), except past `MAX_BUCKETS`, where the oldest buckets are joined.
"""

from bisect import bisect_left, bisect_right
from typing import Any

import msgspec

from stream_app.engine.activity import Activity
from stream_app.engine.calendar import Calendar

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Any]).decode

MAX_BUCKETS = 10_000
MAX_QUANTITY = 1e15  # beyond it a float no longer counts in ones


class Data:
    """What one tracker knows of one subject. `last` is the time of the latest activity seen.

    `packed` is its encoded form, None since it has changed; while it is `closed`, there is nothing else.
    """

    def __init__(self) -> None:
        self.last: int = -1
        self.packed: bytes | None = None
        self.closed = False


class Buckets(Data):
    """Amounts by unit, units ascending."""

    def __init__(self) -> None:
        super().__init__()
        self.units: list[int] = []
        self.amounts: list[float] = []


class Series(Buckets):
    """One amount a unit."""


class Earliest(Buckets):
    """The activities that a limit lets count, in the order of (time, event id), each with its unit and amount.

    `skipped` is how many it has left out. An id is "" once it can matter no more, past the model's lateness.
    """

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0
        self.times: list[int] = []
        self.ids: list[str] = []


class Latest(Data):
    """The latest unit in which each value occurred."""

    def __init__(self) -> None:
        super().__init__()
        self.units: dict[str, int] = {}


class Tracker:
    """Base of the kinds. `horizon` is the age in units from which data no longer matters, -1 for never.

    `position` is where its data stands in a subject's list. Data is decoded only when it is looked at, and encoded again
    only if it has changed: most events touch few trackers.
    """

    def __init__(self, ident: int, resolution: int, horizon: int) -> None:
        self.id = ident
        self.position = -1
        self.resolution = resolution
        self.horizon = horizon

    def of(self, held: list[Data | None]) -> Data | None:
        """Its data among a subject's, None if it has none."""
        data = held[self.position]
        if data is not None and data.closed:
            assert data.packed is not None
            self.fill(data, _decode(data.packed))
            data.closed = False
        return data

    def count(self, held: list[Data | None], activity: Activity) -> bool:
        """Count one activity; whether anything but `last` changed."""
        data = self.of(held)
        if data is None:
            data = held[self.position] = self.new()
        data.packed = None
        return self.observe(data, activity)

    def closed(self, packed: bytes) -> Data:
        """The data that `pack` encoded."""
        data = self.new()
        data.packed, data.closed = packed, True
        return data

    def pack(self, data: Data, unit: int, oldest: int) -> bytes:
        """The data as bytes. What can matter no more at `unit` is left out; no event before `oldest` will be taken."""
        if data.packed is None:
            self.prune(data, unit, oldest)
            data.packed = _encode(self.dump(data))
        return data.packed

    def new(self) -> Data:
        """The data of no activity."""
        return Data()

    def observe(self, data: Data, activity: Activity) -> bool:
        """Count one activity in; whether anything but `last` changed."""
        raise NotImplementedError

    def merge(self, ours: Data, theirs: Data) -> Data:
        """The data of the union of two sets of activities."""
        raise NotImplementedError

    def prune(self, data: Data, unit: int, oldest: int) -> None:
        """Forget what can matter no more at `unit`; no event before the time `oldest` will be taken."""

    def dump(self, data: Data) -> list[Any]:
        """Plain lists and numbers, to be encoded."""
        raise NotImplementedError

    def fill(self, data: Data, raw: list[Any]) -> None:
        """The inverse of `dump`, into new data."""
        raise NotImplementedError


class LastTracker(Tracker):
    """Only when the latest matching activity was (signals, inactivity)."""

    def observe(self, data: Data, activity: Activity) -> bool:
        if activity.time <= data.last:
            return False
        data.last = activity.time
        return True

    def merge(self, ours: Data, theirs: Data) -> Data:
        data = Data()
        data.last = max(ours.last, theirs.last)
        return data

    def dump(self, data: Data) -> list[Any]:
        return [data.last]

    def fill(self, data: Data, raw: list[Any]) -> None:
        data.last = raw[0]


class SeriesTracker(Tracker):
    """How many matching activities there were in each unit."""

    def amount(self, activity: Activity) -> float:
        """What one activity adds to its unit."""
        return 1

    def new(self) -> Series:
        return Series()

    def observe(self, data: Data, activity: Activity) -> bool:
        assert isinstance(data, Series)
        time = activity.time
        data.last = max(data.last, time)
        amount = self.amount(activity)
        if amount == 0:
            return False
        self._add(data, time // self.resolution, amount)
        return True

    def _add(self, data: Series, unit: int, amount: float) -> None:
        units = data.units
        if not units or unit > units[-1]:
            units.append(unit)
            data.amounts.append(amount)
            if len(units) > MAX_BUCKETS:
                self._join_oldest(data)
            return
        at = bisect_left(units, unit)
        if units[at] == unit:
            data.amounts[at] += amount
        else:
            units.insert(at, unit)
            data.amounts.insert(at, amount)
            if len(units) > MAX_BUCKETS:
                self._join_oldest(data)

    def _join_oldest(self, data: Series) -> None:
        data.amounts[1] += data.amounts[0]
        del data.units[0], data.amounts[0]

    def merge(self, ours: Data, theirs: Data) -> Data:
        assert isinstance(ours, Series) and isinstance(theirs, Series)
        data = Series()
        data.last = max(ours.last, theirs.last)
        data.units = list(ours.units)
        data.amounts = list(ours.amounts)
        for unit, amount in zip(theirs.units, theirs.amounts, strict=True):
            self._add(data, unit, amount)
        return data

    def prune(self, data: Data, unit: int, oldest: int) -> None:
        assert isinstance(data, Series)
        if self.horizon >= 0 and data.units and data.units[0] <= unit - self.horizon:
            keep = bisect_right(data.units, unit - self.horizon)
            del data.units[:keep], data.amounts[:keep]

    def dump(self, data: Data) -> list[Any]:
        assert isinstance(data, Series)
        return [data.last, _deltas(data.units), self.compact(data.amounts)]

    def fill(self, data: Data, raw: list[Any]) -> None:
        assert isinstance(data, Series)
        data.last, data.units = raw[0], _undeltas(raw[1])
        data.amounts = [float(amount) for amount in raw[2]]

    def compact(self, amounts: list[float]) -> list[Any]:
        """Counts take a byte as whole numbers, nine as floats."""
        return [int(amount) for amount in amounts]


class AmountTracker(SeriesTracker):
    """The sum of `min(max, each * properties[field])` in each unit."""

    def __init__(
        self, ident: int, resolution: int, horizon: int, field: str, each: float, ceiling: float | None
    ) -> None:
        super().__init__(ident, resolution, horizon)
        self.field = field
        self.each = each
        self.ceiling = ceiling

    def amount(self, activity: Activity) -> float:
        return quantity(activity, self.field, self.each, self.ceiling)

    def compact(self, amounts: list[float]) -> list[Any]:
        return amounts


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
        row = [data.last, data.skipped, _deltas(data.times), data.ids]
        return row if self.field is None else [*row, data.amounts]

    def fill(self, data: Data, raw: list[Any]) -> None:
        assert isinstance(data, Earliest)
        times: list[int] = _undeltas(raw[2])
        resolution = self.resolution
        data.last, data.skipped = raw[0], raw[1]
        data.times, data.ids = times, raw[3]
        data.units = [time // resolution for time in times]
        data.amounts = [1.0] * len(times) if self.field is None else raw[4]


def _remove(data: Earliest, start: int, end: int) -> None:
    del data.times[start:end], data.ids[start:end], data.units[start:end], data.amounts[start:end]


class LatestTracker(Tracker):
    """The latest unit of each distinct value of a property: of all, the `most` most recent; or of those in `values`."""

    def __init__(
        self, ident: int, resolution: int, horizon: int, of: str, most: int, values: frozenset[str] | None
    ) -> None:
        super().__init__(ident, resolution, horizon)
        self.field = of
        self.most = most
        self.values = values

    def new(self) -> Latest:
        return Latest()

    def observe(self, data: Data, activity: Activity) -> bool:
        assert isinstance(data, Latest)
        value = distinct_value(activity.properties.get(self.field))
        if value is None or (self.values is not None and value not in self.values):
            return False
        data.last = max(data.last, activity.time)
        return self._add(data, value, activity.time // self.resolution)

    def _add(self, data: Latest, value: str, unit: int) -> bool:
        units = data.units
        known = units.get(value)
        if known is not None and known >= unit:
            return False
        units[value] = unit
        if len(units) > self.most:
            # Whoever is in a window at any time is among the most recent, so the rest can never reach a higher tier.
            del units[min(units, key=lambda name: (units[name], name))]
        return True

    def merge(self, ours: Data, theirs: Data) -> Data:
        assert isinstance(ours, Latest) and isinstance(theirs, Latest)
        data = Latest()
        data.last = max(ours.last, theirs.last)
        data.units = dict(ours.units)
        for value, unit in theirs.units.items():
            self._add(data, value, unit)
        return data

    def prune(self, data: Data, unit: int, oldest: int) -> None:
        assert isinstance(data, Latest)
        if self.horizon >= 0:
            gone = [value for value, seen in data.units.items() if seen <= unit - self.horizon]
            for value in gone:
                del data.units[value]

    def dump(self, data: Data) -> list[Any]:
        assert isinstance(data, Latest)
        return [data.last, data.units]

    def fill(self, data: Data, raw: list[Any]) -> None:
        assert isinstance(data, Latest)
        data.last, data.units = raw[0], raw[1]


def quantity(activity: Activity, field: str, each: float, ceiling: float | None) -> float:
    """`min(max, each * properties[field])`; 0 if the field is missing or no number."""
    value = activity.properties.get(field)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    amount = each * max(-MAX_QUANTITY, min(MAX_QUANTITY, value))
    return amount if ceiling is None or amount < ceiling else ceiling


def distinct_value(value: object) -> str | None:
    """A scalar as `distinct`, `complete` and `breadth` compare it; `None` for missing values and lists."""
    if isinstance(value, str):
        return "s" + value.casefold()
    if isinstance(value, bool):
        return "b1" if value else "b0"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, (int, float)):
        return f"n{value}"
    return None


def _deltas(values: list[int]) -> list[int]:
    previous = 0
    result = []
    for value in values:
        result.append(value - previous)
        previous = value
    return result


def _undeltas(values: list[int]) -> list[int]:
    total = 0
    result = []
    for value in values:
        total += value
        result.append(total)
    return result
