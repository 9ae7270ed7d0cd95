"""Records whose headers have names that are no UTF-8, read all the same.

Kafka's protocol calls a header's name a string; brokers do not check it, and clients in C write any bytes. aiokafka raises for
such a record whenever its partition is read, for ever: one record would stop every reader. The rule: what cannot be decoded
becomes U+FFFD, in batches that hold such a record and in no other, which go the quick way.
"""

from collections.abc import Iterator
from typing import Any, SupportsIndex

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy

_Records: Any = fetcher.MemoryRecords
_PartitionRecords: Any = fetcher.PartitionRecords


def read_any_header_names() -> None:
    """Let every consumer of this process read such records. Doing it again changes nothing."""
    fetcher.MemoryRecords = _Kept
    fetcher.PartitionRecords = _LenientRecords


class _Kept:
    """aiokafka's records of a response, and the bytes they are made of."""

    def __init__(self, raw: bytes) -> None:
        records = _Records(raw)
        self.raw = raw
        self.has_next, self.next_batch = records.has_next, records.next_batch
        self.size_in_bytes = records.size_in_bytes


class _LenientRecords(_PartitionRecords):  # type: ignore[misc]
    """Goes on leniently from the record that aiokafka stumbles over."""

    _records_iterator: Any

    def __init__(self, tp: Any, records: _Kept, aborted: Any, offset: int, *rest: Any) -> None:
        self._all = records.raw, list(aborted or [])
        self._from = offset
        super().__init__(tp, records, aborted, offset, *rest)

    def __next__(self) -> Any:
        try:
            return next(self._records_iterator)
        except StopIteration:
            self._records_iterator = None
            raise
        except UnicodeDecodeError:
            self._records_iterator = self._again(max(self._from, self.next_fetch_offset))
            return next(self._records_iterator)

    def _again(self, offset: int) -> Iterator[Any]:
        """All records once more, from the beginning because of the aborted transactions, those before `offset` left out."""
        raw, aborted = self._all
        self._records = _SlowRecords(raw)
        self._aborted_transactions = sorted(aborted, key=lambda one: one[1])
        self._aborted_producers.clear()
        return (record for record in self._unpack_records() if record.offset >= offset)


class _SlowRecords(_MemoryRecordsPy):  # type: ignore[misc]
    """The same in Python: aiokafka's batches in C cannot be told how to decode."""

    def next_batch(self, *_args: Any) -> Any:
        """The next batch, decoded leniently; older formats have no headers."""
        raw = self._next_slice
        batch = super().next_batch()
        return batch if raw is None or raw[self.MAGIC_OFFSET] < 2 else _LenientBatch(raw)


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer: bytearray = _LenientBytes(self._buffer)


class _LenientBytes(bytearray):
    """Bytes that can always be decoded."""

    def __getitem__(self, place: SupportsIndex | slice) -> Any:
        found = super().__getitem__(place)
        return _LenientBytes(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", _errors: str = "strict") -> str:
        """Decode with U+FFFD for what cannot be."""
        return super().decode(encoding, "replace")
