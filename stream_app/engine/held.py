"""What of a subject's activities machines did, and what is held because they still may turn out to have done it.

A click is counted at once, and held beside what was counted. When others show that it belongs to a sweep, what it was
counted in is made again from `bases` (the data without anything held) and what is held and still a person's. A click that
nothing yet to be accepted can change is settled into the bases and held no longer.
"""

from typing import Final

import msgspec

from stream_app.engine.activity import Activity, Value
from stream_app.engine.trackers.data import Data

MAX_HELD: Final = 256  # clicks; beyond that, the oldest are settled before their time
MAX_CHARS: Final = 65_536  # of what they carry

_HeldRow = tuple[int, str, str, dict[int, bytes], list[int], dict[str, Value | None]]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_HeldRow]).decode


class Held:
    """One click. `rule` says which machine rule has found it, empty for a person's; `feeds` are the positions of the
    trackers that it is counted in (none for a machine's), `activity` as much of it as they read."""

    def __init__(self, time: int, event_id: str, rule: str, clicks: dict[int, bytes]) -> None:
        self.time = time
        self.event_id = event_id
        self.rule = rule
        self.clicks = clicks
        self.feeds: list[int] = []
        self.activity: Activity | None = None
        self.size = len(event_id)

    def counts_in(self, feeds: list[int], values: dict[str, Value | None]) -> None:
        """Note that it is counted in these trackers, which read these properties of it."""
        self.feeds = feeds
        self.activity = Activity(event_id=self.event_id, type="", time=self.time, properties=values)
        self.size = len(self.event_id)
        for name, value in values.items():
            self.size += len(name) + (len(value) if isinstance(value, str) else 8)

    def convict(self, rule: str) -> None:
        """It is a machine's: counted nowhere."""
        self.rule = rule
        self.feeds = []
        self.activity = None
        self.size = len(self.event_id)


class Sifted:
    """All that is known of one subject.

    `counts` are the activities found to be machines', by rule; `found` those since somebody last asked. `bases` is empty,
    or has the data without what is held for each tracker (by position) that something held is counted in. `first` is the
    time of the first activity of what is not held, -1 if there is none; `since` that of the oldest held; `number` and
    `chars` say how much is held (the latter is an upper bound).
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.found = 0
        self.first = -1
        self.since = -1
        self.number = 0
        self.chars = 0
        self.bases: list[Data | None] = []
        self._held: list[Held] = []
        self._packed: bytes | None = None  # `_held` encoded, where nothing of it has been looked at
        self._position: dict[int, int] = {}

    def blame(self, rule: str) -> None:
        """Count one activity as a machine's."""
        self.counts[rule] = self.counts.get(rule, 0) + 1
        self.found += 1

    def held(self) -> list[Held]:
        """What is held, in the order of (time, event id)."""
        if self._packed is not None:
            self._held = _unpacked(self._packed, self._position)
            self._packed = None
        return self._held

    def saw(self, time: int) -> None:
        """Note an activity that is not held."""
        if self.first < 0 or time < self.first:
            self.first = time

    def first_human(self) -> int:
        """The time of the first activity that is not a machine's, -1 if there is none."""
        first = self.first
        for one in self.held():
            if not one.rule:
                return one.time if first < 0 or one.time < first else first
        return first

    def rows(self, ids: list[int]) -> bytes:
        """What is held as bytes; `ids` are the trackers' by position."""
        if self._packed is not None:
            return self._packed
        rows: list[_HeldRow] = []
        for one in self._held:
            values = {} if one.activity is None else one.activity.properties
            rows.append((one.time, one.event_id, one.rule, one.clicks, [ids[at] for at in one.feeds], values))
        return _encode(rows)

    def closed(self, since: int, number: int, packed: bytes, position: dict[int, int]) -> None:
        """Hold what `rows` encoded; trackers that are not in `position` (by id) are another version's."""
        self.since, self.number, self.chars = since, number, len(packed)
        self._packed, self._position = packed, position


def _unpacked(packed: bytes, position: dict[int, int]) -> list[Held]:
    found = []
    for time, event_id, rule, clicks, ids, values in _decode(packed):
        one = Held(time, event_id, rule, clicks)
        if not rule:
            one.counts_in([position[ident] for ident in ids if ident in position], values)
        found.append(one)
    return found


def as_json(sifted: "Sifted | None", ids: list[str]) -> dict[str, int]:
    """How many activities each rule has found, the model's rules in its order and then those of other versions."""
    counts = {} if sifted is None else sifted.counts
    told = {ident: counts.get(ident, 0) for ident in ids}
    return {**told, **{ident: count for ident, count in counts.items() if ident not in told}}
