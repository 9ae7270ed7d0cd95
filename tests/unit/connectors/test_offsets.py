"""Which offsets may be committed, and what a restart still knows of those behind."""

from hypothesis import given
from hypothesis import strategies as st

from stream_app.connectors.contract import Place
from stream_app.connectors.ledger import Ledger
from stream_app.connectors.progress import Progress


def test_an_offset_is_committed_when_all_before_it_are_done() -> None:
    """
    read    3 4 5 _ 7      (6 is a transaction's marker)
    done      4 5
    commit  3, and that 4 and 5 are done
    """
    progress = Progress(3)
    assert [progress.begin(offset) for offset in (3, 4, 5, 7)] == [True] * 4
    progress.finish(4)
    progress.finish(5)
    offset, metadata = progress.commit()
    assert offset == 3
    again = Progress(offset, metadata)
    assert [again.begin(offset) for offset in (3, 4, 5, 7, 8)] == [True, False, False, True, True]
    for done in (3, 7, 8):
        again.finish(done)
    assert again.commit() == (9, "")


def test_markers_at_the_end_are_passed() -> None:
    """Else a group would lag for ever by the marker of the last transaction."""
    progress = Progress(3)
    progress.begin(3)
    progress.reach(5)
    assert progress.commit()[0] == 3
    progress.finish(3)
    assert progress.commit() == (5, "")


def test_others_metadata_says_nothing() -> None:
    """A commit of another program, or a damaged one: everything is read again."""
    for metadata in ("", "hello", "1:?", "1:5:!"):
        assert Progress(3, metadata).begin(4)


def test_metadata_stays_within_kafkas_bound() -> None:
    """10,000 records of which every second is done: what does not fit is sent again, nothing is skipped."""
    progress = Progress(0)
    for offset in range(10_000):
        progress.begin(offset)
    for offset in range(1, 10_000, 2):
        progress.finish(offset)
    first, metadata = progress.commit()
    assert len(metadata) <= 4_096
    again = Progress(first, metadata)
    wanted = [offset for offset in range(10_000) if again.begin(offset)]
    assert set(range(0, 10_000, 2)) <= set(wanted)
    assert len(wanted) < 10_000


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)), st.integers(0, 61), st.sets(st.integers(0, 60)))
def test_restarts_lose_nothing_and_repeat_only_what_was_open(
    offsets: set[int], done: set[int], read_again: int, more: set[int]
) -> None:
    """Two restarts at any moments: a record is begun again if and only if it was not done."""
    finished: set[int] = set()
    progress = Progress(0)
    for offset in sorted(offsets):
        assert progress.begin(offset)
    for offset in done & offsets:
        progress.finish(offset)
    finished |= done & offsets
    second = Progress(*progress.commit())
    for offset in sorted(offset for offset in offsets if offset < read_again):
        if offset < progress.commit()[0]:
            continue
        assert second.begin(offset) == (offset not in finished)
        if offset in more:
            second.finish(offset)
            finished.add(offset)
    first, metadata = second.commit()
    third = Progress(first, metadata)
    assert all(offset in finished for offset in offsets if offset < first)
    for offset in sorted(offset for offset in offsets if offset >= first):
        assert third.begin(offset) == (offset not in finished)


def test_a_ledger_knows_its_own_partitions_and_commits_what_changed() -> None:
    """What came back after a partition went is nobody's."""
    ledger = Ledger()
    ledger.assign(("transitions", 0), 5, "")
    assert ledger.begin(Place("transitions", 0, 5))
    assert not ledger.begin(Place("transitions", 1, 5))
    ledger.finish(Place("transitions", 0, 5))
    commits = ledger.commits()
    assert commits == {("transitions", 0): (6, "")}
    ledger.committed(commits)
    assert ledger.commits() == {}
    epoch = ledger.epoch
    ledger.revoke()
    assert ledger.epoch != epoch and not ledger.begin(Place("transitions", 0, 6))
