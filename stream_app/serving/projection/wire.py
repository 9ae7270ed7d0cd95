"""Changes as `apply.lua` reads them. Pure.

The rule: whatever is the same for many changes is made here once, and nothing is made there that could be sent: the server
has one core for everybody.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from stream_app.serving.projection.changes import Brought, Change, Erased, Gone, Moved, Scored, Stated

_pack = msgspec.msgpack.Encoder().encode


def packed(changes: Sequence[Change]) -> bytes:
    """Changes as the script reads them: without a frame around them, so that it makes no tables of them."""
    flat: list[Any] = []
    for change in changes:
        wired = _wired(change)
        flat += wired
        flat += _FILL[len(wired) :]
    return _pack(flat)[1 if len(flat) < 1 << 4 else 3 if len(flat) < 1 << 16 else 5 :]


_FILL = (None,) * 11


def _wired(change: Change) -> tuple[Any, ...]:
    match change:
        case Scored():
            return _wired_score(change)
        case Stated(offset, subject, key, entry, listed):
            return "state", offset, subject, key, _string(entry), listed
        case Moved(offset, subject, key, value):
            return "move", offset, subject, key, _string(value)
        case Gone(offset, subject, key):
            return "gone", offset, subject, key
        case Erased(offset, key, at):
            return "erased", offset, key, at
        case Brought(offset, account, lead, entry):
            return "brought", offset, account, lead, _string(entry)


def _wired_score(change: Scored) -> tuple[Any, ...]:
    """With its names packed, as the script keeps them in its row."""
    head = "score", change.offset, change.subject, change.key, change.revision, change.at, _string(change.value)
    if not change.listed:
        return *head, _NOWHERE, "", "", ()
    cell, owner = _cell(change.facets), change.owner or ""
    names = _string(_pack((list(change.ranks), cell, owner, change.account or "")))
    return *head, names, cell, owner, [part for rank in change.ranks.items() for part in rank]


@lru_cache(1 << 12)
def _cell(facets: Sequence[str]) -> str:
    return "".join(f"{facet}\0" for facet in facets)


def _string(value: bytes | None) -> msgspec.Raw | None:
    """Bytes as a MessagePack string: the server's Lua knows no other kind for them."""
    return None if value is None else msgspec.Raw(b"\xdb" + len(value).to_bytes(4, "big") + value)


_NOWHERE = _string(_pack(([], "", "", "")))
