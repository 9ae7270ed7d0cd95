"""Who gets which unit."""

from hypothesis import given
from hypothesis import strategies as st

from stream_app.streaming.assignor import spread
from stream_app.streaming.lanes import Unit

UNITS: list[Unit] = [(agent, partition) for agent in ("lead", "account") for partition in range(4)]


def test_what_is_even_stays() -> None:
    """Two members with four units each keep them, and a restart with nothing held gets the other's old ones back."""
    first, second = set(UNITS[:4]), set(UNITS[4:])
    assert spread(UNITS, {"a": first, "b": second}) == {"a": first, "b": second}
    assert spread(UNITS, {"a": set(), "b": second}) == {"a": first, "b": second}


def test_a_new_member_takes_its_share() -> None:
    """Of eight units a third member gets two, and no unit moves between the others."""
    first, second = set(UNITS[:4]), set(UNITS[4:])
    given_ = spread(UNITS, {"a": first, "b": second, "c": set()})
    assert {member: len(units) for member, units in given_.items()} == {"a": 3, "b": 3, "c": 2}
    assert given_["a"] <= first and given_["b"] <= second


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.sets(st.sampled_from(UNITS)), min_size=1, max_size=10)
)
def test_every_unit_once_and_evenly(held: dict[str, set[Unit]]) -> None:
    """Whatever members claim: all units are given, each once, and no member has two more than another."""
    given_ = spread(UNITS, held)
    assert sorted(unit for units in given_.values() for unit in units) == sorted(UNITS)
    sizes = [len(units) for units in given_.values()]
    assert max(sizes) - min(sizes) <= 1
    assert set(given_) == set(held)
    assert spread(UNITS, given_) == given_
