"""A store on disk, for state larger than memory: RocksDB.

The rule: what is on disk was committed, and says up to which changelog offset it goes in the same write as the data; so
after a crash reading goes on from there and nowhere else. What is in a transaction under way lies in an overlay that
readers see. A store older than the changelog keeps tombstones would miss deletions: it is thrown away. One process a
directory: workers that share a data directory take a slot each.
"""

import fcntl
import logging
import os
import shutil
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

from rocksdict import Options, Rdict, WriteBatch

from stream_app.streaming.positions import is_reserved
from stream_app.streaming.processor import Clock
from stream_app.streaming.settings import SettingsError
from stream_app.streaming.store import Change

log = logging.getLogger(__name__)

_STANDING_KEY = b"\x00store"
_STANDING = struct.Struct("<qq")
"""Changelog position, time of the write in ms."""
_SLOTS = 64


class Slot:
    """A directory under the data directory that no other living process uses; claimed at the first use."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock: int | None = None
        self._path: Path

    def path(self) -> Path:
        """The directory. The lock goes with the process, however it ends; a frozen process keeps its slot."""
        if self._lock is None:
            self._path = self._claim()
        return self._path

    def _claim(self) -> Path:
        for number in range(_SLOTS):
            path = self._data_dir / f"slot-{number}"
            path.mkdir(parents=True, exist_ok=True)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            self._lock = lock
            return path
        raise SettingsError(f"{self._data_dir}: {_SLOTS} workers use it already")


class RocksStore:
    """See store.PartitionStore. `clock` in ms tells a store's age; one older than `max_age_ms` starts anew."""

    def __init__(self, directory: Path, max_age_ms: int, clock: Clock) -> None:
        self._directory, self._clock = directory, clock
        self._overlay: dict[bytes, bytes | None] = {}
        self._database = _open(directory)
        position, written = self._standing()
        age = clock() - written
        if position and not 0 <= age <= max_age_ms:
            log.warning("%s was last written %d s ago: starting anew", directory, age // 1000)
            self.clear()
        elif position:
            log.info("%s stands at %d", directory, position)

    def _standing(self) -> tuple[int, int]:
        value = self._database.get(_STANDING_KEY)
        return _STANDING.unpack(value) if isinstance(value, bytes) and len(value) == _STANDING.size else (0, 0)

    def position(self) -> int:
        """See PartitionStore."""
        return self._standing()[0]

    def get(self, key: bytes) -> bytes | None:
        """See PartitionStore."""
        if key in self._overlay:
            return self._overlay[key]
        value: bytes | None = self._database.get(key)
        return value

    def __len__(self) -> int:
        """See PartitionStore: RocksDB's own estimate."""
        return int(self._database.property_int_value("rocksdb.estimate-num-keys") or 0)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """See PartitionStore."""
        entries = cast(Iterator[tuple[bytes, bytes]], self._database.items())
        return ((key, value) for key, value in entries if not is_reserved(key))

    def restore(self, changes: Iterable[Change], position: int) -> None:
        """See PartitionStore."""
        self._write(dict(changes), position)

    def stage(self, changes: Iterable[Change]) -> None:
        """See PartitionStore."""
        self._overlay.update(changes)

    def committed(self, position: int) -> None:
        """See PartitionStore."""
        overlay, self._overlay = self._overlay, {}
        self._write(overlay, position)

    def _write(self, changes: dict[bytes, bytes | None], position: int) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_STANDING_KEY, _STANDING.pack(position, self._clock()))
        self._database.write(batch)

    def clear(self) -> None:
        """See PartitionStore."""
        self._database.close()
        shutil.rmtree(self._directory)
        self._overlay.clear()
        self._database = _open(self._directory)

    def close(self) -> None:
        """See PartitionStore."""
        self._database.close()


def _open(directory: Path) -> Rdict:
    directory.parent.mkdir(parents=True, exist_ok=True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_keep_log_file_num(2)
    return Rdict(str(directory), options=options)
