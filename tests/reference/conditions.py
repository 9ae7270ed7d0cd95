"""Conditions and selectors of the reference (scoring.md section 3, "Selectors" and "Conditions")."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from typing import Any

MISSING: Any = object()
Lookup = Callable[[str], Any]  # a field's name -> its value, or MISSING


def holds(condition: Mapping[str, Any], look: Lookup) -> bool:
    """Whether every part of a condition holds; `{}` does."""
    for name, test in condition.items():
        if name == "all":
            ok = all(holds(part, look) for part in test)
        elif name == "any":
            ok = any(holds(part, look) for part in test)
        elif name == "not":
            ok = not holds(test, look)
        else:
            ok = passes(test, look(name))
        if not ok:
            return False
    return True


def passes(test: Any, value: Any) -> bool:
    """Whether one value (or MISSING) passes one test: a value, a list, or a mapping of operators."""
    if isinstance(test, list):
        test = {"in": test}
    elif not isinstance(test, Mapping):
        test = {"eq": test}
    exact = test.get("case") is True
    return all(_operator(op, wanted, value, exact) for op, wanted in test.items() if op != "case")


def _operator(op: str, wanted: Any, value: Any, exact: bool) -> bool:
    missing = value is MISSING or value is None
    if op == "exists":
        return missing != bool(wanted)
    if op == "ne":
        return missing or not same(value, wanted, exact)
    if op == "not_in":
        return missing or not any(same(value, one, exact) for one in wanted)
    if missing:
        return False
    if op == "eq":
        return same(value, wanted, exact)
    if op == "in":
        return any(same(value, one, exact) for one in wanted)
    if op in ("lt", "le", "gt", "ge"):
        return _ordered(op, value, wanted, exact)
    if op == "between":
        return _ordered("ge", value, wanted[0], exact) and _ordered("le", value, wanted[1], exact)
    if op == "contains" and isinstance(value, list):
        return any(same(one, wanted, exact) for one in value)
    if not isinstance(value, str) or not isinstance(wanted, str):
        return False
    return _text(op, wanted, value, exact)


def _text(op: str, wanted: str, value: str, exact: bool) -> bool:
    if op == "regex":
        return re.search(wanted, value, 0 if exact else re.IGNORECASE) is not None
    if not exact:
        wanted, value = wanted.casefold(), value.casefold()
    if op == "glob":
        return re.fullmatch(fnmatch.translate(wanted), value) is not None
    if op == "contains":
        return wanted in value
    if op == "prefix":
        return value.startswith(wanted)
    if op == "suffix":
        return value.endswith(wanted)
    raise ValueError(f"no operator: {op}")


def is_number(value: Any) -> bool:
    """Booleans are not numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(a: Any, b: Any, exact: bool = False) -> bool:
    """Equality without mixing types; strings fold case unless `exact`."""
    if isinstance(a, str) and isinstance(b, str):
        return a == b if exact else a.casefold() == b.casefold()
    if isinstance(a, bool) and isinstance(b, bool):
        return a == b
    return is_number(a) and is_number(b) and bool(a == b)


def _ordered(op: str, a: Any, b: Any, exact: bool) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        if not exact:
            a, b = a.casefold(), b.casefold()
    elif not (is_number(a) and is_number(b)):
        return False
    return bool({"lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b}[op])


def folded(value: Any) -> Any:
    """What `distinct`, `complete` and `breadth` count by: MISSING for missing values and lists."""
    if value is MISSING or value is None or isinstance(value, list | dict):
        return MISSING
    if isinstance(value, str):
        return ("text", value.casefold())
    return ("flag", value) if isinstance(value, bool) else ("number", value)


def selects(selector: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether a selector (`channel`, `type`, `where`) chooses an event."""
    for field in ("channel", "type"):
        if field in selector:
            wanted = selector[field]
            if event.get(field) not in (wanted if isinstance(wanted, list) else [wanted]):
                return False
    properties = event.get("properties") or {}
    return holds(selector.get("where") or {}, lambda name: properties.get(name, MISSING))
