"""Comparison of two replays: per lead or account and ladder, numbers to a tolerance."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]
SOFT = {"reasons", "route", "actions", "holds_until", "revision", "model", "restated"}


def compare(expected: Any, actual: Any, *, tolerance: float = 1e-9, ignore: Iterable[str] = SOFT) -> list[str]:
    """What differs between two results with `transitions` and `scores`, in words; empty when nothing does.

    Either side may be a `Result` or any object with these two lists. A field that the expected side leaves out is not
    compared. `scores.before` of a lead's first event and of the later moves of one evaluation is soft.
    """
    skip = set(ignore)
    found = []
    for kind, key in (("transitions", ladder_of), ("scores", subject_of)):
        left, right = _grouped(getattr(expected, kind), key), _grouped(getattr(actual, kind), key)
        for name in sorted(set(left) | set(right)):
            found += _rows(f"{kind} {name}", left.get(name, []), right.get(name, []), skip, tolerance)
    return found


def subject_of(row: Json) -> str:
    """`lead:KEY` or `account:ID` of a score or a transition."""
    return f"lead:{row['lead']}" if row.get("lead") else f"account:{row['account_id']}"


def ladder_of(row: Json) -> str:
    """The subject and the ladder of a transition."""
    return f"{subject_of(row)} {row['ladder']}"


def _grouped(rows: list[Json], key: Any) -> dict[str, list[Json]]:
    groups: dict[str, list[Json]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return groups


def _rows(name: str, left: list[Json], right: list[Json], skip: set[str], tolerance: float) -> list[str]:
    found = []
    for number, (a, b) in enumerate(zip(left, right, strict=False)):
        previous = left[number - 1] if number else None
        found += _differ(f"{name} #{number + 1}", _hard(a, previous), b, skip, tolerance)
    for row in left[len(right) :]:
        found.append(f"{name}: missing {_short(row)}")
    for row in right[len(left) :]:
        found.append(f"{name}: too much {_short(row)}")
    return found


def _hard(row: Json, previous: Json | None) -> Json:
    """A row without its soft `scores.before`."""
    if "cause" not in row:
        return row
    later = previous is not None and (previous["at"], previous["cause"]) == (row["at"], row["cause"])
    if later or previous is None:
        return {**row, "scores": {"after": row["scores"]["after"]}}
    return row


def _short(row: Json) -> str:
    if "cause" not in row:
        return str(row)
    return f"{row['from']} -> {row['to']} at {row['at']} by {row['cause']} {row['scores']}"


def _differ(path: str, a: Any, b: Any, skip: set[str], tolerance: float) -> list[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        partial = path.count("/") == 0 or path.endswith("/scores")
        names = set(a) if partial and ("after" in a or "at" in a) else set(a) | set(b)
        return [
            line
            for name in sorted(names - skip)
            for line in _differ(f"{path}/{name}", a.get(name, "absent"), b.get(name, "absent"), skip, tolerance)
        ]
    number = int | float
    if isinstance(a, number) and isinstance(b, number) and not isinstance(a, bool) and not isinstance(b, bool):
        same = abs(a - b) <= tolerance * max(1.0, abs(a), abs(b))
    else:
        same = type(a) is type(b) and a == b
    return [] if same else [f"{path}: expected {a!r}, got {b!r}"]
