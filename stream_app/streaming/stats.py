"""What a lane counts while it works: plain numbers, written by the lane, read by whoever exports them (ops/).

The rule: counting costs next to nothing. A count is made per slice or per transaction, never per record, and knows no
exporter. Numbers only grow, over the lane's life and over its return to this process; those that say "now" say so.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

LATENCY_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
TRANSACTION_BOUNDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
BATCH_BOUNDS = (1.0, 10.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10000.0)

LATE_SECONDS = 3600.0
"""A record older than this when it was read is history, not news: its latency says nothing of the system."""


class Tally:
    """A histogram: how many values fell at or below each bound, or above all, and their sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def observe_all(self, values: list[float]) -> None:
        """Count many at once; the list is sorted."""
        values.sort()
        below = 0
        for number, bound in enumerate(self.bounds):
            upto = bisect_right(values, bound, below)
            self.counts[number] += upto - below
            below = upto
        self.counts[-1] += len(values) - below
        self.total += sum(values)


@dataclass(slots=True)
class LaneStats:
    """Counts of one lane. `recovery_left` (changelog records, about) and `stuck_seconds` (owing work, nothing done) are
    as of now. `latency` is from a record's timestamp to the commit of the transition that it caused."""

    records: int = 0
    transactions: int = 0
    outputs: int = 0
    changes: int = 0
    transaction_seconds: float = 0.0
    engine_seconds: float = 0.0
    recovery_left: int = 0
    stuck_seconds: int = 0
    transaction_times: Tally = field(default_factory=lambda: Tally(TRANSACTION_BOUNDS), repr=False)
    batches: Tally = field(default_factory=lambda: Tally(BATCH_BOUNDS), repr=False)
    latency: Tally = field(default_factory=lambda: Tally(LATENCY_BOUNDS), repr=False)

    def committed(self, seconds: float, records: int, outputs: int, changes: int) -> None:
        """A transaction has been committed."""
        self.transactions += 1
        self.outputs += outputs
        self.changes += changes
        self.transaction_seconds += seconds
        self.transaction_times.observe(seconds)
        self.batches.observe(records)

    def told(self, caused: Sequence[int], now_ms: int) -> None:
        """Transitions are visible now whose records had these timestamps (ms)."""
        for timestamp in caused:
            seconds = (now_ms - timestamp) / 1000
            if 0 <= seconds < LATE_SECONDS:
                self.latency.observe(seconds)
