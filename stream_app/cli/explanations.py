"""An explanation as people read it."""

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_explanation(record: dict[str, Any], console: Console | None = None) -> None:
    """Print a score record with its `explanation`: what each rule gave, what groups and clamps took, and the sums."""
    out = console if console is not None else Console(highlight=False)
    who = record.get("lead") or f"account:{record['account_id']}"
    out.print(Text(f"{who}  at {record['at']}", style="bold"))
    stages = ", ".join(f"{ladder}: {stage}" for ladder, stage in record["stages"].items())
    cells = ", ".join(f"{name} {cell}" for name, cell in {**record["grades"], **record["bands"]}.items())
    out.print(Text("  ".join(part for part in (stages, cells) if part)))
    if found := {rule: count for rule, count in record.get("machines", {}).items() if count}:
        total = sum(found.values())
        named = ", ".join(f"{rule} {count}" for rule, count in found.items())
        out.print(Text(f"{total} activit{'y' if total == 1 else 'ies'} of machines, not counted: {named}"))
    for name, told in record["explanation"].items():
        out.print(_combined(name, told) if "parts" in told else _score(name, told))


def _score(name: str, told: dict[str, Any]) -> Table:
    table = _table(name, told, "rule", "why")
    if told["base"]:
        table.add_row("base", "", _points(told["base"]))
    for rule in told["rules"]:
        if rule["points"] or rule["count"]:
            table.add_row(rule["rule"], _why(rule), _points(rule["points"]))
    if told.get("members"):
        table.add_row("members", "roll-up and breadth", _points(told["members"]))
    for group in told["groups"]:
        if group["taken"]:
            table.add_row(f"group {group['group']}", f"{_number(group['sum'])} limited", _points(group["taken"]))
    return _closed(table, told)


def _combined(name: str, told: dict[str, Any]) -> Table:
    table = _table(name, told, "score", "times weight")
    for part in told["parts"]:
        value = "absent" if part["value"] is None else f"{_number(part['value'])} x {_number(part['weight'])}"
        table.add_row(part["score"], value, _points(part["points"]))
    return _closed(table, told)


def _table(name: str, told: dict[str, Any], first: str, second: str) -> Table:
    table = Table(title=f"{name} = {told['published']}", title_justify="left", title_style="bold", min_width=60)
    table.add_column(first)
    table.add_column(second, ratio=1)
    table.add_column("points", justify="right")
    return table


def _closed(table: Table, told: dict[str, Any]) -> Table:
    if told["taken_by_clamp"]:
        low, high = told["clamp"]
        table.add_row("clamp", f"{_number(told['sum'])} into {low} .. {high}", _points(told["taken_by_clamp"]))
    table.add_section()
    table.add_row("score", "", Text(_number(told["value"]), style="bold"))
    return table


def _why(rule: dict[str, Any]) -> str:
    parts = [rule["kind"]]
    if rule["count"]:
        parts.append(f"{rule['count']} counted")
    if rule.get("skipped_by_limit"):
        parts.append(f"{rule['skipped_by_limit']} over the limit")
    if rule["last_at"]:
        parts.append(f"last {rule['last_at']}")
    return ", ".join(parts)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _points(value: float) -> str:
    text = _number(value)
    return text if text.startswith("-") else f"+{text}"
