"""A subject's state as bytes: a format number, then MessagePack; compact (scoring.md leaves the form to us).

A reader brings older formats up to date one step at a time (`_UPGRADES`); a newer one is refused. Encoding forgets what
is past its horizon, so that state does not grow with what no longer counts. Each tracker's data is a string of bytes
of its own, which is neither decoded nor encoded again unless an event touches it; likewise the contributions at the
clock lie beside the data, good only for the version of the model that made them.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from stream_app.engine.moment import Moment
from stream_app.engine.plan import Plan
from stream_app.engine.scoring import Card, scores_of
from stream_app.engine.seen import SeenIds
from stream_app.engine.sifted_encoding import ROW, pack, unpack
from stream_app.engine.state import NEVER, Cell, LadderState, Subject

FORMAT: Final = 3
_TAG: Final = 4  # bytes of a version, the last of a state from format 3 on

LadderRow = tuple[str, int, int, int, int, dict[str, int]]
_CardRow = tuple[bytes, int, list[int], list[float], list[int]]
_LinksRow = tuple[dict[str, bool], int, int]  # links, conflicts, erased_at
_Row = tuple[
    str,  # key
    int,  # clock
    int,  # first
    int,  # latest
    bytes,  # event ids
    int,  # their floor
    dict[str, Cell],  # facts
    dict[str, Cell],  # marks
    dict[int, bytes],  # data by tracker id; under -1 what machines did, if they did (`sifted_encoding.ROW`)
    dict[str, LadderRow],
    bool,  # settled
    int,  # revision
    list[Any] | None,  # published
    tuple[str, dict[str, Any]] | None,  # the account as a lead sees it
    _CardRow | None,
    _LinksRow | None,  # None: nothing to tell
    bytes,  # the tag of the version that it was scored under; the last, so that it is found without decoding
]

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Row).decode
_decode_any = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode


def _with_links(body: bytes) -> bytes:
    """Format 1 knew no links."""
    return _encode([*_decode_any(body), None])


def _with_tag(body: bytes) -> bytes:
    """Format 2 did not say which version it was scored under."""
    return _encode([*_decode_any(body), b""])


# From a format's number to the step that makes it the next one.
_UPGRADES: dict[int, Callable[[bytes], bytes]] = {1: _with_links, 2: _with_tag}


_NEVER: Final = 1 << 61
_FAR: Final = 1 << 20  # units: as good as for ever, in few bytes


class StateError(Exception):
    """Bytes that are no state this version can read."""


def encode(plan: Plan, subject: Subject, card: Card | None = None) -> bytes:
    """A subject's state as bytes; `decode` gives it back. With its `card`, that need not be computed again."""
    unit = max(subject.clock, 0) // plan.resolution
    oldest = subject.latest - plan.held_for
    data: dict[int, bytes] = dict(subject.foreign)
    if subject.sifted is not None and (machines := pack(plan, subject)):
        data[ROW] = machines
    for tracker in plan.trackers:
        held = subject.data[tracker.position]
        if held is not None:
            data[tracker.id] = tracker.pack(held, unit, oldest)
    body = _encode(
        (
            subject.key,
            subject.clock,
            subject.first,
            subject.latest,
            subject.seen.packed,
            subject.seen.floor,
            subject.facts,
            subject.marks,
            data,
            {name: _ladder_row(state) for name, state in subject.ladders.items()},
            subject.settled,
            subject.revision,
            subject.published,
            subject.account,
            None if card is None else _card_row(plan, card),
            _links_row(subject),
            plan.tag,
        )
    )
    return bytes((FORMAT,)) + body


def tag_of(raw: bytes) -> bytes | None:
    """`Plan.tag` of the version that a state was last scored under; None where an older format does not say."""
    return raw[-_TAG:] if raw and raw[0] > 2 else None


class Told(NamedTuple):
    """What was made public of a subject, read without its plan: where it stands on each ladder, as of its clock."""

    clock: int
    ladders: dict[str, LadderRow]
    revision: int
    published: list[Any] | None


def told_in(raw: bytes) -> Told:
    """What was made public of the subject of a state. Raises `StateError` for what is none."""
    row = _row(raw)
    return Told(row[1], row[9], row[11], row[12])


