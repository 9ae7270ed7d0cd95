"""What was told of a lead then, held against what comes out of its retained events: the transitions on record are the proof.

The rule: nothing is hidden. A transition that comes out and is not on record has a note, and so has one on record that does
not come out, or comes out otherwise.
"""

from collections.abc import Iterable, Sequence

from stream_app.engine.times import parse_time
from stream_app.history.lead_rows import Row
from stream_app.history.tracks import Document, Sides, Version

RECORDED, MISSING = "recorded", "missing"
_CLOSE = 1e-6  # points: what is nearer is the same
_SHORT = 6  # digits of a version


def held_against(rows: Sequence[Row], record: Sequence[Document], first: Version) -> list[Row]:
    """The rows with what the record says of their transitions, and a row for each on record that none of them has.

    `first` is the version in force before any row.
    """
    left = dict(enumerate(record))
    places: dict[tuple[object, ...], list[int]] = {}
    for index, document in left.items():
        for name in (_exactly(document), _nearly(document)):
            places.setdefault(name, []).append(index)
    for row in rows:
        row.told = [MISSING] * len(row.moves)
    for name_of in (_exactly, _nearly):
        for row in rows:
            for place, move in enumerate(row.moves):
                found = [index for index in places.get(name_of(move), ()) if index in left]
                if row.told[place] == MISSING and found:
                    row.told[place] = RECORDED
                    row.notes += _deviations(move, left.pop(found[0]))
    for row in rows:
        row.notes += [f"not on record: {_move(move)}" for move in _missing(row)]
    return _with(rows, left.values(), first)


def _exactly(move: Document) -> tuple[object, ...]:
    return move["lead"], move["ladder"], move["at"], move["from"], move["to"]


def _nearly(move: Document) -> tuple[object, ...]:
    return move["id"], move["from"], move["to"]


def _missing(row: Row) -> list[Document]:
    return [move for move, told in zip(row.moves, row.told, strict=True) if told == MISSING]


def _move(move: Document) -> str:
    return f"{move['ladder']} {move['from']} → {move['to']}"


def _deviations(move: Document, told: Document) -> list[str]:
    """What the record says otherwise of a transition, as one note or none."""
    parts = [f"at {told['at']}"] if told["at"] != move["at"] else []
    if told["model"] != move["model"]:
        parts.append(f"under {_named(told)}")
    here, there = move["scores"]["after"], told["scores"]["after"]
    for name in dict.fromkeys((*here, *there)):
        mine, theirs = here.get(name), there.get(name)
        if mine is None or theirs is None or abs(mine - theirs) > _CLOSE:
            parts.append(f"with {name} {_number(theirs)}, not {_number(mine)}")
    return [f"{move['ladder']} {move['to']} is on record {'; '.join(parts)}"] if parts else []


def _named(told: Document) -> str:
    return f"{told['model']['id']} {told['model']['version'][:_SHORT]}"


def _number(value: float | None) -> str:
    return "absent" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def _with(rows: Sequence[Row], others: Iterable[Document], first: Version) -> list[Row]:
    """The rows, with one for each transition that is on record only, in order of time."""
    whole = list(rows)
    for document in others:
        at = parse_time(document["at"])
        place = next((index for index, row in enumerate(whole) if row.at > at), len(whole))
        version = whole[place - 1].version if place else first
        row = Row(at, "record", document["lead"], version, Sides(None, None), moves=[document], told=[RECORDED])
        row.notes.append(f"on record under {_named(document)}; the retained events do not make it")
        whole.insert(place, row)
    return whole
