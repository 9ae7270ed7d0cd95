"""Cursors and event ids: where a client goes on, as opaque text.

The rule: nothing in one is trusted. It is decoded strictly, of bounded length, belongs to the very question that it came
from, and can at most point to another place in what its holder may read anyway; so it needs no signature.
"""

import base64
import binascii
import hashlib
import math
from collections.abc import Sequence
from typing import Any

import msgspec

from stream_app.serving.api.problems import bad_parameter
from stream_app.serving.projection.base import Spot

LONGEST = 4_096
_OFFSETS = msgspec.msgpack.Decoder(list[int])
_SPOT = msgspec.msgpack.Decoder(tuple[bytes, float, str])
_MOVE = msgspec.msgpack.Decoder(tuple[bytes, str, str, int, str])
_encode = msgspec.msgpack.Encoder().encode

Move = tuple[str, str, int, str]
"""Where a transition stands among others: its time, ladder, `seq` and id."""


def question(*parts: Any) -> bytes:
    """What a cursor is bound to: a digest of what was asked."""
    return hashlib.sha256(_encode(parts)).digest()[:8]


def spot_text(asked: bytes, spot: Spot) -> str:
    """A cursor into a ranked list."""
    return _text((asked, *spot))


def read_spot(text: str, asked: bytes) -> Spot:
    """The spot of a cursor. Raises `Problem`."""
    bound, value, key = _read(text, _SPOT, "cursor")
    if bound != asked or not math.isfinite(value):
        raise bad_parameter("cursor", "it belongs to another question; leave it out to begin anew")
    return float(value), key


def move_text(asked: bytes, move: Move) -> str:
    """A cursor into a history."""
    return _text((asked, *move))


def read_move(text: str, asked: bytes) -> Move:
    """The place of a cursor. Raises `Problem`."""
    bound, *move = _read(text, _MOVE, "cursor")
    if bound != asked:
        raise bad_parameter("cursor", "it belongs to another question; leave it out to begin anew")
    return move[0], move[1], move[2], move[3]


def offsets_text(offsets: Sequence[int]) -> str:
    """The id of an event: the next offset of each partition."""
    return _text(list(offsets))


def read_offsets(text: str, ends: Sequence[int]) -> list[int]:
    """The offsets of an event's id, within a topic that ends at `ends`. Raises `Problem`."""
    offsets: list[int] = _read(text, _OFFSETS, "Last-Event-ID")
    if len(offsets) != len(ends) or any(not 0 <= offset <= end for offset, end in zip(offsets, ends, strict=True)):
        raise bad_parameter("Last-Event-ID", "it is of another topic; leave it out to begin with what comes next")
    return offsets


def _text(value: Any) -> str:
    return base64.urlsafe_b64encode(_encode(value)).rstrip(b"=").decode()


def _read(text: str, decoder: "msgspec.msgpack.Decoder[Any]", name: str) -> Any:
    if len(text) > LONGEST:
        raise bad_parameter(name, f"longer than {LONGEST} characters")
    try:
        return decoder.decode(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise bad_parameter(name, "not one that this API made") from None
