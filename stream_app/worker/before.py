"""What was public of a subject before its table was taken over from another generation, until it is made public anew.

The rule: as long as a subject has such an entry (key `before:` and its own), nothing that happens to it is public, but for
what it tells other lanes; the entry goes when it is revealed, and what was public then is where it goes on from.
"""

from typing import Any, Final

import msgspec

from stream_app.engine.encoding import LadderRow, ladders_of
from stream_app.engine.ladders import Cause
from stream_app.engine.live import Live
from stream_app.engine.moment import Scores
from stream_app.engine.state import NEVER
from stream_app.worker.entries import Kept, marker_of, pack, state_of

BEFORE: Final = b"before:"  # head of the keys; no subject's key starts so
_LETTER: Final = b"\xa5"  # tells such an entry apart from states and markers (entries.py)


class Before(msgspec.Struct, array_like=True, frozen=True):
    """What was public: where the subject stood on each ladder, its published scores by name, the revision, what the last
    score record said (None: there was none, or it was taken back), the clock (ms). Of a key that stood for nobody there is
    `seq` alone, by ladder, and the revision."""

    ladders: dict[str, LadderRow] = {}
    seq: dict[str, int] = {}
    scores: dict[str, float] = {}
    revision: int = 0
    published: list[Any] | None = None
    clock: int = NEVER

    def counted_by(self, kept: Kept) -> Kept:
        """What a key keeps goes on from what was public."""
        kept.seq = {**kept.seq, **self.seq, **{name: row[2] for name, row in self.ladders.items()}}
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
    return Before(seq=marker.seq, revision=marker.revision)


def go_on_from(live: Live, before: Before, at: int, reason: str | None, anew: bool) -> None:
    """Let a subject that was taken over go on from what was public of it, at a time (ms): its moves are those that others have
    to hear of.

    Its stages go on, too, and move where the new scores ask for it. With `anew` (a condemned source had a part in how it came
    there), or where nobody was told of any, it stands where the other generation has it.
    """
    live.advance(max(before.clock, at))
    scores: Scores = [before.scores.get(name) for name in live.plan.score_names]
    cause = Cause("model", None, reason)
    live.subject.revision = before.revision
    if before.ladders and not anew:
        live.moves = []
        live.subject.ladders = ladders_of(before.ladders)
        live.restate(scores, cause)
        return
    first = {ladder.name: ladder.stages[0].name for ladder in live.plan.ladders}
    told = {name: (first[name], seq) for name, seq in before.seq.items() if name in first}
    told |= {name: (row[0], row[2]) for name, row in before.ladders.items()}
    live.announce(told, cause, scores)
