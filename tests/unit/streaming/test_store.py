"""One contract, two stores: what a lane may rely on."""

from collections.abc import Callable
from pathlib import Path

import pytest

from stream_app.streaming.positions import POSITIONS_KEY
from stream_app.streaming.rocks import RocksStore, Slot
from stream_app.streaming.store import MemoryStore, PartitionStore

DAY = 24 * 3600 * 1000


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> PartitionStore:
    """An empty store of each kind."""
    return MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "lead-0", DAY, lambda: 1_000)


def test_changes_are_seen_before_and_after_their_commit(store: PartitionStore) -> None:
    """Staged values are read at once; the last one counts; None deletes."""
    assert store.position() == 0 and store.get(b"a") is None
    store.restore([(b"a", b"1"), (b"b", b"1"), (b"a", b"2")], 3)
    assert (store.get(b"a"), store.get(b"b"), store.position()) == (b"2", b"1", 3)
    store.stage([(b"a", None), (b"c", b"3")])
    assert (store.get(b"a"), store.get(b"c")) == (None, b"3")
    store.committed(6)
    assert (store.get(b"a"), store.get(b"c"), store.position()) == (None, b"3", 6)
    assert dict(store.items()) == {b"b": b"1", b"c": b"3"}


def test_reserved_keys_are_kept_and_not_shown(store: PartitionStore) -> None:
    """The lane's own record is there for the lane."""
    store.stage([(POSITIONS_KEY, b"{}"), (b"a", b"1")])
    store.committed(2)
    assert store.get(POSITIONS_KEY) == b"{}"
    assert list(store.items()) == [(b"a", b"1")]


def test_cleared_is_empty(store: PartitionStore) -> None:
    """Nothing of before, and usable."""
    store.restore([(b"a", b"1")], 1)
    store.clear()
    assert store.position() == 0 and list(store.items()) == []
    store.restore([(b"b", b"1")], 1)
    assert store.get(b"b") == b"1"
    store.close()


@pytest.fixture
def reopen(tmp_path: Path) -> Callable[[int], RocksStore]:
    """Open the same directory at a time."""
    return lambda now: RocksStore(tmp_path / "lead-0", DAY, lambda: now)


def test_disk_holds_what_was_committed(reopen: Callable[[int], RocksStore]) -> None:
    """What was staged only is gone after a crash, and the position is that of the data."""
    store = reopen(1_000)
    store.stage([(b"a", b"1")])
    store.committed(2)
    store.stage([(b"a", b"2"), (b"b", b"2")])
    store.close()
    store = reopen(2_000)
    assert (store.get(b"a"), store.get(b"b"), store.position()) == (b"1", None, 2)


@pytest.mark.parametrize("now", [1_000 + DAY + 1, 999])
def test_a_store_too_old_starts_anew(reopen: Callable[[int], RocksStore], now: int) -> None:
    """Older than tombstones are kept, or from the future: not to be trusted."""
    store = reopen(1_000)
    store.restore([(b"a", b"1")], 5)
    store.close()
    assert reopen(now).position() == 0


def test_a_slot_belongs_to_one_process(tmp_path: Path) -> None:
    """Two claims of one data directory get two directories; a freed one is used again."""
    first, second = Slot(tmp_path), Slot(tmp_path)
    assert first.path() != second.path()
    assert first.path() == first.path()
