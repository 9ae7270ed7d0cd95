"""What lag is, and when a consumer group is said to be well. Pure: the reader (`lag_reader`) asks Kafka, this judges.

The rule: a partition's lag is what a reader of committed records has still to read there, so transaction markers are none of
it; its lag in seconds is the age of the oldest record not yet processed, by that record's own timestamp. The worker is not
asked: what a dead, stuck or rebalancing one believes does not matter.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "catching up", "stalled", "stopped"]
GroupState = Literal["stable", "rebalancing", "empty", "unknown"]
"""`empty`: the group has no member; `unknown`: Kafka has never heard of it."""

STATUSES: tuple[Status, ...] = ("ok", "catching up", "stalled", "stopped")

OK_SECONDS = 10.0
"""A consumer whose oldest unread record is younger keeps up."""
STALLED_SECONDS = 15.0
"""Records to read and a committed offset that has not moved for as long: stalled."""
REBALANCE_SECONDS = 30.0
"""How long a rebalance may take before it counts as a stall: the workers' rebalance time-out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One group's partition as Kafka tells it.

    `end`: the last stable offset; `committed`: None where the group committed nothing there, which is then read from its
    first record. `lag` in messages: exact where what is left is little (`lag_reader.EXACT`), else the offsets from the oldest
    unread record to the end. `oldest_at` (ms): that record's timestamp. `owned`: a living member has the partition.
    """

    group: str
    state: GroupState
    topic: str
    partition: int
    end: int
    committed: int | None
    lag: int
    oldest_at: int | None
    owned: bool
    read_at: int

    @property
    def seconds(self) -> float:
        """The lag in seconds: 0 where nothing is left to read."""
        return 0.0 if self.oldest_at is None else max(0.0, (self.read_at - self.oldest_at) / 1000)


@dataclass(frozen=True, slots=True)
class Lag:
    """A reading with what it means."""

    reading: Reading
    status: Status


class Judge:
    """Remembers when each committed offset moved last, which one look cannot tell. Time is an argument, in seconds."""

    def __init__(self, stalled_after: float = STALLED_SECONDS) -> None:
        self._stalled_after = stalled_after
        self._marks: dict[tuple[str, str, int], _Mark] = {}

    def judge(self, readings: Iterable[Reading], now: float) -> list[Lag]:
        """The readings with their status. Places that are not among them are forgotten."""
        marks: dict[tuple[str, str, int], _Mark] = {}
        judged: list[Lag] = []
        for reading in readings:
            place = (reading.group, reading.topic, reading.partition)
            mark = _marked(self._marks.get(place), reading, now)
            marks[place] = mark
            judged.append(Lag(reading, self._status(reading, mark, now)))
        self._marks = marks
        return judged

    def _status(self, reading: Reading, mark: "_Mark", now: float) -> Status:
        alive = reading.owned or reading.state == "rebalancing"
        # Who assigns partitions to itself is no member, and yet its offsets move.
        if not alive and (mark.moved_at is None or now - mark.moved_at >= self._stalled_after):
            return "stopped"
        if reading.committed is not None and reading.committed > reading.end:
            return "stalled"  # the topic was made anew: this reader will not find its place
        if reading.lag == 0:
            return "ok"
        limit = REBALANCE_SECONDS if reading.state == "rebalancing" else self._stalled_after
        if now - mark.since >= limit:
            return "stalled"
        return "ok" if reading.seconds < OK_SECONDS else "catching up"


@dataclass(frozen=True, slots=True)
class _Mark:
    """Since when there is something to read and the committed offset stands still, and when it was last seen to move."""

    committed: int | None
    lagged: bool
    since: float
    moved_at: float | None


def _marked(before: _Mark | None, reading: Reading, now: float) -> _Mark:
    lagged = reading.lag > 0
    if before is None:
        return _Mark(reading.committed, lagged, now, None)
    if before.committed != reading.committed:
        return _Mark(reading.committed, lagged, now, now)
    return _Mark(reading.committed, lagged, before.since if before.lagged and lagged else now, before.moved_at)


def worst(lags: Iterable[Lag]) -> float:
    """The greatest lag in seconds; 0 where there is none."""
    return max((lag.reading.seconds for lag in lags), default=0.0)
