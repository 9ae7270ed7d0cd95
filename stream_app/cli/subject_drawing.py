"""What the single views of leads and accounts share when they are drawn for a person. Nothing but drawing.

The rule: whatever came from outside is escaped, so that no fact can write elsewhere on the screen; nothing is said by
colour alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from stream_app.engine.model.words import number_words, points_words
from stream_app.serving.coming import Change, Shift
from stream_app.serving.ladder_view import Check, LadderView

Document = Mapping[str, Any]

_LONGEST = 120
_WIDTH = 100
_DIM, _NAME, _GOOD, _BAD = "dim", "cyan", "green", "red"


def open_console(*, wide: bool = False) -> Console:
    """A console for a view: as wide as the terminal, at most 120 columns (`wide`: at most 160); where the output is no
    terminal 100 (120)."""
    console = Console(highlight=False, markup=False, emoji=False)
    most, else_ = (160, _LONGEST) if wide else (_LONGEST, _WIDTH)
    width = min(console.width, most) if console.is_terminal else else_
    return Console(highlight=False, markup=False, emoji=False, width=width)


def escaped(value: object) -> str:
    """A value from outside as text: control characters as escapes, long texts cut."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list):
        return ", ".join(escaped(one) for one in value)
    text = "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(value)[: 2 * _LONGEST]
    )
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def number(value: float | None) -> str:
    """A number with at most two decimals; a dash where there is none."""
    return "-" if value is None else number_words(round(value, 2))


def points(value: float) -> str:
    """Points with their sign and at most two decimals."""
    return points_words(round(value, 2))


def moment(time: str | None) -> str:
    """`2026-03-01 10:00` of an RFC 3339 time, seconds where there are any; a dash for none."""
    if time is None:
        return "-"
    day, clock = time[:10], time[11:].removesuffix("Z")
    return f"{day} {clock.removesuffix(':00')}"


def section(title: str, *parts: RenderableType) -> RenderableType:
    """A heading, and what belongs under it."""
    return Group(
        Text(""),
        Rule(Text(title, "bold"), align="left", style=_DIM),
        *(Padding(one, (0, 0, 0, 1), expand=False) for one in parts),
    )


def head(name: str, record: Document, clock: str, notes: Sequence[str]) -> Iterator[RenderableType]:
    """The name, the time, the model, and what a reader must know."""
    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column(overflow="fold")
    line.add_column(justify="right", no_wrap=True)
    model = record["model"]
    line.add_row(Text(escaped(name), f"bold {_NAME}"), Text(f"{escaped(model['id'])} {model['version'][:12]}", _DIM))
    yield line
    yield Text(
        f"as of {moment(record['at'])} UTC"
        + ("" if record["at"] == clock else f", if nothing happens after {moment(clock)}")
    )
    for note in notes:
        yield Text(f"! {escaped_note(note)}", "yellow")


def escaped_note(note: str) -> str:
    """As `escaped`, at any length: notes are ours, names in them are not."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in note)


def pairs(rows: Sequence[tuple[str, str]]) -> Table:
    """Names and values, aligned; those without a value are left out."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style=_DIM, no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        if value:
            table.add_row(Text(escaped(name)), Text(value))
    return table


def standing(record: Document) -> Table:
    """Scores as published with the exact values behind them, grades and bands."""
    table = columns()
    table.add_column("score")
    table.add_column("value", justify="right")
    table.add_column("exactly", justify="right", style=_DIM)
    for name, value in record["scores"].items():
        table.add_row(name, Text(number_words(value), "bold"), f"{record['raw'][name]:.2f}")
    for name, cell in {**record["grades"], **record["bands"]}.items():
        table.add_row(name, Text(escaped(cell), "bold"), "")
    return table


def ladders(views: Mapping[str, LadderView]) -> Iterator[RenderableType]:
    """Where it stands on each ladder, what holds it and what the next stage asks for."""
    for name, view in views.items():
        line = Text.assemble((f"{escaped(name)}: ", ""), (escaped(view.stage), "bold"), f" since {moment(view.since)}")
        line.append(f", {view.seq} move{'s' * (view.seq != 1)} so far", _DIM)
        yield line
        yield Padding(Group(*_ladder(view)), (0, 0, 0, 2), expand=False)


