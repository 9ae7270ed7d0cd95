"""The merge of topics: order by timestamp, waiting for what is known to come."""

from collections.abc import Sequence
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from stream_app.streaming.merge import Merge
from stream_app.streaming.processor import InputRecord


class Record(NamedTuple):
    """Enough of a record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def records(topic: str, *timestamps: int) -> list[Record]:
    """A topic's records."""
    return [Record(topic, 0, offset, at) for offset, at in enumerate(timestamps)]


def names(taken: Sequence[InputRecord]) -> list[tuple[str, int]]:
    """Topic and timestamp of each."""
    return [(record.topic, record.timestamp) for record in taken]


def yes(_topic: int) -> bool:
    return True


def no(_topic: int) -> bool:
    return False


def test_oldest_first_and_ties_by_topic() -> None:
    """
    a: 1     4 5
    b: 1 2 3   5
    """
    merge = Merge(2)
    merge.offer(0, records("a", 1, 4, 5))
    merge.offer(1, records("b", 1, 2, 3, 5))
    assert names(merge.take(100, yes)) == [("a", 1), ("b", 1), ("b", 2), ("b", 3), ("a", 4), ("a", 5), ("b", 5)]


def test_waits_for_an_empty_topic_with_unread_records() -> None:
    """Nothing goes while a topic that is not at its end has nothing buffered; the rest goes when it has."""
    merge = Merge(2)
    merge.offer(0, records("a", 1, 9))
    assert merge.take(100, no) == []
    merge.offer(1, records("b", 3))
    assert names(merge.take(100, no)) == [("a", 1), ("b", 3)]
    assert merge.take(100, no) == []
    assert names(merge.take(100, yes)) == [("a", 9)]


def test_late_records_keep_their_topics_order() -> None:
    """A record behind a younger one of its topic is late: it goes when its turn comes in its topic."""
    merge = Merge(2)
    merge.offer(0, records("a", 5, 2, 7))
    merge.offer(1, records("b", 3, 6))
    assert names(merge.take(100, yes)) == [("b", 3), ("a", 5), ("a", 2), ("b", 6), ("a", 7)]


def test_limit_and_clear() -> None:
    """Not more than asked for; what was forgotten is gone."""
    merge = Merge(1)
    merge.offer(0, records("a", 1, 2, 3))
    assert names(merge.take(2, yes)) == [("a", 1), ("a", 2)]
    assert merge.buffered(0) == 1 and not merge.empty()
    merge.clear()
    assert merge.empty() and merge.head(0) is None


@given(
    st.lists(st.lists(st.integers(0, 30), max_size=20), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 7)), max_size=60),
    st.integers(1, 9),
)
def test_order_does_not_depend_on_chunks(topics: list[list[int]], arrivals: list[tuple[int, int]], limit: int) -> None:
    """However the records arrive, they come out as one merge of the whole topics would have them."""
    whole = Merge(len(topics))
    for number, times in enumerate(topics):
        whole.offer(number, records(str(number), *times))
    expected = names(whole.take(10_000, yes))

    sources = [records(str(number), *times) for number, times in enumerate(topics)]
    merge = Merge(len(topics))
    out: list[tuple[str, int]] = []

    def ended(topic: int) -> bool:
        return not sources[topic]

    plenty = [(number, 3) for _ in range(20) for number in range(len(topics))]
    for topic, size in [*arrivals, *plenty]:
        if topic < len(topics):
            merge.offer(topic, sources[topic][:size])
            del sources[topic][:size]
        while taken := merge.take(limit, ended):
            out += names(taken)
    assert out == expected


def test_nothing_is_taken_from_a_bound_on() -> None:
    """Nor is the topic waited for that stands there; the others go on."""
    merge = Merge(2)
    merge.offer(0, records("web", 10, 20, 30, 40))
    merge.offer(1, records("email", 25, 35))
    merge.bound({0: 2})
    assert names(merge.take(10, yes)) == [("web", 10), ("web", 20), ("email", 25), ("email", 35)]
    assert (merge.at_bound(0, 2), merge.at_bound(0, 1), merge.at_bound(1, 9)) == (True, False, False)
    merge.bound({})
    assert names(merge.take(10, yes)) == [("web", 30), ("web", 40)]


def test_what_is_given_back_comes_again() -> None:
    """In its place, before what follows."""
    merge = Merge(2)
    merge.offer(0, records("web", 10, 30))
    merge.offer(1, records("email", 20, 40))
    taken = merge.take(3, yes)
    merge.give_back(taken[1:], {"web": 0, "email": 1})
    assert names(merge.take(10, yes)) == [("email", 20), ("web", 30), ("email", 40)]


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)), st.integers(0, 12), st.integers(1, 4))
def test_a_bound_only_parts_what_there_is(web: list[int], email: list[int], bound: int, size: int) -> None:
    """Taken in slices up to a bound and then on: every record comes once, and those before it first."""
    merge = Merge(2)
    merge.offer(0, records("web", *web))
    merge.offer(1, records("email", *email))
    merge.bound({0: bound})
    before = []
    while some := merge.take(size, yes):
        before += some
    assert [one.offset for one in before if one.topic == "web"] == list(range(min(bound, len(web))))
    merge.bound({})
    after = merge.take(100, yes)
    assert sorted((one.topic, one.offset) for one in [*before, *after]) == sorted(
        [("web", offset) for offset in range(len(web))] + [("email", offset) for offset in range(len(email))]
    )
