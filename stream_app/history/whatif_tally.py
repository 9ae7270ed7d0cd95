"""What a what-if counts, part by part of a history, so that parts can be added up in any order."""

from typing import TypeVar

import msgspec

MOST_VALUES = 1_000
"""Values of a segment that are told apart; what comes after them counts as `OTHERS`."""
OTHERS = "(others)"
UNKNOWN = "(unknown)"


class Mover(msgspec.Struct, array_like=True):
    """A lead that reaches a stage under one model only: when, its segments' values, and what its rules differ by."""

    lead: str
    at: int
    values: list[str]
    deltas: dict[str, float]  # rule: its points under B less those under A at that time


class StageTally(msgspec.Struct, array_like=True):
    """How leads reach one stage under the models A and B. Pairs are of A and B."""

    weeks: dict[int, list[int]] = {}  # arrivals by the start of their week, each arrival of a lead
    leads: list[int] = msgspec.field(default_factory=lambda: [0, 0])  # leads that arrive at least once
    both: int = 0  # leads that arrive under both
    sooner: int = 0
    later: int = 0
    shifts: int = 0  # milliseconds, of those, B after A
    gained: list[Mover] = []
    lost: list[Mover] = []
    # By segment's position and value: leads under A, under B, gained, lost.
    segments: list[dict[str, list[int]]] = []

    def add(self, other: "StageTally") -> None:
        """Add what another part counted."""
        _add_lists(self.weeks, other.weeks)
        self.leads = [one + two for one, two in zip(self.leads, other.leads, strict=True)]
        self.both += other.both
        self.sooner += other.sooner
        self.later += other.later
        self.shifts += other.shifts
        self.gained += other.gained
        self.lost += other.lost
        for ours, theirs in zip(self.segments, other.segments, strict=True):
            _add_lists(ours, theirs)


class ScoreTally(msgspec.Struct, array_like=True):
    """One score at the end of the history: how many leads have which published value (its floor), under A and B."""

    values: dict[int, list[int]] = {}
    up: int = 0
    down: int = 0
    both: int = 0  # leads that have the score under both
    change: float = 0.0  # the sum of their changes

    def add(self, other: "ScoreTally") -> None:
        """Add what another part counted."""
        _add_lists(self.values, other.values)
        self.up += other.up
        self.down += other.down
        self.both += other.both
        self.change += other.change


class Tally(msgspec.Struct, array_like=True):
    """All of one part, or of all parts."""

    stages: dict[str, StageTally] = {}
    scores: dict[str, ScoreTally] = {}
    events: int = 0
    refused: list[int] = msgspec.field(default_factory=lambda: [0, 0])
    first: int | None = None  # time of the first event taken
    leads: list[int] = msgspec.field(default_factory=lambda: [0, 0])

    def add(self, other: "Tally") -> None:
        """Add what another part counted."""
        for name, stage in other.stages.items():
            if name in self.stages:
                self.stages[name].add(stage)
            else:
                self.stages[name] = stage
        for name, score in other.scores.items():
            self.scores.setdefault(name, ScoreTally({})).add(score)
        self.events += other.events
        self.refused = [one + two for one, two in zip(self.refused, other.refused, strict=True)]
        self.leads = [one + two for one, two in zip(self.leads, other.leads, strict=True)]
        self.first = min((time for time in (self.first, other.first) if time is not None), default=None)


_K = TypeVar("_K", int, str)


def count(counts: dict[_K, list[int]], key: _K, place: int, size: int) -> None:
    """Count one more at a place of a key's row."""
    row = counts.get(key)
    if row is None:
        row = counts[key] = [0] * size
    row[place] += 1


def _add_lists(ours: dict[_K, list[int]], theirs: dict[_K, list[int]]) -> None:
    for key, row in theirs.items():
        known = ours.get(key)
        ours[key] = list(row) if known is None else [one + two for one, two in zip(known, row, strict=True)]
