"""A subject's state as bytes: MessagePack, versioned, compact (scoring.md leaves the form to us).

The layout is a list, `FORMAT` first. A reader upgrades older layouts one step at a time (`_UPGRADES`); a newer one is
refused. Encoding forgets what is past its horizon, so that state does not grow with what no longer counts.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from stream_app.engine.plan import Plan
from stream_app.engine.seen import SeenIds
from stream_app.engine.state import Cell, LadderState, Subject

FORMAT: Final = 1

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()

# From a layout's number to the step that makes it the next: takes and returns the whole list.
_UPGRADES: dict[int, Callable[[list[Any]], list[Any]]] = {}


class StateError(Exception):
    """Bytes that are no state this version can read."""


def encode(plan: Plan, subject: Subject) -> bytes:
    """A subject's state as bytes; `decode` gives it back."""
    unit = max(subject.clock, 0) // plan.resolution
    oldest = subject.latest - plan.lateness
    data: list[Any] = []
    for tracker, held in zip(plan.trackers, subject.data, strict=True):
        if held is not None:
            tracker.prune(held, unit, oldest)
            data.append([tracker.id, *tracker.dump(held)])
    data.extend([ident, *raw] for ident, raw in subject.foreign.items())
    ladders = {name: _ladder_row(state) for name, state in subject.ladders.items()}
    return _encoder.encode(
        [
            FORMAT,
            subject.key,
            subject.clock,
            subject.first,
            subject.latest,
            bytes(subject.seen.packed),
            subject.seen.floor,
            subject.facts,
            subject.marks,
            data,
            ladders,
            subject.settled,
            subject.revision,
            subject.published,
            subject.account,
        ]
    )


def decode(plan: Plan, raw: bytes) -> Subject:
    """The subject that `encode` made bytes of. Raises `StateError` for anything else."""
    try:
        row = _decoder.decode(raw)
        row = _upgraded(row)
        return _subject(plan, row)
    except (msgspec.DecodeError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        raise StateError(f"not the state of a lead or account: {error}") from error


def _upgraded(row: list[Any]) -> list[Any]:
    if not isinstance(row, list) or not row or not isinstance(row[0], int):
        raise StateError("not the state of a lead or account")
    if row[0] > FORMAT:
        raise StateError(f"state of format {row[0]}, which is newer than this program's {FORMAT}: upgrade the program")
    while row[0] < FORMAT:
        step = _UPGRADES.get(row[0])
        if step is None:
            raise StateError(f"state of format {row[0]}, which this program no longer reads")
        row = step(row)
    return row


def _subject(plan: Plan, row: list[Any]) -> Subject:
    _, key, clock, first, latest, seen, floor, facts, marks, data, ladders, settled, revision, published, account = row
    subject = Subject(key, len(plan.trackers))
    subject.clock, subject.first, subject.latest = clock, first, latest
    subject.seen = SeenIds(seen, floor)
    subject.facts = {name: _cell(cell) for name, cell in facts.items()}
    subject.marks = {name: _cell(cell) for name, cell in marks.items()}
    for ident, *held in data:
        position = plan.tracker_at.get(ident)
        if position is None:
            subject.foreign[ident] = held
        else:
            subject.data[position] = plan.trackers[position].load(held)
    subject.ladders = {name: _ladder(cells) for name, cells in ladders.items()}
    subject.settled, subject.revision, subject.published = settled, revision, published
    subject.account = None if account is None else (account[0], account[1])
    return subject


def _cell(cell: list[Any]) -> Cell:
    time, event_id, value = cell
    return (time, event_id, value)


def _ladder_row(state: LadderState) -> list[Any]:
    return [state.stage, state.entered, state.seq, state.moved, state.obeyed, state.left]


def _ladder(row: list[Any]) -> LadderState:
    stage, entered, seq, moved, obeyed, left = row
    state = LadderState(stage, entered)
    state.seq, state.moved, state.obeyed, state.left = seq, moved, obeyed, left
    return state
