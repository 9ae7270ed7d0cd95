"""What was public of a subject before its table was taken over from another generation, until it is made public anew.

The rule: as long as a subject has such an entry (key `before:` and its own), nothing that happens to it is public, but for
what it tells other lanes; the entry goes when it is revealed, and what was public then is where it goes on from.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from stream_app.engine.ladders import Cause
from stream_app.engine.live import Live
from stream_app.engine.moment import Scores
from stream_app.engine.plan import Plan
from stream_app.engine.state import NEVER
from stream_app.worker.entries import Kept, marker_of, pack, state_of

BEFORE: Final = b"before:"  # head of the keys; no subject's key starts so
_LETTER: Final = b"\xa5"  # tells such an entry apart from states and markers (entries.py)


class Before(msgspec.Struct, array_like=True, frozen=True):
    """What was public: stage and `seq` by ladder, scores by name, the revision, what the last score record said (None:
    there was none, or it was taken back), the clock (ms)."""

    ladders: dict[str, tuple[str, int]] = {}
    scores: dict[str, float] = {}
    revision: int = 0
    published: list[Any] | None = None
    clock: int = NEVER

    def counted_by(self, kept: Kept) -> Kept:
        """What a key keeps goes on from what was public."""
        kept.seq = {**kept.seq, **{name: seq for name, (_, seq) in self.ladders.items()}}
        kept.revision = max(kept.revision, self.revision)
        return kept


_encode = msgspec.msgpack.Encoder().encode
_decode: msgspec.msgpack.Decoder[Before] = msgspec.msgpack.Decoder(Before)

NOTHING: Final = Before()


def before_key(raw: bytes) -> bytes:
    """The key of the entry for a subject's key."""
    return BEFORE + raw


def before_entry(before: Before) -> bytes:
    """The entry."""
    return pack(None, _LETTER + _encode(before))


def read_before(entry: bytes) -> Before:
    """What `before_entry` made."""
    return _decode.decode(state_of(entry)[1:])


def before_of_marker(entry: bytes) -> Before:
    """What was public of a key that stands for no lead: it goes on counting."""
    marker: Kept = marker_of(entry)
    return Before({name: ("", seq) for name, seq in marker.seq.items()}, {}, marker.revision)


def go_on_from(live: Live, before: Before, reason: str | None) -> None:
    """Let a subject that was taken over go on from what was public of it: its moves are those that others have to hear of."""
    live.advance(before.clock)
    subject, plan = live.subject, live.plan
    first = {ladder.name: ladder.stages[0].name for ladder in plan.ladders}
    told: Mapping[str, tuple[str, int]] = {
        name: (stage or first.get(name, ""), seq) for name, (stage, seq) in before.ladders.items()
    }
    live.announce(told, Cause("model", None, reason), _scores(before, plan))
    subject.revision = before.revision


def _scores(before: Before, plan: Plan) -> Scores:
    return [before.scores.get(name) for name in plan.score_names]
