"""Where a lane keeps the state of its partition: bytes by key, and the changelog position they stand for.

The rule: the changelog is the truth. A store holds what was committed plus what was drained since; what it persists, it
persists only after the transaction committed, together with the changelog position reached, in one write. Stores know
nothing of Kafka.
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from stream_app.streaming.positions import POSITIONS_KEY, is_reserved

Change = tuple[bytes, bytes | None]


class PartitionStore(Protocol):
    """The state of one partition. Reserved keys (see positions.py) are kept too, but not shown by `items`."""

    def position(self) -> int:
        """The changelog offset up to which what is held is complete: recovery reads on from here."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""

    def __len__(self) -> int:
        """How many entries there are, about."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every key and value but the reserved ones, in no order."""

    def restore(self, changes: Iterable[Change], position: int) -> None:
        """Take records read from the changelog, up to `position`."""

    def stage(self, changes: Iterable[Change]) -> None:
        """Take changes on their way into a transaction; readers see them at once."""

    def committed(self, position: int) -> None:
        """What was staged is in the changelog below `position`."""

    def clear(self) -> None:
        """Forget everything: the changelog is not the one this was read from."""

    def close(self) -> None:
        """Let go of files."""


class MemoryStore:
    """A dictionary: nothing outlives the process, so staged and committed are one."""

    def __init__(self) -> None:
        self._data: dict[bytes, bytes] = {}
        self._position = 0

    def position(self) -> int:
        """See PartitionStore."""
        return self._position

    def get(self, key: bytes) -> bytes | None:
        """See PartitionStore."""
        return self._data.get(key)

    def __len__(self) -> int:
        """See PartitionStore."""
        return len(self._data)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """See PartitionStore."""
        return ((key, value) for key, value in self._data.items() if not is_reserved(key))

    def restore(self, changes: Iterable[Change], position: int) -> None:
        """See PartitionStore."""
        self.stage(changes)
        self._position = position

    def stage(self, changes: Iterable[Change]) -> None:
        """See PartitionStore."""
        data = self._data
        for key, value in changes:
            if value is None:
                data.pop(key, None)
            else:
                # A copy: encoders make bytes by shrinking a bigger block, and the rest of the block is of little use as
                # long as they live. With orjson 50,000 leads took 220 MB; so 200,000 take half of that.
                data[key] = bytes(memoryview(value))

    def committed(self, position: int) -> None:
        """See PartitionStore."""
        self._position = position

    def clear(self) -> None:
        """See PartitionStore."""
        self._data.clear()
        self._position = 0

    def close(self) -> None:
        """See PartitionStore."""
        self._data.clear()


def positions_of(store: PartitionStore) -> bytes | None:
    """The positions record held in a store."""
    return store.get(POSITIONS_KEY)
