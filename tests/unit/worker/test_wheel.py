"""When each subject is due next."""

from hypothesis import given
from hypothesis import strategies as st

from stream_app.worker.wheel import Wheel

ENTRIES = st.lists(st.tuples(st.integers(0, 8), st.sampled_from([b"a", b"b", b"c", b"d"])), max_size=30)


@given(filled=ENTRIES, added=ENTRIES, until=st.integers(-1, 9), most=st.integers(1, 5))
def test_takes_the_earliest_up_to_a_time(
    filled: list[tuple[int, bytes]], added: list[tuple[int, bytes]], until: int, most: int
) -> None:
    """Bit by bit, all that stands up to `until` comes, earliest first, and nothing else."""
    wheel = Wheel()
    wheel.fill(filled)
    for due, key in added:
        wheel.add(due, key)
    everything = filled + added
    taken: list[tuple[int, bytes]] = []
    while some := wheel.take(until, most):
        assert len(some) <= most
        taken += some
    assert sorted(taken) == sorted(entry for entry in everything if entry[0] <= until)
    assert [due for due, _ in taken] == sorted(due for due, _ in taken)
    assert wheel.next() == min((due for due, _ in everything if due > until), default=None)
    assert len(wheel) == len(everything) - len(taken)


def test_a_backlog_leaves_no_more_than_twice_the_keys() -> None:
    """Whoever is seen in a million transactions is due once: what is outdated is forgotten, before it is taken."""
    wheel = Wheel()
    due = {b"%d" % number: 0 for number in range(1000)}
    most = 0
    for hour in range(1, 400):
        wheel.thin(due.get)
        for key in due:
            due[key] = hour
            wheel.add(hour, key)
        most = max(most, len(wheel))
    assert most <= 102_000
    taken = wheel.take(500, 1 << 30)
    assert sorted(key for at, key in taken if due[key] == at) == sorted(due)


def test_thinning_keeps_what_is_due_once() -> None:
    """Doubled entries too."""
    wheel = Wheel()
    wheel.fill([(1, b"a")] * 60_000 + [(2, b"b")] * 60_000 + [(3, b"c")])
    wheel.thin({b"a": 1, b"c": 3}.get)
    assert (len(wheel), wheel.next()) == (2, 1)
    assert wheel.take(9, 9) == [(1, b"a"), (3, b"c")]
