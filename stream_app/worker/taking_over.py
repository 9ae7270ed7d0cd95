"""The table of a side generation in place of a live lane's own (a `Migration`, see `streaming/processor.py`).

The rule: afterwards the table is the side lane's, to the byte, with what was public of each subject beside it (`before`), and
the inputs go on where the side lane stopped. Nothing is scored here, so that the lane stands still for as short as can be.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from stream_app.engine.encoding import is_bare, is_marked, tag_of, told_in
from stream_app.engine.published import named
from stream_app.streaming.processor import Effects, Migration, MigrationFactory, StateReader
from stream_app.streaming.settings import LEAD
from stream_app.worker.account_table import ACCOUNTS
from stream_app.worker.before import BEFORE, NOTHING, Before, before_entry, before_key, before_of_marker
from stream_app.worker.composition import Scoring
from stream_app.worker.entries import ERASED, Freed, erased_key, is_marker, marker_of, pack_marker, state_of
from stream_app.worker.generations import Standing
from stream_app.worker.restating import is_version
from stream_app.worker.succession import QUARANTINED, standing_entry, standing_in
from stream_app.worker.versions import Versions

_CHUNK: Final = 4_000  # entries of a transaction

Changes = list[tuple[bytes, bytes | None]]


def migrations(scoring: Scoring) -> MigrationFactory:
    """What the lanes of a worker have to do with their tables before anything else."""

    def make(agent: str, partition: int, state: StateReader) -> Migration | None:
        standing = standing_in(state)
        if scoring.side:
            return None if standing is not None or agent != LEAD else ErasedMarks(scoring)
        if standing is None or standing.phase != "taking_over":
            return None
        return TakingOver(scoring, agent, partition, state, standing)

    return make


class TakingOver:
    """See the module."""

    def __init__(self, scoring: Scoring, agent: str, partition: int, state: StateReader, standing: Standing) -> None:
        takeover = standing.takeover
        assert takeover is not None
        self.source = takeover.leads if agent == LEAD else takeover.accounts
        self._takeover = takeover
        self._leads = agent == LEAD
        self._secret = scoring.secret
        self._events = scoring.inputs[agent]
        self._versions = Versions(scoring, agent, partition, state)

    def steps(self, state: StateReader, source: StateReader) -> Iterator[Effects]:
        """See `Migration`."""
        there = standing_in(source)
        if there is None or (there.number, there.phase) != (self._takeover.number, "settled"):
            raise ValueError(f"{self.source} is not that of a lane which has settled: nothing is taken over")
        keys = [key for key, _ in state.items() if not is_version(key) and not key.startswith(BEFORE)]
        erased = self._erased_since(keys, source)
        keys += [key for key, _ in source.items() if not is_version(key) and state.get(key) is None]
        changes: Changes = []
        for key in keys:
            other = None if key in erased else source.get(key)
            self._take(key, state.get(key), other, state, changes)
            if len(changes) >= _CHUNK:
                yield Effects(changes, ())
                changes = []
        if changes:
            yield Effects(changes, ())

    def inputs(self, own: Mapping[str, int], source: Mapping[str, int]) -> Mapping[str, int]:
        """See `Migration`."""
        return {**own, **{topic: source[topic] for topic in self._events if topic in source}}

    def last(self, own: Mapping[str, int]) -> Effects:
        """See `Migration`."""
        takeover = self._takeover
        until = {topic: own.get(topic, 0) for topic in self._events}
        standing = Standing(takeover.number, "catching_up", takeover, until, condemned=takeover.condemned)
        self._versions.begin_anew(takeover.publication)
        return Effects([standing_entry(standing), *self._versions.changes()], ())

    def _take(self, key: bytes, own: bytes | None, other: bytes | None, state: StateReader, changes: Changes) -> None:
        """What becomes of one entry."""
        if key.startswith(ERASED):
            changes.append((key, own if own is not None else other))
            return
        if self._leads and (own is None or is_marker(own)) and _is_named_only(other):
            changes.append((key, _counting(own)))
            return
        if not self._leads and not key.startswith(ACCOUNTS):
            changes.append((key, other))
            return
        known = before_key(key)
        if state.get(known) is None:  # else it was done before a kill, and `own` is what was taken over
            before = self._before(own, other)
            if before is not None:
                changes.append((known, before_entry(before)))
        changes.append((key, self._with_marker(own, other)))

    def _before(self, own: bytes | None, other: bytes | None) -> Before | None:
        """What was public of a subject; None where nobody need go on from it."""
        if own is None:
            return None if other is None or is_marker(other) else NOTHING
        if is_marker(own):
            return before_of_marker(own)
        told = told_in(state_of(own))
        scores = self._scores(state_of(own), told.published)
        return Before(told.ladders, {}, scores, told.revision, told.published, told.clock)

    def _scores(self, state: bytes, published: list[Any] | None) -> dict[str, float]:
        """A subject's scores by name, as published."""
        chain = self._versions.chain
        scoring = chain[self._versions.origin(tag_of(state))].scoring
        plan = scoring.leads if self._leads else scoring.accounts
        said = published[0] if published else []
        return named(plan, said) if len(said) == len(plan.score_names) else {}

    def _with_marker(self, own: bytes | None, other: bytes | None) -> bytes | None:
        """The other generation's entry; a marker keeps what the own one has kept."""
        if own is None or not is_marker(own):
            return other
        if other is None:
            return None
        if not is_marker(other):
            return other
        marker, kept = marker_of(other), marker_of(own)
        marker.seq = {**marker.seq, **kept.seq}
        marker.revision = kept.revision
        marker.erased_at = max(marker.erased_at, kept.erased_at)
        return pack_marker(marker)

    def _erased_since(self, keys: list[bytes], source: StateReader) -> set[bytes]:
        """The source's leads that were erased here, which it did not know, or not with this secret."""
        marks = {key for key in keys if key.startswith(ERASED)}
        if not marks:
            return set()
        subjects = (key for key, entry in source.items() if not is_version(key) and not key.startswith(ERASED))
        return {key for key in subjects if erased_key(key.decode("utf-8", "surrogatepass"), self._secret) in marks}


def _is_named_only(other: bytes | None) -> bool:
    """Whether condemned events alone name a lead: nobody need hear of it."""
    if other is None or is_marker(other):
        return False
    state = state_of(other)
    return is_marked(state, QUARANTINED) and is_bare(state)


def _counting(own: bytes | None) -> bytes | None:
    """The entry of a key that stands for nobody any more, and goes on counting should it come back."""
    if own is None:
        return None
    kept = marker_of(own)
    return pack_marker(Freed(kept.seq, kept.revision, {}, kept.erased_at))


class ErasedMarks:
    """The marks of erased leads in the new table of a side generation: who was erased does not come back by a rebuild."""

    def __init__(self, scoring: Scoring) -> None:
        self.source = scoring.beside
        self._standing = Standing(number=scoring.side, condemned=list(scoring.condemned))

    def steps(self, state: StateReader, source: StateReader) -> Iterator[Effects]:
        """See `Migration`."""
        marks: Changes = [(key, entry) for key, entry in source.items() if key.startswith(ERASED)]
        for start in range(0, len(marks), _CHUNK):
            yield Effects(marks[start : start + _CHUNK], ())

    def inputs(self, own: Mapping[str, int], source: Mapping[str, int]) -> Mapping[str, int]:
        """See `Migration`: from the beginning."""
        return {}

    def last(self, own: Mapping[str, int]) -> Effects:
        """See `Migration`."""
        return Effects([standing_entry(self._standing)], ())