def _ladder(view: LadderView) -> Iterator[RenderableType]:
    asks = [escaped(view.route)] if view.route else []
    asks += [f"{escaped(name)} {escaped(value)}" for name, value in view.actions.items()]
    if asks:
        yield Text(f"asks for {', '.join(asks)}")
    if view.sticky:
        yield Text("sticky: only the CRM moves it")
        return
    if view.holds_until is not None:
        yield Text.assemble(
            "falls to ", (escaped(view.falls_to), "bold"), f" at {moment(view.holds_until)} if nothing happens"
        )
    elif view.held_by or view.dwells_until is not None:
        yield Text("stays if nothing happens")
    if view.dwells_until is not None:
        yield Text(f"can't fall before {moment(view.dwells_until)}")
    yield from _checks("held by", view.held_by)
    if view.next is None:
        yield Text("no stage above is entered by score", _DIM)
        return
    yield from _checks(f"for {escaped(view.next.stage)}", view.next.needs)
    if view.next.blocked_by is not None:
        yield Text(f"blocked: {escaped(view.next.blocked_by)}", _BAD)
    if view.next.cooling_until is not None:
        yield Text(f"may not enter {escaped(view.next.stage)} again before {moment(view.next.cooling_until)}")


def _checks(what: str, checks: Sequence[Check]) -> Iterator[RenderableType]:
    if not checks:
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for place, check in enumerate(checks):
        now = "" if check.now is None else f" (now {_now(check.now)})"
        mark = Text("yes", _GOOD) if check.holds else Text("no ", _BAD)
        table.add_row(what if place == 0 else "", mark, Text(escaped_note(check.words) + now))
    yield table


def _now(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{escaped(name)} {escaped(one)}" for name, one in value.items())
    return escaped(value)


def coming(changes: Sequence[Change]) -> RenderableType:
    """The next published changes, one a line."""
    if not changes:
        return Text("no change", _DIM)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for change in changes:
        told = [*_shifts(change.scores), *_shifts(change.grades), *_shifts(change.bands), *_shifts(change.stages)]
        table.add_row(moment(change.at), Text(", ".join(told)))
    return table


def _shifts(shifts: Mapping[str, Shift]) -> Iterator[str]:
    for name, shift in shifts.items():
        yield f"{name} {_or_none(shift.before)} → {_or_none(shift.after)}"


def _or_none(value: object) -> str:
    return "none" if value is None else escaped(value)


def moves(documents: Sequence[Document], total: int) -> RenderableType:
    """Transitions, as they are given."""
    if not total:
        return Text("none", _DIM)
    table = columns()
    for name in ("when (UTC)", "ladder", "move", "by"):
        table.add_column(name, no_wrap=name != "by", overflow="fold")
    table.add_column("because of", overflow="fold", ratio=1)
    for document in documents:
        up = document["direction"] == "up"
        arrow = "↑" if up else "↓"
        move = Text(f"{arrow} {escaped(document['from'])} → {escaped(document['to'])}", _GOOD if up else _BAD)
        table.add_row(moment(document["at"]), escaped(document["ladder"]), move, _cause(document), _reasons(document))
    rest = total - len(documents)
    return Group(table, Text(f"and {rest} before: --limit {total} shows them", _DIM)) if rest > 0 else table


def _cause(document: Document) -> str:
    marks = [mark for mark in ("restated", "suppressed") if document.get(mark)]
    return ", ".join([escaped(document["cause"]["kind"]), *marks])


def _reasons(document: Document) -> str:
    """Why a subject moved: what a version was made public for, and the rules that gave most points that way."""
    cause, sign = document["cause"], 1 if document["direction"] == "up" else -1
    told = [escaped(cause.get("reason") or "a new version")] if cause["kind"] == "model" else []
    reasons = [reason for reason in document["reasons"] if reason["points"] * sign > 0]
    reasons = reasons or ([] if told else document["reasons"])
    return ", ".join([*told, *(f"{escaped(reason['rule'])} {points(reason['points'])}" for reason in reasons[:3])])


def columns() -> Table:
    return Table(box=None, padding=(0, 2, 0, 0), header_style=_DIM)
