"""The single view's "why", drawn: every rule that counts, how often, when last, what it gives and how that fades."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from stream_app.cli.subject_drawing import Document, escaped, escaped_note, moment, number, points

_OF_FACTS = ("fact", "per_unit")


def why(explanation: Document) -> Iterator[RenderableType]:
    """A table a score; the parts add up to the value."""
    for name, told in explanation.items():
        yield Text.assemble((escaped(name), "bold"), " = ", (number(told["published"]), "bold"))
        yield _combined(told) if "parts" in told else _score(told)


def _score(told: Document) -> RenderableType:
    table = _table()
    if told["base"]:
        _row(table, told["base"], "to begin with")
    counted = [rule for rule in told["rules"] if rule["points"] or rule["count"]]
    for rule in sorted(counted, key=lambda rule: -abs(rule["points"])):
        _row(table, rule["points"], escaped(rule["rule"]), _terms(rule))
    if told.get("members"):
        _row(table, told["members"], "members", "roll-up and breadth")
    for group in told["groups"]:
        if group["taken"]:
            _row(table, group["taken"], f"group {escaped(group['group'])}", f"{number(group['sum'])} is limited")
    return _closed(table, told)


def _combined(told: Document) -> RenderableType:
    table = _table()
    for part in told["parts"]:
        value = "absent" if part["value"] is None else f"{number(part['value'])} × {number(part['weight'])}"
        _row(table, part["points"], escaped(part["score"]), value)
    return _closed(table, told)


def _closed(table: Table, told: Document) -> RenderableType:
    if told["taken_by_clamp"]:
        low, high = (number(bound) for bound in told["clamp"])
        _row(table, told["taken_by_clamp"], "clamp", f"{number(told['sum'])} is kept within {low} and {high}")
    return table if table.row_count else Text("       0  nothing counts")


def _terms(rule: dict[str, Any]) -> str:
    parts = [f"{rule['count']} ×" if rule["count"] else ""]
    parts.append(f"last {moment(rule['last_at'])[:16]}" if rule["last_at"] else "")
    parts.append(f"{rule['skipped_by_limit']} over the limit" if rule.get("skipped_by_limit") else "")
    parts.append(escaped_note(rule["what"] if rule["kind"] in _OF_FACTS else rule["worth"]))
    parts.append(escaped_note(rule["terms"]))
    return "; ".join(part for part in parts if part)


def _table() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold", style="dim")
    return table


def _row(table: Table, value: float, name: str, terms: str = "") -> None:
    table.add_row(f"{points(value):>8}", name, terms)
