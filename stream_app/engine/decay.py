"""The factor of an activity by its age in units (scoring.md section 3, `decay`)."""

from bisect import bisect_right
from itertools import pairwise

from stream_app.engine.model.types import Decay

# A half-life is forgotten after so many of its spans: 2**-50 of 100,000 points is below the 1e-9 to which scores are
# compared.
HALF_LIVES_KEPT = 50
_TABLE_LIMIT = 65_536
_FOREVER = 1 << 62


class DecayTable:
    """Factors by age in whole units, computed once each.

    `horizon` is the age in units from which the factor is 0 for ever, or -1 where it never is. `falling` says that the
    factor never grows with age and is never negative, so that its extremes over a span are those at the two ends.
    """

    def __init__(self, decay: Decay, resolution: int) -> None:
        self.decay = decay
        self.resolution = resolution
        self.timed: bool = decay.kind != "none"
        self.falling: bool = decay.kind != "steps" or _is_falling(decay.steps)
        self.horizon: int = _horizon(decay, resolution)
        # The age in units from which the factor is the same for ever.
        self.settled: int = _ceiling(decay.steps[-1][0], resolution) if decay.steps else max(self.horizon, 0)
        spans = [decay.span] if decay.kind == "expire" else [start for start, _ in decay.steps]
        self._ages: list[int] = [_ceiling(span, resolution) for span in spans]
        self.table: list[float] = [self._compute(0)]

    def factor(self, age: int) -> float:
        """The factor at an age of `age` units (not negative)."""
        table = self.table
        if age < len(table):
            return table[age]
        if age >= _TABLE_LIMIT:
            return self._compute(age)
        for missing in range(len(table), age + 1):
            table.append(self._compute(missing))
        return table[age]

    def next_step(self, units: list[int], unit: int) -> int:
        """The first unit after `unit` at which the factor of an activity of one of `units` (ascending) changes."""
        kind = self.decay.kind
        if kind == "none":
            return _FOREVER
        if kind not in ("steps", "expire"):
            return unit + 1 if units and unit - units[-1] < self.horizon else _FOREVER
        first = _FOREVER
        for age in self._ages:
            at = bisect_right(units, unit - age)
            if at < len(units):
                first = min(first, units[at] + age)
        return first

    def extremes(self, first: int, last: int) -> tuple[float, float]:
        """The least and the greatest factor over the ages `first` to `last`, both included."""
        start, end = self.factor(first), self.factor(last)
        low, high = min(start, end), max(start, end)
        if not self.falling:
            for age, factor in self.decay.steps:
                if first * self.resolution < age <= last * self.resolution:
                    low, high = min(low, factor), max(high, factor)
        return low, high

    def _compute(self, units: int) -> float:
        age = units * self.resolution
        decay = self.decay
        if decay.kind == "half_life":
            return float(0.5 ** (age / decay.span)) if units < self.horizon else 0.0
        if decay.kind == "linear":
            return max(0.0, 1.0 - age / decay.span)
        if decay.kind == "expire":
            return 1.0 if age < decay.span else 0.0
        factor = 1.0
        for start, value in decay.steps:
            if start > age:
                break
            factor = float(value)
        return factor


def _is_falling(steps: tuple[tuple[int, float], ...]) -> bool:
    factors = [1.0] + [factor for _, factor in steps]
    return all(after <= before for before, after in pairwise(factors)) and factors[-1] >= 0


def _horizon(decay: Decay, resolution: int) -> int:
    if decay.kind == "half_life":
        return _ceiling(HALF_LIVES_KEPT * decay.span, resolution)
    if decay.kind in ("linear", "expire"):
        return _ceiling(decay.span, resolution)
    if decay.kind == "steps" and decay.steps and decay.steps[-1][1] == 0:
        return _ceiling(decay.steps[-1][0], resolution)
    return -1


def _ceiling(span: int, resolution: int) -> int:
    """The least number of units whose length is at least `span`."""
    return -(-span // resolution)
