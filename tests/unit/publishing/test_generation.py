"""Generations of tables, as the registry has them."""

import msgspec
import pytest

from stream_app.errors import KnownError
from stream_app.ingest.condemned import Condemned
from stream_app.publishing.documents import generation_json
from stream_app.publishing.generation import Generation, Purpose, Settled, Status, condemned_now, encode, one_of
from stream_app.publishing.generations import standing_still
from stream_app.publishing.registry import read_registry

BOT, SPAM = Condemned("ip", "203.0.113.7"), Condemned("campaign", "x")


def generation(number: int, purpose: Purpose = "rebuild", status: Status = "running", **more: object) -> Generation:
    """One of them."""
    made = Generation(number, "m", "a" * 64, purpose, 1_000, "ann", status=status)
    return msgspec.structs.replace(made, **more)


def test_they_are_read_with_the_reports_of_their_lanes() -> None:
    """The latest record of each counts; a generation stands still when all lanes have said so."""
    old, new = generation(1), generation(1, status="settling")
    reports = [Settled(agent, 0, 1, {"web": 7}) for agent in ("lead", "account")]
    rows: list[tuple[bytes, bytes | None]] = [(old.key, encode(old)), (new.key, encode(new))]
    rows += [(f"side:1:{one.agent}-0".encode(), msgspec.json.encode(one)) for one in reports]
    registry = read_registry(rows)
    assert registry.generations == (new,)
    assert standing_still(registry, new, 2) == reports
    assert standing_still(registry, new, 4) is None


def test_what_is_condemned_is_what_the_last_one_left_out() -> None:
    """Not what one leaves out that is still built, or was given up."""
    taken = generation(1, "quarantine", "finished", condemned=[BOT], publication=2)
    later = generation(3, "quarantine", "taken_over", condemned=[BOT, SPAM], publication=4)
    other = generation(4, "quarantine", condemned=[BOT])
    assert condemned_now([taken, later, other]) == [BOT, SPAM]
    assert condemned_now([other]) == []


def test_the_one_that_is_meant() -> None:
    """The only one at work, or the one with a number; else the remedy is told."""
    one, two, gone = generation(1, "shadow"), generation(2), generation(3, status="abandoned")
    assert one_of([one, gone], None, None) == one
    assert one_of([one, two], None, 2) == two
    assert one_of([one, gone], None, 3) == gone
    with pytest.raises(KnownError, match="--generation NUMBER"):
        one_of([one, two], None, None)
    with pytest.raises(KnownError, match="no shadow at work"):
        one_of([two], "shadow", None)


def test_as_json() -> None:
    """As the commands print it."""
    told = generation_json(generation(2, "quarantine", added=[BOT], condemned=[BOT], needs=["sales"]))
    assert (told["generation"], told["added"], told["missing"], told["publication"]) == (
        2,
        ["ip 203.0.113.7"],
        ["sales"],
        None,
    )