def is_bare(raw: bytes) -> bool:
    """Whether nothing was ever taken for the subject of a state. Raises `StateError` for what is no state."""
    row = _row(raw)
    return row[3] == NEVER and not row[6]


def is_marked(raw: bytes, mark: str) -> bool:
    """Whether the subject of a state has a mark. Raises `StateError` for what is no state."""
    return mark.encode() in raw and mark in _row(raw)[7]


def ladders_of(rows: dict[str, LadderRow]) -> dict[str, LadderState]:
    """Where a subject stands, from `Told`."""
    return {name: _ladder(row) for name, row in rows.items()}


def decode(plan: Plan, raw: bytes) -> Subject:
    """The subject that `encode` made bytes of. Raises `StateError` for anything else."""
    return decode_with_card(plan, raw)[0]


def decode_with_card(plan: Plan, raw: bytes) -> tuple[Subject, list[Any] | None]:
    """As `decode`, with what `card_of` needs to make the card again: None if the model's version is another."""
    row = _row(raw)
    subject = Subject(row[0], len(plan.trackers))
    subject.clock, subject.first, subject.latest = row[1], row[2], row[3]
    subject.seen = SeenIds(row[4], row[5])
    subject.facts, subject.marks = row[6], row[7]
    for ident, packed in row[8].items():
        position = plan.tracker_at.get(ident)
        if position is not None:
            subject.data[position] = plan.trackers[position].closed(packed)
        elif ident == ROW:
            _give_sifted(plan, subject, packed)
        else:
            subject.foreign[ident] = packed
    subject.ladders = {name: _ladder(cells) for name, cells in row[9].items()}
    subject.settled, subject.revision, subject.published, subject.account = row[10], row[11], row[12], row[13]
    if row[15] is not None:
        subject.links, subject.conflicts, subject.erased_at = row[15]
    card = row[14]
    return subject, None if card is None or card[0] != plan.tag else list(card)


def _row(raw: bytes) -> _Row:
    try:
        row: _Row = _decode(_upgraded(raw))
        return row
    except msgspec.DecodeError as error:
        raise StateError(f"not the state of a lead or account: {error}") from None


def _give_sifted(plan: Plan, subject: Subject, packed: bytes) -> None:
    try:
        unpack(plan, subject, packed)
    except msgspec.DecodeError as error:
        raise StateError(f"not the state of a lead or account: {error}") from None


def _upgraded(raw: bytes) -> bytes:
    """The body of a state in today's format."""
    number, body = (raw[0], raw[1:]) if raw else (0, b"")
    if number > FORMAT:
        raise StateError(f"state of format {number}, which is newer than this program's {FORMAT}: upgrade the program")
    while number < FORMAT:
        step = _UPGRADES.get(number)
        if step is None:
            raise StateError(f"state of format {number}, which this program does not read")
        body = step(body)
        number += 1
    return body


def _links_row(subject: Subject) -> _LinksRow | None:
    if not subject.links and not subject.conflicts and subject.erased_at == NEVER:
        return None
    return subject.links, subject.conflicts, subject.erased_at


def _card_row(plan: Plan, card: Card) -> _CardRow:
    rules, values, until = [], [], []
    for index, value in enumerate(card.contributions):
        if value != 0 or card.until[index] < _NEVER:
            rules.append(index)
            values.append(value)
            until.append(min(card.until[index] - card.unit, _FAR))
    return plan.tag, card.unit, rules, values, until


def card_of(plan: Plan, subject: Subject, view: Any, row: list[Any]) -> Card:
    """The card that was encoded with a lead's state. Accounts' cards also depend on their members."""
    _, unit, rules, values, until = row
    contributions = [0.0] * len(plan.rules)
    changes = [_NEVER] * len(plan.rules)
    for place, index in enumerate(rules):
        contributions[index] = float(values[place])
        changes[index] = unit + until[place]
    scores = scores_of(plan, contributions, view, None)
    return Card(unit, contributions, changes, Moment(subject, view, unit, unit, scores, scores))


def _ladder_row(state: LadderState) -> LadderRow:
    return state.stage, state.entered, state.seq, state.moved, state.obeyed, state.left


def _ladder(row: LadderRow) -> LadderState:
    state = LadderState(row[0], row[1])
    state.seq, state.moved, state.obeyed, state.left = row[2], row[3], row[4], row[5]
    return state
