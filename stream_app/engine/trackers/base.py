"""What all trackers do: open and pack their data; and the simplest of them, which keeps a time."""

from typing import Any, Final

import msgspec

from stream_app.engine.activity import Activity
from stream_app.engine.trackers.data import Data

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Any]).decode

MAX_BUCKETS: Final = 10_000


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


def deltas(values: list[int]) -> list[int]:
    previous = 0
    result = []
    for value in values:
        result.append(value - previous)
        previous = value
    return result


def undeltas(values: list[int]) -> list[int]:
    total = 0
    result = []
    for value in values:
        total += value
        result.append(total)
    return result
