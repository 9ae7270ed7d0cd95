"""The head of a table's entry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.engine.encoding import FORMAT
from stream_app.engine.times import parse_time
from stream_app.worker.entries import (
    Alias,
    Erased,
    Freed,
    Marker,
    due_of,
    erased_key,
    is_marker,
    marker_of,
    pack,
    pack_marker,
    state_of,
)


@given(due=st.none() | st.integers(0, parse_time("9999-12-31T23:59:59.999Z")), state=st.binary(max_size=20))
def test_comes_back(due: int | None, state: bytes) -> None:
    """Due time, or never, and state."""
    entry = pack(due, state)
    assert (due_of(entry), state_of(entry)) == (due, state)


@pytest.mark.parametrize(
    "marker",
    [
        Alias({"l": 2}, 7, {"anon:a": True}, 5, "user:u"),
        Alias(to="email:a@x.example"),
        Freed({"l": 2}, 7),
        Erased({}, 1, {}, 9),
    ],
)
def test_a_marker_comes_back(marker: Marker) -> None:
    """It is never due, and is told apart from a state by one byte."""
    entry = pack_marker(marker)
    assert is_marker(entry) and due_of(entry) is None
    assert marker_of(entry) == marker
    assert not is_marker(pack(5, bytes((FORMAT,)) + b"state"))


def test_a_marker_of_a_newer_program_is_refused() -> None:
    """With the remedy."""
    with pytest.raises(ValueError, match="upgrade"):
        marker_of(pack(None, b"\xafx"))


def test_what_is_left_of_an_erased_lead_does_not_name_it() -> None:
    """Under another secret it is another digest."""
    assert b"ann" not in erased_key("email:ann@acme.example", b"")
    assert erased_key("user:u", b"a") != erased_key("user:u", b"b")
