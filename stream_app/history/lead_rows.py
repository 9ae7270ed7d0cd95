"""A lead's history as rows: one at each moment that matters, with what it was scored then and what one model says today.

Such moments are: an event that moved a published value, a stage that time has moved, a version that went live, the end.
Pure: steps in, rows out; who reads them from topics and who holds them against the record are other modules.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

import msgspec

from stream_app.engine.activity import Activity
from stream_app.engine.identity import lead_keys
from stream_app.engine.times import format_time, parse_time
from stream_app.history.progress import Progress
from stream_app.history.tracks import (
    Document,
    End,
    Made,
    Past,
    Refused,
    Sides,
    Step,
    Survey,
    Tracks,
    Version,
    side_of,
    survey,
)
from stream_app.runtime.lead import Lead

What = Literal["event", "decay", "version", "end", "record"]
_EVERY = 500


class Row(msgspec.Struct):
    """One moment. `lead` is the key that the person had then, `version` the one in force after it.

    `moves` are the transitions that come out of scoring it as it was, `today` those under the other model. `what` is
    `record` for a transition on record that does not come out of it at all. `joined` are keys that the event has made aliases
    of the lead. `quarantined` says of an event of a condemned source whether it was refused `then`, or is condemned `since`.
    `told` says of each of `moves` what the record says (`on_record.py`), `notes` what a reader must know.
    """

    at: int
    what: What
    lead: str
    version: Version
    sides: Sides
    event: Activity | None = None
    own: bool = True  # whether the event is the person's own, or another's of its account
    moves: list[Document] = []
    today: list[Document] = []
    joined: list[str] = []
    quarantined: Literal["then", "since"] | None = None
    told: list[str] = []
    notes: list[str] = []

    @property
    def differs(self) -> list[str]:
        """The names of scores, grades, bands and stages in which the two sides differ."""
        then, today = self.sides
        if then is None or today is None:
            found = then or today
            return [] if found is None else [name for part in found for name in part]
        return then.differing(today)


def rows_of(past: Past, progress: Progress = lambda what, done, total: None) -> Iterator[Row]:
    """All rows, in the order of what happened; of events that were refused one after the other, one."""
    shown: Row | None = None
    more: list[Row] = []
    for row in _all_rows(past, progress):
        if shown is not None and row.lead == shown.lead and _is_refused(shown) and _is_refused(row):
            more.append(row)
            continue
        yield from _with_more(shown, more)
        shown, more = row, []
    yield from _with_more(shown, more)


def _is_refused(row: Row) -> bool:
    return row.quarantined == "then" and not row.moves and not row.today


def _with_more(shown: Row | None, more: list[Row]) -> Iterator[Row]:
    if shown is not None and more:
        shown.notes.append(f"{len(more)} more were refused, the last at {format_time(more[-1].at)}")
    if shown is not None:
        yield shown


def _all_rows(past: Past, progress: Progress) -> Iterator[Row]:
    found = survey(past, progress)
    tracks = Tracks(past)
    for number, step in enumerate(past.steps()):
        if number in found.clocks or number in found.falls:
            yield from _rows(tracks, step, number, found)
        else:
            tracks.apply(step)
            tracks.made()
        if number % _EVERY == 0:
            progress("scoring", number, past.count)


def _rows(tracks: Tracks, step: Step, number: int, found: Survey) -> Iterator[Row]:
    clocks = {key: at for key, at in found.clocks.get(number, {}).items() if found.is_person(key, number)}
    falls = [fall for fall in found.falls.get(number, ()) if found.is_person(fall[0], number)]
    rows = [Row(at, "decay", key, tracks.version, tracks.sides(key, at)) for key, at in falls]
    before = {key: tracks.sides(key, at) for key, at in clocks.items()}
    joined = len(tracks.then.links)
    tracks.apply(step)
    made = tracks.made()
    moved = {move["lead"] for moves in made for move in moves if move["cause"]["kind"] != "decay"}
    for key, at in clocks.items():
        after = tracks.sides(key, at)
        if isinstance(step, Activity) and tracks.refused.then is not None and _is_own(tracks, step, key):
            at = max(at, min(step.time, tracks.until))  # it has moved no clock
            after = tracks.sides(key, at)
        elif isinstance(step, Activity) and after == before[key] and key not in moved:
            continue
        row = _row(tracks, step, key, at, after)
        row.joined = [weak for weak, strong in tracks.then.links[joined:] if strong == key]
        if isinstance(step, Version) and step.mode == "hold" and _stages(before[key]) != _stages(after):
            row.notes.append("held back: what this version moved was told to nobody")
        rows.append(row)
    _attach(rows, made)
    yield from rows


def _stages(sides: Sides) -> dict[str, str]:
    return {} if sides.then is None else sides.then.stages


def _row(tracks: Tracks, step: Step, key: str, at: int, after: Sides) -> Row:
    """The row of what a step itself has made of a lead."""
    if isinstance(step, Version):
        return Row(step.at, "version", key, step, after)
    if isinstance(step, End):
        return Row(at, "end", key, tracks.version, after)
    row = Row(at, "event", key, tracks.version, after, step)
    row.own = _is_own(tracks, step, key)
    if row.own and tracks.refused != (None, None):
        row.quarantined = "since" if tracks.refused.then is None else "then"
        row.notes.append(_condemned(tracks.refused))
    elif step.time < at and row.own:
        row.notes.append(f"came late: it is of {format_time(step.time)}")
    return row


def _is_own(tracks: Tracks, event: Activity, key: str) -> bool:
    """Whether an event is that of a lead's own, or another's of its account."""
    return any(tracks.then.resolve(one) == key for one in lead_keys(event)[:1])


def _condemned(refused: Refused) -> str:
    if refused.then is None:
        return f"quarantined since: {refused.today}"
    return f"refused, quarantined: {refused.then}" + ("" if refused.today is not None else "; it counts today")


def _attach(rows: list[Row], made: Made) -> None:
    """Give each transition to the row that it belongs to."""
    by_time = {(row.lead, row.at): row for row in rows if row.what == "decay"}
    others = {row.lead: row for row in rows if row.what != "decay"}
    for moves, name in zip(made, ("moves", "today"), strict=True):
        for move in moves:
            decayed = move["cause"]["kind"] == "decay"
            row = by_time.get((move["lead"], parse_time(move["at"]))) if decayed else others.get(move["lead"])
            if row is not None:
                getattr(row, name).append(move)


class Then(NamedTuple):
    """A person at one moment: the key it went by, the version in force, and the lead on both sides (None: there is none)."""

    lead: str
    version: Version
    then: Lead | None
    today: Lead | None

    @property
    def sides(self) -> Sides:
        """What would have been published."""
        return Sides(side_of(self.then), side_of(self.today))


def moment_of(past: Past, at: int, progress: Progress = lambda what, done, total: None) -> list[Then]:
    """The person at a time (ms): as one lead or, before its keys were linked, as several."""
    found = survey(past, progress)
    tracks, last = Tracks(past), -1
    for number, step in enumerate(past.steps()):
        when = step.time if isinstance(step, Activity) else step.at
        if max([when, *found.clocks.get(number, {}).values()]) > at:
            break
        tracks.apply(step)
        last = number
        if number % _EVERY == 0:
            progress("scoring", number, past.count)
    keys = [key for key in sorted(past.follow) if key in tracks.then.leads or key in tracks.today.leads]
    return [Then(key, tracks.version, *tracks.peek(key, at)) for key in keys if found.is_person(key, last + 1)]
