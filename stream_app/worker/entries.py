"""A subject's entry in a table and its changelog: when it is due, then its encoded state, or a marker in its place.

The due time stands in front so that recovery can fill the timers without decoding a single state. The byte behind it
tells the kinds of entry apart: a state's format number, or a marker's letter (scoring.md section 7: an alias, a key that
`unlink` freed, and what is left of an erased lead keep each ladder's `seq` and the `revision`).
"""

from hashlib import blake2b
from typing import Any, Final

import msgspec

from stream_app.engine.state import NEVER, Subject

NEVER_DUE: Final = (1 << 63) - 1
ERASED: Final = b"erased:"  # head of the table's keys of erased leads; no lead's key starts so
_HEAD: Final = 8
_FIRST_MARKER: Final = 0xA0  # formats of states are less


class Kept(msgspec.Struct, array_like=True):
    """What a key keeps of the lead it was, should it come back: each ladder's `seq`, the revision.

    `links` are the keys that are its aliases in turn, `erased_at` (ms, -1 for never) up to when it was once erased.
    """

    seq: dict[str, int] = {}
    revision: int = 0
    links: dict[str, bool] = {}
    erased_at: int = NEVER


class Alias(Kept):
    """A key whose events belong to another lead: `to`, which may be an alias itself."""

    to: str = ""


class Freed(Kept):
    """A key that was an alias until an `unlink`; no lead before its next event."""


class Erased(Kept):
    """What is left of an erased lead. It stands under a digest of its key and says nothing of the person."""


Marker = Alias | Freed | Erased

_LETTER: Final[dict[type[Kept], int]] = {Alias: 0xA1, Freed: 0xA2, Erased: 0xA3}
_DECODERS: Final[dict[int, msgspec.msgpack.Decoder[Any]]] = {
    letter: msgspec.msgpack.Decoder(kind) for kind, letter in _LETTER.items()
}
_encode = msgspec.msgpack.Encoder().encode


def pack(due: int | None, state: bytes) -> bytes:
    """An entry of a state that changes by itself at `due` (milliseconds), None for never."""
    return (NEVER_DUE if due is None else due).to_bytes(_HEAD, "big") + state


def due_of(entry: bytes) -> int | None:
    """When an entry is due; None: never."""
    due = int.from_bytes(entry[:_HEAD], "big")
    return None if due == NEVER_DUE else due


def state_of(entry: bytes) -> bytes:
    """An entry's encoded state."""
    return entry[_HEAD:]


def is_marker(entry: bytes) -> bool:
    """Whether an entry of the lead table stands for something else than a lead."""
    return entry[_HEAD] >= _FIRST_MARKER


def marker_of(entry: bytes) -> Marker:
    """The marker in an entry for which `is_marker` holds. Raises `ValueError` for one of a newer program."""
    decoder = _DECODERS.get(entry[_HEAD])
    if decoder is None:
        raise ValueError(f"an entry of kind {entry[_HEAD]:#x}, which this program does not know: upgrade it")
    marker: Marker = decoder.decode(entry[_HEAD + 1 :])
    return marker


def pack_marker(marker: Marker) -> bytes:
    """A marker's entry."""
    return pack(None, bytes((_LETTER[type(marker)],)) + _encode(marker))


def kept_of(subject: Subject) -> Kept:
    """What a lead's key keeps when the lead goes."""
    seq = {name: ladder.seq for name, ladder in subject.ladders.items()}
    return Kept(
        seq, subject.revision, {key: True for key, linked in subject.links.items() if linked}, subject.erased_at
    )


def erased_key(key: str, secret: bytes) -> bytes:
    """The table's key of an erased lead's marker: a digest of its key, which without the secret says nothing."""
    return ERASED + blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16, key=secret).digest()
