"""What machines did of a subject, as a string of bytes beside its trackers' data."""

from typing import Final

import msgspec

from stream_app.engine.held import Sifted
from stream_app.engine.plan import Plan
from stream_app.engine.sifting import oldest_held, settle
from stream_app.engine.state import Subject

ROW: Final = -1  # where it lies in an encoded state, among the trackers' data: no tracker's id is negative

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[dict[str, int], int, int, int, bytes, dict[int, bytes]]).decode


def pack(plan: Plan, subject: Subject) -> bytes:
    """What is known of machines as bytes, to lie beside the trackers' data; empty if there is nothing."""
    sifted = subject.sifted
    if sifted is None:
        return b""
    settle(plan, subject)
    if sifted.since < 0 and not sifted.counts:
        return b""
    bases: dict[int, bytes] = {}
    unit, oldest = max(subject.latest, 0) // plan.resolution, oldest_held(plan, subject)
    for position, base in enumerate(sifted.bases):
        if base is not None:
            bases[plan.trackers[position].id] = plan.trackers[position].pack(base, unit, oldest)
    rows = sifted.rows([tracker.id for tracker in plan.trackers]) if sifted.since >= 0 else b""
    return _encode((sifted.counts, sifted.first, sifted.since, sifted.number, rows, bases))


def unpack(plan: Plan, subject: Subject, packed: bytes) -> None:
    """Give a subject what `pack` made bytes of. Raises `msgspec.DecodeError` for anything else.

    What is held is settled as it stands where the model has no sweeps (any more), or no tracker that it is counted in.
    """
    counts, first, since, number, rows, bases = _decode(packed)
    sifted = subject.sifted = Sifted()
    sifted.counts = counts
    if since < 0 or plan.machines is None or not plan.machines.sweeps:
        sifted.first = subject.first
        return
    sifted.first = first
    known: dict[int, int] = {}
    for ident, base in bases.items():
        position = plan.tracker_at.get(ident)
        if position is not None:
            if not sifted.bases:
                sifted.bases = [None] * len(plan.trackers)
            sifted.bases[position] = plan.trackers[position].closed(base)
            known[ident] = position
    sifted.closed(since, number, rows, known)
