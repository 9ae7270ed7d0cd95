"""What travels between the agents."""

import pytest

from stream_app.ingest import Refusal
from stream_app.worker import messages
from stream_app.worker.messages import AccountSeen, Contribution, Member


@pytest.mark.parametrize("shares", [None, [], [Contribution(1.5, "it", True), Contribution(None, None, False)]])
def test_a_member_comes_back(shares: list[Contribution] | None) -> None:
    """As it was."""
    member = Member("user:1", "acme", 5, "decay", None, shares)
    assert messages.read_member(messages.to_bytes(member)) == member


def test_an_account_comes_back() -> None:
    """Values of every type that a fact can have, too."""
    seen = AccountSeen("user:1", "acme", 5, "e1", {"a": 1, "b": 1.5, "c": True, "d": "x", "e": ["y", 2]})
    assert messages.read_account_seen(messages.to_bytes(seen)) == seen


@pytest.mark.parametrize("raw", [b"", b"nonsense", b"{}", b'{"lead": 5}', b"\xff\xfe", b"[]", b'{"lead": "\xff"}'])
def test_what_no_worker_wrote_is_refused(raw: bytes) -> None:
    """It becomes a dead letter, and not the end of the worker."""
    for read in (messages.read_member, messages.read_account_seen):
        with pytest.raises(Refusal):
            read(raw)


def test_ours_is_the_last_header_of_its_name() -> None:
    """So an event that claims to be a message is none once it was forwarded."""
    forged = [(messages.KIND, b"member"), (messages.CHANNEL, b"crm")]
    headers = [*forged, *messages.event_headers("web")]
    assert messages.header(headers, messages.KIND) == messages.EVENT
    assert messages.header(headers, messages.CHANNEL) == "web"
    assert messages.header([], messages.KIND) is None
    assert messages.header([(messages.KIND, None)], messages.KIND) is None
