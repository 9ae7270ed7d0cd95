"""One lane's part in the succession of generations (see `generations`): where it is, what it may take, when all are there.

The rule: every step is part of a transaction of the lane, and its table says which was the last; whoever opens the table
goes on there. Nothing of the live generation waits for a process of the side generation, which has stopped by then.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import orjson

from stream_app.engine.state import NEVER, Subject
from stream_app.ingest import Refusal
from stream_app.ingest.condemned import Condemned, Quarantine
from stream_app.streaming.positions import POSITIONS_KEY, decode_positions
from stream_app.streaming.processor import NO_BOUNDS, NOTHING_MORE, InputRecord, Output, StateReader
from stream_app.streaming.settings import ACCOUNT, LEAD
from stream_app.worker.composition import Scoring
from stream_app.worker.entries import pack, state_of
from stream_app.worker.generations import (
    LIVE,
    READY,
    ROUNDS,
    SETTLE,
    TAKEOVER,
    Ready,
    Standing,
    generation_of,
    read_ready,
    read_standing,
    read_takeover,
    ready_output,
    stamped,
    standing_bytes,
)
from stream_app.worker.links import LINKS, MERGED, Erase, read_link
from stream_app.worker.messages import ACCOUNT as TO_LEAD
from stream_app.worker.messages import EVENT, KIND, MEMBER, header
from stream_app.worker.publications import Publication, published_model
from stream_app.worker.versions import VERSIONS

QUARANTINED: Final = "quarantined"
"""The mark of a subject of which a source told that a side generation condemns anew (a `Subject.marks`)."""
KINDS: Final = (SETTLE, TAKEOVER, READY)
STANDING: Final = VERSIONS + b"generation"  # its key in the table
_LETTER: Final = b"\xa4"


class Succession:
    """See the module. `bounds` and `reopen` are those of a `Processor`; `send` sends a record along."""

    def __init__(
        self, scoring: Scoring, agent: str, partition: int, state: StateReader, send: Callable[[Output], None]
    ) -> None:
        self.bounds: Mapping[str, int] = NO_BOUNDS
        self.reopen = False
        self._scoring, self._agent, self._partition = scoring, agent, partition
        self._lane = f"{agent}-{partition}"
        self._lanes = frozenset(f"{one}-{number}" for one in (LEAD, ACCOUNT) for number in range(scoring.partitions))
        self._state, self._send = state, send
        self._events = scoring.inputs[agent]
        self._inboxes = frozenset((scoring.names.lead_inbox, scoring.names.account_inbox))
        self.standing = standing_in(state) or Standing(number=scoring.side, condemned=list(scoring.condemned))
        # What came of the records before a takeover leaves the lane together with it, and is of the generation before.
        self._sent_under = LIVE if self.is_side else self.standing.number
        self._changed = False
        self._take_bounds()
        self.quarantine: Quarantine | None = _compiled(self.standing.condemned)

    @property
    def is_side(self) -> bool:
        """Whether the lane is one of a side generation."""
        return self._scoring.side != LIVE

    @property
    def catching_up(self) -> bool:
        """Whether the lane takes once more, in silence, what was public before."""
        return self.standing.phase == "catching_up"

    @property
    def revealing(self) -> bool:
        """Whether what was taken over is being made public."""
        return self.standing.phase == "revealing"

    @property
    def still(self) -> bool:
        """Whether time stands still: between two generations nothing happens by itself."""
        return self.standing.phase not in ("steady", "revealing")

    @property
    def publication(self) -> Publication:
        """That under which what was taken over is made public."""
        assert self.standing.takeover is not None
        return self.standing.takeover.publication

    @property
    def since(self) -> int:
        """The time (ms) from which on it is in force; -1 where time passes only with the events."""
        return NEVER if self._scoring.by_events else self.publication.at

    @property
    def reason(self) -> str | None:
        """Why it was taken over, in words."""
        assert self.standing.takeover is not None
        return self.standing.takeover.reason or None

    def touched(self, subject: Subject) -> bool:
        """Whether a source that was condemned by what is taken over had told of a subject."""
        takeover = self.standing.takeover
        return takeover is not None and bool(takeover.added) and QUARANTINED in subject.marks

    # -- records --------------------------------------------------------------------------------------------------------

    def stale(self, record: InputRecord) -> bool:
        """Whether a record of an inbox was sent under an earlier generation, in which its effect has come about as well.

        Events are not: they are known by their ids. Nor is an erasure, which no event says again.
        """
        if self.is_side or not self.standing.number or generation_of(record.headers) >= self.standing.number:
            return False
        kind = header(record.headers, KIND)
        if kind in (MEMBER, TO_LEAD, READY):
            return True
        if kind == LINKS:
            return not isinstance(read_link(record.value), Erase)
        return kind == EVENT and header(record.headers, MERGED) is not None

    def take(self, kind: str, record: InputRecord) -> None:
        """A record of one of `KINDS`. Raises `Refusal` for what neither a publisher nor a worker wrote."""
        if kind == READY:
            self._hear(read_ready(record.value))
        elif kind == TAKEOVER and not self.is_side:
            takeover = read_takeover(record.value)
            published_model(takeover.publication)
            _compiled(takeover.condemned)
            if takeover.number > self.standing.number:
                self.standing = Standing(takeover.number, "taking_over", takeover, condemned=takeover.condemned)
                self._changed = self.reopen = True
        elif kind == SETTLE and self.is_side:
            if self.standing.phase == "steady":
                self._go("settling")
        else:
            raise Refusal("schema", f"a record of kind {kind!r} is not for this lane")

    def _hear(self, ready: Ready) -> None:
        heard = self.standing.heard
        known = ready.number == self.standing.number and ready.lane in self._lanes
        if known and ready.round > heard.get(ready.lane, 0):
            heard[ready.lane] = ready.round
            self._changed = True

    # -- standing still -------------------------------------------------------------------------------------------------

    def repeats(self, record: InputRecord) -> bool:
        """Whether a record of an event topic is taken once more, in silence: what was refused then is in the dead letters."""
        return self.catching_up and record.topic in self._events

    def stand(self, quiet: bool) -> bool:
        """The lane stands at its bounds; `quiet` is whether it has nothing more to tell, not even what came of its last records.
        Whether anything came of it."""
        standing = self.standing
        if standing.phase not in ("settling", "catching_up") or not quiet:
            return False
        if standing.round and any(standing.heard.get(lane, 0) < standing.round for lane in self._lanes):
            return False
        self._changed = True
        if standing.round < ROUNDS:
            standing.round += 1
            self._say_ready()
        elif standing.phase == "settling":
            self._go("settled")
            self._send(self._report())
        else:
            self._go("revealing")
        return True

    def revealed(self) -> None:
        """Everything that was taken over is public."""
        self._go("steady")

    def _say_ready(self) -> None:
        ready = Ready(self._lane, self.standing.number, self.standing.round)
        for topic in sorted(self._inboxes):
            for partition in range(self._scoring.partitions):
                self._send(ready_output(topic, partition, ready))

    def _report(self) -> Output:
        """What the topic of models is told of a lane that has settled: where its inputs stand."""
        positions = self._state.get(POSITIONS_KEY)
        document = {
            "agent": self._agent,
            "partition": self._partition,
            "generation": self.standing.number,
            "positions": {} if positions is None else decode_positions(positions).topics,
        }
        key = f"side:{self.standing.number}:{self._lane}"
        return Output(self._scoring.models, key.encode(), orjson.dumps(document))

    def _go(self, phase: str) -> None:
        standing = self.standing
        standing.phase = phase  # type: ignore[assignment]
        self._changed = True
        if phase == "steady":
            standing.takeover, standing.until, standing.round, standing.heard = None, {}, 0, {}
        self._take_bounds()

    def _take_bounds(self) -> None:
        standing = self.standing
        if standing.phase in ("settling", "settled"):
            self.bounds = dict.fromkeys(self._events, NOTHING_MORE)
        elif standing.phase == "catching_up":
            self.bounds = {topic: standing.until.get(topic, NOTHING_MORE) for topic in self._events}
        else:
            self.bounds = NO_BOUNDS

    # -- effects --------------------------------------------------------------------------------------------------------

    def outputs(self, outputs: list[Output]) -> list[Output]:
        """Outputs as they are sent: messages to other lanes say under which generation."""
        return stamped(outputs, self._inboxes, self._sent_under) if self._sent_under else outputs

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        """What has changed in the table since the last call."""
        if not self._changed:
            return []
        self._changed = False
        return [standing_entry(self.standing)]


def _compiled(sources: Sequence[Condemned]) -> Quarantine | None:
    try:
        return Quarantine(sources) if sources else None
    except ValueError as error:
        raise Refusal("schema", f"no source that could be condemned: {error}") from None


def standing_in(state: StateReader) -> Standing | None:
    """Where a lane is, as its table says; None for a table that says nothing."""
    entry = state.get(STANDING)
    return None if entry is None else read_standing(state_of(entry)[1:])


def standing_entry(standing: Standing) -> tuple[bytes, bytes]:
    """The entry of a table that says so."""
    return STANDING, pack(None, _LETTER + standing_bytes(standing))
