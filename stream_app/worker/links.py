"""What travels through `lead-inbox` about keys: links, merges, what frees or erases a key (scoring.md section 7).

A message is addressed to a key (the record's); where that key is an alias, whoever has it sends the message along. Values
are MessagePack, as they hold states.
"""

from typing import Any, Final, NamedTuple

import msgspec

from stream_app.ingest import Refusal
from stream_app.streaming.processor import Headers, InputRecord, Output
from stream_app.worker import messages

LINKS: Final = "links"  # the kind of a record with one of these messages
LEAD: Final = "stream-app.lead"  # of a forwarded event: the lead that it is for, its aliases resolved so far
HOPS: Final = "stream-app.hops"
MERGED: Final = "stream-app.merged"  # of a forwarded event: the leads that its keys merge into that one
MAX_HOPS: Final = 32
_OURS: Final = "stream-app."


class CycleError(Exception):
    """Something was sent along without end. Strength excludes it: an alias is always weaker than what it stands for."""


class Link(msgspec.Struct, frozen=True, array_like=True, tag="link"):
    """To a key, then along its chain: be an alias of `lead`, as an event says that was applied there.

    `new`: the event made the lead. `was`: it stands for this key now, which is an alias of `lead`.
    """

    key: str
    lead: str
    event_id: str
    time: int
    new: bool
    was: str | None


class Merge(msgspec.Struct, frozen=True, array_like=True, tag="merge"):
    """To a lead: the state of `key`, which has become its alias by an event."""

    key: str
    event_id: str | None
    new: bool
    state: bytes


class Conflict(msgspec.Struct, frozen=True, array_like=True, tag="conflict"):
    """To the lead of an event: its key `key` is an alias of `found`, so the link was refused."""

    key: str
    found: str


class GivenBack(msgspec.Struct, frozen=True, array_like=True, tag="given-back"):
    """To a key that was merged into `to` on behalf of an event that `lead` then refused: be what you were."""

    to: str
    lead: str
    state: bytes


class TakenBack(msgspec.Struct, frozen=True, array_like=True, tag="taken-back"):
    """To the lead that gave it back: `key` is its own again."""

    key: str


class Unlink(msgspec.Struct, frozen=True, array_like=True, tag="unlink"):
    """To a key: be free, as an event says that was applied to `lead`."""

    lead: str


class Unlinked(msgspec.Struct, frozen=True, array_like=True, tag="unlinked"):
    """To a lead or alias: these keys are yours no more."""

    keys: list[str]


class Erase(msgspec.Struct, frozen=True, array_like=True, tag="erase"):
    """To a key: forget everything up to `at` (ms). `of` is the erased lead whose alias it is, None for a request."""

    request: str
    at: int
    of: str | None


Message = Link | Merge | Conflict | GivenBack | TakenBack | Unlink | Unlinked | Erase


class Merged(msgspec.Struct, frozen=True, array_like=True):
    """A lead that an event on its way takes along: `key` is an alias of `to` from now on. No state: there was no lead."""

    key: str
    to: str
    state: bytes


_encode = msgspec.msgpack.Encoder().encode
_message: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_merged = msgspec.msgpack.Decoder(list[Merged])


def link_output(topic: str, to: str, message: Message, timestamp: int, hops: int = 0) -> Output:
    """A message to the key `to`. Raises `CycleError` beyond `MAX_HOPS`."""
    headers = [*_hop_header(hops), (messages.KIND, LINKS.encode())]
    return Output(topic, to.encode(), _encode(message), headers, timestamp)


def read_link(value: bytes | None) -> Message:
    """A message. Raises `Refusal` for what no worker wrote."""
    try:
        return _message.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal("schema", f"no message of ours: {error}") from None


def event_output(
    topic: str, record: InputRecord, lead: str, channel: str | None, hops: int, merged: list[Merged]
) -> Output:
    """An event on its way to `lead`. What says so comes last and alone, so that no producer can forge it.

    Its bytes, its other headers and its timestamp stay. Raises `CycleError` beyond `MAX_HOPS`.
    """
    headers = [*own_headers(record), *_hop_header(hops), (LEAD, lead.encode())]
    if merged:
        headers.append((MERGED, _encode(merged)))
    return Output(topic, lead.encode(), record.value, [*headers, *messages.event_headers(channel)], record.timestamp)


def own_headers(record: InputRecord) -> list[tuple[str, bytes]]:
    """A record's headers as its producer wrote them, without ours."""
    return [header for header in record.headers if not header[0].startswith(_OURS)]


class _Bare(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def without_merged(record: InputRecord) -> InputRecord:
    """A record as others may see it: without the leads that it takes along."""
    headers = [header for header in record.headers if header[0] != MERGED]
    if len(headers) == len(record.headers):
        return record
    place = record.topic, record.partition, record.offset, record.timestamp
    return _Bare(*place, record.key, record.value, headers)


def hops_of(headers: Any) -> int:
    """How often a record has been sent along."""
    stated = messages.header(headers, HOPS)
    return int(stated) if stated is not None and stated.isdecimal() and len(stated) < 9 else 0


def merged_with(headers: Any) -> list[Merged]:
    """The leads that a forwarded event takes along. Raises `Refusal` for what no worker wrote."""
    for name, value in reversed(headers):
        if name == MERGED:
            try:
                return _merged.decode(value)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise Refusal("schema", f"no message of ours: {error}") from None
    return []


def _hop_header(hops: int) -> list[tuple[str, bytes]]:
    if hops > MAX_HOPS:
        raise CycleError(f"sent along {hops} times: aliases form a cycle, which must not be; see docs/decisions/0017")
    return [(HOPS, str(hops).encode())] if hops else []
