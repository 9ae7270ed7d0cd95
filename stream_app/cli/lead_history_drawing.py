"""A lead's history, drawn for a person: what was scored then, and where one model says otherwise. Nothing but drawing.

`15 ≠ 25` reads: 15 then, 25 today; a single value is both.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from stream_app.cli import subject_drawing as draw
from stream_app.cli.subject_drawing import escaped, escaped_note, moment, points, section
from stream_app.engine.model.words import number_words
from stream_app.engine.times import format_time
from stream_app.history.beside import Beside, Part, beside
from stream_app.history.lead_past import LeadPast
from stream_app.history.lead_rows import Row, Then
from stream_app.history.tracks import Document, Side, Version

_DIGITS = 6  # of a version
_SECONDS = 19  # characters of a time
_WHAT = 26  # columns, at least, that tell what happened
_ID = 13  # characters of an event's id
_DIM, _DIFFERS = "dim", "bold"


def draw_history(past: LeadPast, rows: Sequence[Row], total: int, console: Console) -> None:
    """Draw the latest rows, oldest first, of `total`."""
    for part in _head(past):
        console.print(part)
    if not rows:
        console.print(Text("\nnothing of this lead is retained since then", _DIM))
        return
    columns, said = _columns(rows, console.width)
    console.print(Text(""))
    console.print(_table(past, rows, columns))
    if total > len(rows):
        console.print(Text(f"and {total - len(rows)} before: --limit {total} shows them", _DIM))
    for line in said:
        console.print(Text(line, _DIM))
    console.print(Text(_summary(rows)))


def _head(past: LeadPast) -> Iterator[RenderableType]:
    whole = past.past
    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column(overflow="fold")
    line.add_column(justify="right", no_wrap=True)
    line.add_row(Text(escaped(whole.lead), "bold cyan"), Text(f"today: {_named(whole.today)}", _DIM))
    yield line
    others = ", ".join(escaped(key) for key in sorted(whole.follow - {whole.lead}))
    yield Text((f"also {others}; " if others else "") + f"as far as the workers have come, {_when(whole.until)} UTC")
    yield Text(
        f"15 ≠ 25: 15 as it was scored then, 25 as {_named(whole.today)} would have; a single value is both", _DIM
    )
    for note in past.notes:
        yield Text(f"! {escaped_note(note)}", "yellow")


def _named(model: Any) -> str:
    return f"{escaped(model.name)} {model.version[:_DIGITS]}"


def _when(at: int) -> str:
    return moment(format_time(at))[:_SECONDS]


# -- the table ----------------------------------------------------------------------------------------------------------

Cell = Callable[[Row], Text]


def _columns(rows: Sequence[Row], width: int) -> tuple[dict[str, Cell], list[str]]:
    """The columns of scores and ladders by name, and what is said of the scores that have none: those that are the same in
    all rows and on both sides, and of the others the last for which there is no room."""
    ladders = {name: _stage(name) for name in _names(rows, lambda side: side.stages)}
    taken = {**_fixed(), **ladders}
    room = width - 1 - _WHAT - sum(2 + _wide(rows, name, cell) for name, cell in taken.items())
    scores: dict[str, Cell] = {}
    same, crowded = [], []
    for name in _names(rows, lambda side: side.scores):
        cell = _score(name)
        found = {cell(row).plain for row in rows} - {""}
        if len(found) < 2 and "≠" not in "".join(found):
            same.append(f"{escaped(name)} {''.join(found) or '-'}")
        elif (room := room - 2 - _wide(rows, name, cell)) < 0:
            crowded.append(escaped(name))
        else:
            scores[name] = cell
    said = [f"in all rows: {', '.join(same)}"] if same else []
    said += [f"no room for {', '.join(crowded)}: --json has all"] if crowded else []
    return {**scores, **ladders}, said


def _fixed() -> dict[str, Cell]:
    return {
        "when (UTC)": lambda row: Text(_when(row.at)),
        "version": lambda row: Text(row.version.model.version[:_DIGITS], _DIM),
        "on record": _record,
    }


def _names(rows: Sequence[Row], part: Callable[[Side], dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for side in row.sides if side is not None for name in part(side)))


def _wide(rows: Sequence[Row], name: str, cell: Cell) -> int:
    return max(len(name), *(len(cell(row).plain) for row in rows))


def _table(past: LeadPast, rows: Sequence[Row], columns: dict[str, Cell]) -> Table:
    table, fixed = draw.columns(), _fixed()
    table.add_column("when (UTC)", no_wrap=True)
    table.add_column("what happened", overflow="fold", ratio=1)
    table.add_column("version", no_wrap=True)
    for name in columns:
        table.add_column(escaped(name), no_wrap=True)
    table.add_column("on record", no_wrap=True)
    for row in rows:
        told = [cell(row) for cell in columns.values()]
        table.add_row(
            fixed["when (UTC)"](row), _what(row, past.past.lead), fixed["version"](row), *told, fixed["on record"](row)
        )
    return table


def _what(row: Row, lead: str) -> Text:
    text = Text()
    if row.lead != lead:
        text.append(f"as {escaped(row.lead)}: ", _DIM)
    text.append_text(_happened(row))
    if row.joined:
        text.append(f", joins {', '.join(escaped(key) for key in row.joined)}")
    for note in row.notes:
        text.append(f"\n! {escaped_note(note)}", "yellow")
    return text


def _happened(row: Row) -> Text:
    event = row.event
    if event is not None:
        told = Text(f"{escaped(event.channel)} {escaped(event.type)}" if event.channel else escaped(event.type))
        if not row.own:
            return told.append(" of its account" if event.is_account_event else " of another of its account")
        name = escaped(event.event_id)
        return told.append(f" {name if len(name) <= _ID else name[: _ID - 1] + '…'}", _DIM)
    if row.what == "version":
        return _published(row.version)
    if row.what == "record":
        (move,) = row.moves
        return Text(f"on record only: {escaped(move['ladder'])} {escaped(move['from'])} → {escaped(move['to'])}")
    return Text("decay" if row.what == "decay" else "to here")


def _published(version: Version) -> Text:
    by = f"by {escaped(version.by)}" if version.by else ""
    note = f": {escaped(version.note)}" if version.note else ""
    found = version.generation
    live = f"version {version.number} goes live"
    if found is None:
        return Text(live, "bold").append(f" {by}{note}" if by else note, "")
    if not found.added and not found.released:
        how = "a shadow's promotion" if found.purpose == "shadow" else f"a {found.purpose}"
        return Text(f"{live} by {how}", "bold").append(f", {by}{note}" if by else note, "")
    what, sources = ("quarantine", found.added) if found.added else ("released", found.released)
    told = Text(f"{what}: {', '.join(escaped(one) for one in sources)}", "bold")
    return told.append(f" (version {version.number}{f', {by}' if by else ''}{note})", "")


def _record(row: Row) -> Text:
    """Whether what moved then was told then."""
    if "missing" in row.told:
        return Text("no", "red")
    if row.told:
        return Text("restated" if any(move["restated"] for move in row.moves) else "yes", "green")
    return Text("")


def _score(name: str) -> Cell:
    def cell(row: Row) -> Text:
        return _both(*(_value(side, name) for side in row.sides))

    return cell


def _value(side: Side | None, name: str) -> str:
    value = None if side is None else side.scores.get(name)
    return "-" if value is None else number_words(value)


def _stage(name: str) -> Cell:
    """Where it stood on a ladder, with an arrow where it moved."""

    def cell(row: Row) -> Text:
        then, today = ("-" if side is None else escaped(side.stages.get(name, "-")) for side in row.sides)
        up, up_today = _arrow(row.moves, name), _arrow(row.today, name)
        if row.what == "record":
            return Text("".join(f"{up}{escaped(move['to'])}" for move in row.moves if move["ladder"] == name))
        if then == today and (up or not up_today):
            return _both(up + then, up + then)
        return Text(f"{then}, today {up_today.strip()}") if then == today else _both(up + then, up_today + today)

    return cell


def _arrow(moves: Sequence[Document], ladder: str) -> str:
    last = next((move for move in reversed(moves) if move["ladder"] == ladder), None)
    return "" if last is None else "↑ " if last["direction"] == "up" else "↓ "


def _both(then: str, today: str) -> Text:
    if then == today:
        return Text("" if then == "-" else then)
    return Text(f"{then} ≠ {today}", _DIFFERS)


def _summary(rows: Sequence[Row]) -> str:
    told = [word for row in rows if row.what != "record" for word in row.told]
    only = sum(row.what == "record" for row in rows)
    missing = told.count("missing")
    differing = sum(bool(row.differs) for row in rows)
    words = f"{differing} of {len(rows)} rows differ; {len(told) - missing} of {len(told)} transitions are on record"
    return words + (f", and {only} more that the retained events do not make" if only else "")


# -- one moment ---------------------------------------------------------------------------------------------------------


def draw_moment(past: LeadPast, at: int, found: Sequence[Then], console: Console) -> None:
    """Draw a person at one time, rule by rule."""
    for part in _head(past):
        console.print(part)
    console.print(Text(f"at {_when(at)} UTC" + (", if nothing happens until then" if at > past.past.until else "")))
    if not found:
        console.print(Text("nothing was known of this lead at that time", _DIM))
    for one in found:
        console.print(section(f"{escaped(one.lead)}, scored by {_named(one.version.model)} then", _standing(one)))
        for name, score in beside(one.then, one.today).items():
            console.print(section(_title(name, score), _parts(score)))


def _standing(one: Then) -> RenderableType:
    sides = [side._asdict() if side is not None else {} for side in one.sides]
    rows = []
    for kind in ("stages", "grades", "bands"):
        parts: list[dict[str, str]] = [side.get(kind, {}) for side in sides]
        for name in dict.fromkeys(name for part in parts for name in part):
            rows.append((name, _both(*(escaped(part.get(name, "-")) for part in parts)).plain))
    return draw.pairs(rows)


def _title(name: str, score: Beside) -> str:
    values = ["-" if value is None else number_words(value) for value in (score.then, score.today)]
    return f"{escaped(name)} = {_both(*values).plain or '-'}"


def _parts(score: Beside) -> RenderableType:
    if not score.parts:
        return Text("nothing counts", _DIM)
    table = draw.columns()
    table.add_column("then", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("today", justify="right", no_wrap=True)
    table.add_column("part", no_wrap=True)
    table.add_column("", overflow="fold", ratio=1, style=_DIM)
    order = {"base": 0, "rule": 1, "score": 1, "members": 2, "group": 3, "clamp": 4}
    for part in sorted(score.parts, key=lambda one: (order[one.kind], -_size(one))):
        same = part.then is not None and part.today is not None and round(part.then - part.today, 6) == 0
        sides = ["-" if value is None else points(value) for value in (part.then, part.today)]
        table.add_row(sides[0], "" if same else "≠", sides[1], _part(part), _words(part))
    return table


def _size(part: Part) -> float:
    return max(abs(part.then or 0), abs(part.today or 0))


def _part(part: Part) -> Text:
    head = {"base": "base", "members": "members", "clamp": "clamp", "group": f"group {escaped(part.name)}"}
    return Text(head.get(part.kind, escaped(part.name)))


def _words(part: Part) -> str:
    """A part in words; where the sides differ, both of what differs."""
    then, today = (words.split("; ") for words in part.words)
    if "" in part.words or len(then) != len(today):
        return escaped_note(" ≠ ".join(words for words in part.words if words))
    return escaped_note(
        "; ".join(one if one == other else f"{one} ≠ {other}" for one, other in zip(then, today, strict=True))
    )
