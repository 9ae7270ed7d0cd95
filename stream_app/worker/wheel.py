"""When each subject is due next: times to keys, cheap for millions of quiet subjects.

A key may stand at several times, or several times at one; whoever takes one checks whether it is still due then. Times
are milliseconds.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush

_ROOM = 100_000  # entries that are always tolerated


class Wheel:
    """Keys by due time. Most times are unit boundaries, which many keys share."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._keys: dict[int, list[bytes]] = {}
        self._size = 0
        self._room = _ROOM

    def __len__(self) -> int:
        """How many entries it holds, outdated ones included."""
        return self._size

    def add(self, due: int, key: bytes) -> None:
        """Let `key` be due at `due`."""
        self._size += 1
        keys = self._keys.get(due)
        if keys is None:
            self._keys[due] = [key]
            heappush(self._times, due)
        else:
            keys.append(key)

    def fill(self, entries: list[tuple[int, bytes]]) -> None:
        """Add many at once."""
        self._size += len(entries)
        for due, key in entries:
            keys = self._keys.get(due)
            if keys is None:
                self._keys[due] = [key]
                self._times.append(due)
            else:
                keys.append(key)
        heapify(self._times)

    def next(self) -> int | None:
        """The earliest time at which a key stands."""
        return self._times[0] if self._times else None

    def take(self, until: int, most: int) -> list[tuple[int, bytes]]:
        """Remove and return up to `most` keys that stand at `until` or before, the earliest first, with their times."""
        taken: list[tuple[int, bytes]] = []
        while self._times and self._times[0] <= until and len(taken) < most:
            due = self._times[0]
            keys = self._keys[due]
            room = most - len(taken)
            taken += [(due, key) for key in keys[:room]]
            if len(keys) <= room:
                heappop(self._times)
                del self._keys[due]
            else:
                del keys[:room]
        self._size -= len(taken)
        return taken

    def thin(self, due_of: Callable[[bytes], int | None]) -> None:
        """Forget entries that are outdated, once there may be as many of them as others.

        `due_of` says when a key is due now. So the wheel stays in proportion to the keys while a backlog of any length
        is worked off, during which nothing is taken from it.
        """
        if self._size <= self._room:
            return
        kept = [(due, key) for due, keys in self._keys.items() for key in dict.fromkeys(keys) if due_of(key) == due]
        self._times, self._keys, self._size = [], {}, 0
        self.fill(kept)
        self._room = max(_ROOM, 2 * self._size)
