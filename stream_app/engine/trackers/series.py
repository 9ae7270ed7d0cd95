"""How many activities there were in each unit, or how much of something they brought."""

from bisect import bisect_left, bisect_right
from typing import Any, Final

from stream_app.engine.activity import Activity
from stream_app.engine.trackers.base import MAX_BUCKETS, Tracker, deltas, undeltas
from stream_app.engine.trackers.data import Data, Series

MAX_QUANTITY: Final = 2.0**63  # the edge lets nothing greater through; sums of it stay finite


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
        return [data.last, deltas(data.units), self.compact(data.amounts)]

    def fill(self, data: Data, raw: list[Any]) -> None:
        assert isinstance(data, Series)
        data.last, data.units = raw[0], undeltas(raw[1])
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


def quantity(activity: Activity, field: str, each: float, ceiling: float | None) -> float:
    """`min(max, each * properties[field])`; 0 if the field is missing or no number."""
    value = activity.properties.get(field)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    amount = each * max(-MAX_QUANTITY, min(MAX_QUANTITY, value))
    return amount if ceiling is None or amount < ceiling else ceiling
