"""What travels between the agents' partitions: the inboxes' records (design.md, "The path of an event").

An inbox record whose first header is `kind` is one of ours; its value is JSON. Contributions are absolute: the latest
of a lead replaces the one before, so that repeating one changes nothing.
"""

from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta

from stream_app.engine.times import LATEST
from stream_app.ingest import Refusal

EVENT: Final = "event"  # an event on its second hop: value and headers as they were, `channel` its topic's
MEMBER: Final = "member"  # lead -> account: what a member brings
ACCOUNT: Final = "account"  # account -> lead: what a member sees of its account
OURS: Final = "stream-app."  # what the names of our headers start with; a producer's are taken off on the second hop
KIND: Final = "stream-app.kind"
CHANNEL: Final = "stream-app.channel"


_Time = Annotated[int, Meta(ge=0, le=LATEST)]


class Contribution(msgspec.Struct, frozen=True, array_like=True):
    """What a member brings to one score of the account: its published score (None: it has none), its value of the
    breadth's fact as `distinct_value` folds it, and whether its unrounded score reaches `min_score`."""

    score: float | None
    value: str | None
    counts: bool


class Member(msgspec.Struct, frozen=True):
    """A lead's contributions to an account, by the account's scores with a roll-up; None: it has left.

    `at` is the lead's clock in milliseconds, `cause` and `event_id` what changed it.
    """

    lead: str
    account_id: str
    at: _Time
    cause: str
    event_id: str | None
    shares: list[Contribution] | None


class AccountSeen(msgspec.Struct, frozen=True):
    """What a member sees of its account from `at` (milliseconds) on: its facts, and its scores where leads use them.

    `cause` is that of the moves which come of it.
    """

    lead: str
    account_id: str
    at: _Time
    event_id: str | None
    view: dict[str, Any]
    cause: Literal["fact", "model"] = "fact"


Message = TypeVar("Message")

_encode = msgspec.json.Encoder().encode
_member = msgspec.json.Decoder(Member)
_account_seen = msgspec.json.Decoder(AccountSeen)


def to_bytes(message: Member | AccountSeen) -> bytes:
    """A message's value."""
    return _encode(message)


def read_member(value: bytes) -> Member:
    """A `member` message. Raises `Refusal` for what no worker wrote."""
    return _read(_member, value)


def read_account_seen(value: bytes) -> AccountSeen:
    """An `account` message. Raises `Refusal` for what no worker wrote."""
    return _read(_account_seen, value)


def _read(decoder: msgspec.json.Decoder[Message], value: bytes) -> Message:
    try:
        return decoder.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal("schema", f"no message of ours: {error}") from None


def event_headers(channel: str | None) -> list[tuple[str, bytes]]:
    """What is added to the headers of an event on its second hop. They come last, so that no producer can forge them."""
    named = [] if channel is None else [(CHANNEL, channel.encode())]
    return [(KIND, EVENT.encode()), *named]


def header(headers: Any, name: str) -> str | None:
    """The value of the last header of a name, None if there is none."""
    for key, value in reversed(headers):
        if key == name and value is not None:
            return bytes(value).decode("utf-8", "replace")
    return None
