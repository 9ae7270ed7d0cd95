"""Generations of tables: what the lanes say to each other when a system changes from one to the next (decision 40).

A *side* generation is a second system beside the live one: it reads the same event topics, and has inboxes, tables and
results of its own, which nothing downstream reads. To take its place, its lanes stop at one place each of their event topics
(`settle`) and make sure that no message is under way between them; then every live lane takes over the table of the
side lane with its number (`takeover`). These are the messages, and what a lane's table says of where it is with them.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from stream_app.ingest import Refusal
from stream_app.ingest.condemned import Condemned
from stream_app.streaming.processor import Headers, Output
from stream_app.worker.messages import KIND, header
from stream_app.worker.publications import Publication

SETTLE: Final = "settle"  # kinds of records: to the lanes of a side generation
TAKEOVER: Final = "takeover"  # to live lanes
READY: Final = "ready"  # between the lanes of one generation
GENERATION: Final = "stream-app.generation"
"""The header of live lanes' messages that says under which generation they were sent; none under the first."""

LIVE: Final = 0  # as the number of a side generation: none
ROUNDS: Final = 3
"""How often each lane hears of all others that they are ready. Within a round arrives what one message makes another lane
send: an event on its second hop, the contribution that comes of it, the news of the account that come of that."""

Phase = Literal["steady", "settling", "settled", "taking_over", "catching_up", "revealing"]


class Takeover(msgspec.Struct, frozen=True, array_like=True):
    """To a live lane: take over the table of the side generation `number`, which is in force as `publication` says.

    `leads` and `accounts` are its changelogs. `reason` says in words why, for transitions; `condemned` are all sources that
    count for nothing from now on, `added` those of them that did before.
    """

    number: int
    publication: Publication
    leads: str
    accounts: str
    reason: str
    condemned: list[Condemned]
    added: list[Condemned]


class Ready(msgspec.Struct, frozen=True, array_like=True):
    """From one lane to all: for the `round`th time, everything before this was sent before it stood still."""

    lane: str
    number: int
    round: int


class Standing(msgspec.Struct, array_like=True):
    """Where a lane is, as its table says. `number` is its generation; `until` are the offsets that it must come to before it
    makes public what it took over; `round` and `heard` are the readiness that it said and heard, by lane."""

    number: int = 0
    phase: Phase = "steady"
    takeover: Takeover | None = None
    until: dict[str, int] = {}
    round: int = 0
    heard: dict[str, int] = {}
    condemned: list[Condemned] = []


_encode = msgspec.msgpack.Encoder().encode
_takeover: msgspec.msgpack.Decoder[Takeover] = msgspec.msgpack.Decoder(Takeover)
_ready: msgspec.msgpack.Decoder[Ready] = msgspec.msgpack.Decoder(Ready)
_standing: msgspec.msgpack.Decoder[Standing] = msgspec.msgpack.Decoder(Standing)


def settle_output(topic: str, partition: int) -> Output:
    """The message that stops a lane of a side generation."""
    return Output(topic, SETTLE.encode(), b"", [(KIND, SETTLE.encode())], None, partition)


def takeover_output(topic: str, partition: int, takeover: Takeover) -> Output:
    """The message to the live lane that reads a partition of an inbox."""
    return Output(topic, TAKEOVER.encode(), _encode(takeover), [(KIND, TAKEOVER.encode())], None, partition)


def ready_output(topic: str, partition: int, ready: Ready) -> Output:
    """The message of one lane to another."""
    return Output(topic, READY.encode(), _encode(ready), [(KIND, READY.encode())], None, partition)


def read_takeover(value: bytes | None) -> Takeover:
    """Raises `Refusal` for what no publisher wrote."""
    takeover: Takeover = _read(_takeover, value)
    return takeover


def read_ready(value: bytes | None) -> Ready:
    """Raises `Refusal` for what no worker wrote."""
    ready: Ready = _read(_ready, value)
    return ready


def _read(decoder: "msgspec.msgpack.Decoder[Any]", value: bytes | None) -> Any:
    try:
        return decoder.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refusal("schema", f"no message of ours: {error}") from None


def standing_bytes(standing: Standing) -> bytes:
    """As it lies in a table."""
    return _encode(standing)


def read_standing(value: bytes) -> Standing:
    """What `standing_bytes` made."""
    return _standing.decode(value)


def generation_of(headers: Headers) -> int:
    """Under which generation a message was sent."""
    stated = header(headers, GENERATION)
    return int(stated) if stated is not None and stated.isdecimal() and len(stated) < 9 else 0


def stamped(outputs: Sequence[Output], topics: frozenset[str], number: int) -> list[Output]:
    """Outputs, those to the inboxes with the generation under which they are sent."""
    stamp = (GENERATION, str(number).encode())
    return [one._replace(headers=[*one.headers, stamp]) if one.topic in topics else one for one in outputs]
