"""Event ids a subject has taken, for as long as a duplicate could still be accepted (scoring.md section 2).

Kept as one run of 16 bytes an id, ascending by first time: the time (8 bytes, big-endian milliseconds) and a 64-bit
BLAKE2 digest of the id. Whoever can make two ids collide (2**32 tries) loses one of their own events.
"""

from bisect import bisect_right
from hashlib import blake2b

MAX_IDS = 10_000
_SIZE = 16


class SeenIds:
    """A set of event ids with their first times, at most `MAX_IDS` of them: beyond that the oldest go.

    `floor` is the time below which an event must be refused because ids as old have been forgotten for want of room.
    """

    def __init__(self, packed: bytes = b"", floor: int = -1) -> None:
        self.packed = bytearray(packed)
        self.floor = floor
        self._asked = ("", b"")  # the id last asked for and its digest: it is mostly the one added next

    def __len__(self) -> int:
        return len(self.packed) // _SIZE

    def first_time(self, event_id: str) -> int:
        """When an id was first taken, in milliseconds; -1 if it is not known."""
        digest = _digest(event_id)
        self._asked = (event_id, digest)
        return self._find(digest)

    def _find(self, digest: bytes) -> int:
        packed = self.packed
        at = packed.find(digest)
        while at >= 0:
            if at % _SIZE == 8:
                return int.from_bytes(packed[at - 8 : at], "big")
            at = packed.find(digest, at + 1)
        return -1

    def add(self, event_id: str, time: int, oldest: int) -> None:
        """Remember an id; forget those whose first time is before `oldest` (the latest event less the lateness)."""
        asked, digest = self._asked
        self._insert(time, digest if asked == event_id else _digest(event_id))
        self.forget(oldest)

    def forget(self, oldest: int) -> None:
        """Forget the ids whose first time is before `oldest`."""
        packed = self.packed
        gone = 0
        while gone < len(packed) and int.from_bytes(packed[gone : gone + 8], "big") < oldest:
            gone += _SIZE
        if gone:
            del packed[:gone]

    def union(self, other: "SeenIds") -> "SeenIds":
        """Both sets together; an id that both took keeps the later time, so that a copy of either is still known."""
        result = SeenIds(bytes(self.packed), max(self.floor, other.floor))
        for at in range(0, len(other.packed), _SIZE):
            time = int.from_bytes(other.packed[at : at + 8], "big")
            digest = bytes(other.packed[at + 8 : at + _SIZE])
            known = result._find(digest)
            if known < 0:
                result._insert(time, digest)
            elif time > known:
                where = result.packed.find(known.to_bytes(8, "big") + digest)
                del result.packed[where : where + _SIZE]
                result._insert(time, digest)
        return result

    def _insert(self, time: int, digest: bytes) -> None:
        packed = self.packed
        entry = time.to_bytes(8, "big") + digest
        if not packed or time >= int.from_bytes(packed[-_SIZE:-8], "big"):
            packed += entry
        else:
            at = bisect_right(range(len(self)), time, key=self._time_at) * _SIZE
            packed[at:at] = entry
        if len(packed) > MAX_IDS * _SIZE:
            del packed[:_SIZE]
            self.floor = max(self.floor, int.from_bytes(packed[:8], "big"))

    def _time_at(self, index: int) -> int:
        return int.from_bytes(self.packed[index * _SIZE : index * _SIZE + 8], "big")


def _digest(event_id: str) -> bytes:
    return blake2b(event_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
