"""Which versions of the model a lane has to do with: the one in force, and those that some of its subjects stand under.

The rule: a lane takes a version up at one position of its inbox, in the transaction that commits this position, and
its table says so; whoever opens the table goes on with the versions it names. A worker's own model file counts only where
the table names none. Subjects are carried from version to version in the order of publication, each once, at the time
from which the version is in force: what comes of it does not depend on when their turn comes, nor on kills between.
"""

import logging
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec
import orjson

from stream_app.engine.live import Live
from stream_app.engine.moment import Scores
from stream_app.engine.plan import Plan
from stream_app.engine.published import named
from stream_app.engine.state import NEVER
from stream_app.ingest import Refusal
from stream_app.streaming.processor import Clock, Output, StateReader
from stream_app.worker.composition import Scoring
from stream_app.worker.entries import pack, state_of
from stream_app.worker.publications import (
    Mode,
    Publication,
    publication,
    publication_bytes,
    published_model,
    read_publication,
)

log = logging.getLogger(__name__)

VERSIONS: Final = b"version:"  # head of the table's keys of versions; no subject's key starts so
_CHAIN: Final = VERSIONS + b"chain"
_LETTER: Final = b"\xa4"  # tells such an entry apart from states and markers (entries.py)
LONGEST: Final = 8  # versions that subjects can stand under; of more, the oldest but one is passed over
UNPUBLISHED: Final = 0  # number of the version that a worker was started with

_encode = msgspec.msgpack.Encoder().encode
_decode_chain = msgspec.msgpack.Decoder(list[int]).decode


class Version(NamedTuple):
    """One of them, compiled. From `at` (ms, or -1: from each subject's own clock on) it is in force."""

    publication: Publication
    scoring: Scoring

    @property
    def number(self) -> int:
        """Its place in the sequence of publications."""
        return self.publication.number

    @property
    def mode(self) -> Mode:
        """What becomes of the transitions that it causes."""
        return self.publication.mode

    @property
    def at(self) -> int:
        """See the class."""
        return self.publication.at


class Versions:
    """See the module. `scoring` is that of the worker's own model file."""

    def __init__(self, scoring: Scoring, agent: str, partition: int, state: StateReader) -> None:
        self._place = f"lane:{agent}-{partition}"
        self._agent, self._partition = agent, partition
        self._scoring = scoring
        self._changes: dict[bytes, bytes | None] = {}
        self.chain = self._restored(state)
        current = self.current
        if current.number != UNPUBLISHED:
            words = f"published as number {current.number}"
            if scoring.model.version != current.publication.version:
                words += f", not the file's {scoring.model.version[:12]}"
            log.info("%s-%d: model %s %s, %s", agent, partition, *_named(current.scoring), words)

    @property
    def current(self) -> Version:
        """The version in force."""
        return self.chain[-1]

    def take(self, value: bytes | None, clock: Clock) -> bool:
        """Take a published version up; False for one that this lane has had. Raises `Refusal` for one that is none."""
        given = read_publication(value)
        if given.number <= self.current.number:
            return False
        scoring = self._scoring.under(published_model(given))
        at = NEVER if scoring.by_events else min(given.at, clock())
        taken = msgspec.structs.replace(given, at=at)
        if self.chain[0].number == UNPUBLISHED:
            self._write(self.chain[0])
        self.chain.append(Version(taken, scoring))
        if len(self.chain) > LONGEST:
            self._drop(self.chain.pop(1))
        self._write(self.current)
        self._write_chain()
        log.info("%s-%d: model %s %s from now on", self._agent, self._partition, *_named(scoring))
        return True

    def begin_anew(self, given: Publication) -> None:
        """Every subject stands under one version: that of a table that was taken over. Raises `Refusal` for none."""
        version = Version(given, self._scoring.under(published_model(given)))
        for known in self.chain:
            self._drop(known)
        self.chain = [version]
        self._write(version)
        self._write_chain()

    def settled(self) -> None:
        """No subject stands under any version but the one in force."""
        if len(self.chain) > 1:
            for version in self.chain[:-1]:
                self._drop(version)
            del self.chain[:-1]
            self._write_chain()

    def origin(self, tag: bytes | None) -> int:
        """The place in the chain of the version with this tag (that of a lead's or an account's plan); -1: none has it."""
        for place in range(len(self.chain) - 1, -1, -1):
            if self.chain[place].scoring.leads.tag == tag:
                return place
        return -1

    def stands(self, tag: bytes | None) -> bool:
        """Whether a state with this tag needs no restating. One of an older program, that has none, does not."""
        return tag is None or tag == self.current.scoring.leads.tag

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        """What has changed in the table since the last call."""
        changes, self._changes = self._changes, {}
        return list(changes.items())

    def report(self, left: int, of: int) -> Output:
        """What the topic of models is told of this lane: the version it has, and how many subjects wait for it."""
        current = self.current
        document = {
            "agent": self._agent,
            "partition": self._partition,
            "number": current.number,
            "model": current.scoring.model.name,
            "version": current.publication.version,
            "left": left,
            "of": of,
        }
        return Output(self._scoring.models, self._place.encode(), orjson.dumps(document))

    # -- the table ------------------------------------------------------------------------------------------------------

    def _restored(self, state: StateReader) -> list[Version]:
        entry = state.get(_CHAIN)
        if entry is None:
            own = publication(self._scoring.model, UNPUBLISHED, "restated")
            return [Version(own, self._scoring)]
        chain = []
        for number in _decode_chain(state_of(entry)[1:]):
            stored = state.get(_key(number))
            if stored is None:
                raise ValueError(f"{self._place}: the table names version number {number}, and does not have it")
            given = read_publication(state_of(stored)[1:])
            try:
                chain.append(Version(given, self._scoring.under(published_model(given))))
            except Refusal as error:
                raise ValueError(f"{self._place}: {error.message}; run a program that accepts it") from None
        return chain

    def _write(self, version: Version) -> None:
        self._changes[_key(version.number)] = pack(None, _LETTER + publication_bytes(version.publication))

    def _drop(self, version: Version) -> None:
        self._changes[_key(version.number)] = None

    def _write_chain(self) -> None:
        self._changes[_CHAIN] = pack(None, _LETTER + _encode([version.number for version in self.chain]))


def _key(number: int) -> bytes:
    return VERSIONS + str(number).encode()


def _named(scoring: Scoring) -> Iterator[str]:
    yield scoring.model.name
    yield scoring.model.version[:12]


def differing_shares(old: Scoring, new: Scoring) -> bool:
    """Whether what leads bring to their accounts, or whether they tell them at all, may be another thing."""
    was = [(score.rollup, score.breadth) for _, score in old.rollups]
    now = [(score.rollup, score.breadth) for _, score in new.rollups]
    return was != now or old.has_members != new.has_members


def carried_scores(old: Live, plan: Plan) -> Scores:
    """The scores of a subject under the version it stood under, by the places of another one's plan."""
    known = named(old.plan, old.card.scores)
    return [known.get(name) for name in plan.score_names]


def public_moves(live: Live, mode: Mode) -> bool:
    """Whether the moves that a version has caused are made public. Those that are not take no number.

    So transitions stay numbered without a gap; where a lead stands all the same, its score record says.
    """
    if mode == "hold":
        for move in live.moves:
            live.subject.ladders[move.ladder].seq -= 1
        live.moves = []
    return bool(live.moves)
