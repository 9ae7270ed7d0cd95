"""The single view of an account, drawn for a person. Nothing but drawing."""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.text import Text

from stream_app.cli import subject_drawing as draw
from stream_app.cli.subject_drawing import escaped, moment, number, points, section
from stream_app.cli.why_drawing import why
from stream_app.serving.account_view import AccountView
from stream_app.serving.members import BreadthView, MembersView


def draw_account(view: AccountView, console: Console) -> None:
    """Draw the whole view."""
    for part in _parts(view):
        console.print(part)


def _parts(view: AccountView) -> Iterator[RenderableType]:
    yield from draw.head(f"account {view.record['account_id']}", view.record, view.clock, view.notes)
    yield section("Facts", _facts(view))
    yield section("Scores", draw.standing(view.record))
    yield section("Stages", *draw.ladders(view.ladders))
    yield section("Why", *why(view.explanation))
    for name, members in view.members.items():
        yield section(f"Members ({members.total}) and what they bring to {escaped(name)}", *_members(members))
    yield section("What comes next, if nothing happens (UTC)", draw.coming(view.next))
    if view.expected:
        yield section("Expected until then", draw.moves(view.expected, len(view.expected)))
    yield section(f"Transitions ({view.total}, newest first)", draw.moves(view.transitions, view.total))


def _facts(view: AccountView) -> RenderableType:
    rows = [("first activity", moment(view.first_activity)), ("latest event", moment(view.latest_event))]
    return draw.pairs([*rows, *((name, escaped(fact.value)) for name, fact in view.facts.items())])


def _members(view: MembersView) -> Iterator[RenderableType]:
    yield Text(f"{number(view.points)} points from their {escaped(view.of)}")
    if view.top:
        table = draw.columns()
        table.add_column("lead", overflow="fold")
        table.add_column(escaped(view.of), justify="right")
        table.add_column("brings", justify="right")
        if view.breadth is not None:
            table.add_column(escaped(view.breadth.fact), overflow="fold")
        for member in view.top:
            row = [escaped(member.lead), number(member.score), points(member.points)]
            if view.breadth is not None:
                told = escaped(member.value or "-")
                row.append(told if member.counts or member.value is None else f"{told} (does not count yet)")
            table.add_row(*row)
        rest = view.total - len(view.top)
        more = [Text(f"and {rest} more: --limit {view.total} shows them", "dim")] if rest else []
        yield Group(table, *more)
    if view.breadth is not None:
        yield Text(_breadth(view.breadth))


def _breadth(breadth: BreadthView) -> str:
    values = ", ".join(f"{escaped(value)} ({count})" for value, count in list(breadth.values.items())[:10])
    told = f"breadth: {breadth.distinct} different {escaped(breadth.fact)}, {points(breadth.points)}"
    told += f": {values}" if values else ""
    if breadth.next_at is not None and breadth.next_points is not None:
        told += f"; with {breadth.next_at}, {points(breadth.next_points)}"
    return told
