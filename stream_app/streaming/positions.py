"""The record in the changelog that says how far a lane has read.

The rule: it is part of every transaction that has effects, so whoever reads the changelog to its end knows exactly which
input records are in the state it holds, whatever offsets the group has: a zombie can commit after its successor fetched
its offsets, offsets expire, and an operator can reset them. Records below a position are never processed again.
"""

import msgspec

POSITIONS_KEY = b"\x00positions"


class Positions(msgspec.Struct, frozen=True, kw_only=True):
    """`topics`: the next offset of each input topic. `seen`: the greatest time any event has brought (ms).

    `partitions` is the partition count under which keys were spread; it can't change while the state lives.
    """

    topics: dict[str, int]
    seen: int
    partitions: int


NOWHERE = Positions(topics={}, seen=-1, partitions=0)

encode_positions = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Positions)


def decode_positions(value: bytes) -> Positions:
    """Read a positions record; `msgspec.DecodeError` where it is none."""
    return _decoder.decode(value)


def is_reserved(key: bytes) -> bool:
    """Whether a changelog key belongs to the lane, not to the processor: it starts with a zero byte."""
    return key[:1] == b"\x00"
