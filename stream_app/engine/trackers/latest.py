"""When each distinct value of a property occurred last (scoring.md section 3, `distinct` and `complete`)."""

from typing import Any

from stream_app.engine.activity import Activity
from stream_app.engine.trackers.base import Tracker
from stream_app.engine.trackers.data import Data, Latest


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
