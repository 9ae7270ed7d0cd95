"""The head of a table's entry."""

from hypothesis import given
from hypothesis import strategies as st

from stream_app.engine.times import parse_time
from stream_app.worker.entries import due_of, pack, state_of


@given(due=st.none() | st.integers(0, parse_time("9999-12-31T23:59:59.999Z")), state=st.binary(max_size=20))
def test_comes_back(due: int | None, state: bytes) -> None:
    """Due time, or never, and state."""
    entry = pack(due, state)
    assert (due_of(entry), state_of(entry)) == (due, state)
