"""Tests on fields and conditions made of them, compiled once into closures (scoring.md section 3, "Conditions").

The semantics, in one place:

- A missing field (no such key, or `None`) fails every test except `exists: false`, `ne` and `not_in`.
- A value of the wrong type fails a test; `ne` and `not_in`, being the negations of `eq` and `in`, then hold.
- Strings compare case-insensitively (Unicode case folding) unless the test says `case: true`; they order by that text.
- Booleans are not numbers; `5` equals `5.0`; a number never equals a text.
- `contains` on a list tests membership (as `eq`), on a text it looks for a part. `glob` matches the whole text.
- Nothing raises, whatever the value.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from stream_app.engine.activity import Activity
from stream_app.engine.model.types import All, AnyOf, Condition, FieldIs, Not, Operand, Selector, Test
from stream_app.engine.patterns import compile_glob, compile_regex

# A property or fact of `null` and one that is absent mean the same, so `None` itself is the sentinel.
MISSING: Final = None

Check = Callable[[object], bool]
Matcher = Callable[[Mapping[str, Any]], bool]

NEGATIONS: Final = {"ne": "eq", "not_in": "in"}


def compile_test(test: Test) -> Check:
    """A function from a value (or `MISSING`) to whether every operator of `test` holds for it."""
    checks = [_compile_check(operator, operand, test.case) for operator, operand in test.checks]
    if len(checks) == 1:
        return checks[0]
    if len(checks) == 2:
        first, second = checks
        return lambda value: first(value) and second(value)
    return lambda value: all(check(value) for check in checks)


def compile_condition(condition: Condition) -> Matcher:
    """A function from a mapping of fields (properties or facts) to whether `condition` holds for them."""
    match condition:
        case FieldIs(name, test):
            check = compile_test(test)
            return lambda fields: check(fields.get(name))
        case Not(part):
            inner = compile_condition(_plain(part))
            return lambda fields: not inner(fields)
        case All(parts):
            return _compile_all([compile_condition(_plain(part)) for part in parts])
        case AnyOf(parts):
            return _compile_any([compile_condition(_plain(part)) for part in parts])


def compile_where(selector: Selector) -> Matcher | None:
    """The part of `selector` that looks at properties, for callers that index by `selector_keys`; `None`: nothing."""
    return compile_condition(selector.where) if selector.where is not None else None


def compile_selector(selector: Selector) -> Callable[[Activity], bool]:
    """A function that says whether `selector` chooses an activity. Channels and types compare exactly."""
    channels, types = selector.channels, selector.types
    where = compile_where(selector)

    def chooses(activity: Activity) -> bool:
        if channels is not None and activity.channel not in channels:
            return False
        if types is not None and activity.type not in types:
            return False
        return where is None or where(activity.properties)

    return chooses


def selector_keys(selector: Selector) -> list[tuple[str | None, str | None]]:
    """The `(channel, type)` pairs that `selector` can match, to index rules by; `None` stands for any."""
    channels = _keys(selector.channels)
    types = _keys(selector.types)
    return [(channel, kind) for channel in channels for kind in types]


def _keys(words: frozenset[str] | None) -> list[str | None]:
    return [None] if words is None else [*sorted(words)]


def fields_of(condition: Condition) -> frozenset[str]:
    """The names of the fields that `condition` looks at."""
    match condition:
        case FieldIs(name, _):
            return frozenset((name,))
        case Not(part):
            return fields_of(_plain(part))
        case All(parts) | AnyOf(parts):
            return frozenset(name for part in parts for name in fields_of(_plain(part)))


def _plain(part: object) -> Condition:
    if isinstance(part, (All, AnyOf, Not, FieldIs)):
        return part
    raise TypeError(f"a condition on fields cannot hold {type(part).__name__}")


def _compile_all(parts: list[Matcher]) -> Matcher:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda fields: first(fields) and second(fields)

    def every(fields: Mapping[str, Any]) -> bool:
        for part in parts:  # a loop, not `all(...)`: no generator on the hot path
            if not part(fields):
                return False
        return True

    return every


def _compile_any(parts: list[Matcher]) -> Matcher:
    if len(parts) == 1:
        return parts[0]

    def some(fields: Mapping[str, Any]) -> bool:
        for part in parts:
            if part(fields):
                return True
        return False

    return some


def _compile_check(operator: str, operand: Operand, case: bool) -> Check:
    if operator in NEGATIONS:
        positive = _compile_check(NEGATIONS[operator], operand, case)
        return lambda value: not positive(value)
    return _COMPILERS[operator](operand, case)


def _eq(operand: Operand, case: bool) -> Check:
    if isinstance(operand, bool):
        return lambda value: value is operand
    if isinstance(operand, str):
        if case:
            return lambda value: value == operand
        folded = operand.casefold()
        return lambda value: isinstance(value, str) and (value == folded or value.casefold() == folded)
    return lambda value: value == operand and not isinstance(value, bool)


def _in(operand: Operand, case: bool) -> Check:
    options = _options(operand)
    texts = frozenset(option if case else option.casefold() for option in options if isinstance(option, str))
    flags = frozenset(option for option in options if isinstance(option, bool))
    numbers = frozenset(
        option for option in options if isinstance(option, (int, float)) and not isinstance(option, bool)
    )

    def one_of(value: object) -> bool:
        if isinstance(value, str):
            return value in texts or (not case and value.casefold() in texts)
        if isinstance(value, bool):
            return value in flags
        return isinstance(value, (int, float)) and value in numbers

    return one_of


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Operand, bool], Check]:
    """Compilers of `lt`, `le`, `gt`, `ge`: numbers with numbers, texts with texts, nothing else."""

    def compiler(operand: Operand, case: bool) -> Check:
        if isinstance(operand, str):
            bound = operand if case else operand.casefold()
            if case:
                return lambda value: isinstance(value, str) and compare(value, bound)
            return lambda value: isinstance(value, str) and compare(value.casefold(), bound)
        return lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and compare(value, operand)

    return compiler


def _between(operand: Operand, case: bool) -> Check:
    low, high = _options(operand)
    above, below = _COMPILERS["ge"](low, case), _COMPILERS["le"](high, case)
    return lambda value: above(value) and below(value)


def _exists(operand: Operand, case: bool) -> Check:
    if operand:
        return lambda value: value is not None
    return lambda value: value is None


def _contains(operand: Operand, case: bool) -> Check:
    member = _eq(operand, case)
    part = operand if isinstance(operand, str) else None
    folded = part.casefold() if part is not None else ""

    def holds(value: object) -> bool:
        if isinstance(value, str):
            return part is not None and ((part in value) if case else (folded in value.casefold()))
        if isinstance(value, (list, tuple)):
            return any(member(item) for item in value)
        return False

    return holds


def _affix(method: Callable[[str, str], bool]) -> Callable[[Operand, bool], Check]:
    """Compilers of `prefix` and `suffix`."""

    def compiler(operand: Operand, case: bool) -> Check:
        affix = str(operand)
        if case:
            return lambda value: isinstance(value, str) and method(value, affix)
        folded = affix.casefold()
        return lambda value: isinstance(value, str) and method(value.casefold(), folded)

    return compiler


def _pattern(compiler: Callable[[str, bool], Callable[[str], bool]]) -> Callable[[Operand, bool], Check]:
    def compile_pattern(operand: Operand, case: bool) -> Check:
        matches = compiler(str(operand), case)
        return lambda value: isinstance(value, str) and matches(value)

    return compile_pattern


def _options(operand: Operand) -> tuple[Operand, ...]:
    return operand if isinstance(operand, tuple) else (operand,)


_COMPILERS: Final[dict[str, Callable[[Operand, bool], Check]]] = {
    "eq": _eq,
    "in": _in,
    "lt": _ordered(lambda value, bound: bool(value < bound)),
    "le": _ordered(lambda value, bound: bool(value <= bound)),
    "gt": _ordered(lambda value, bound: bool(value > bound)),
    "ge": _ordered(lambda value, bound: bool(value >= bound)),
    "between": _between,
    "exists": _exists,
    "glob": _pattern(compile_glob),
    "regex": _pattern(compile_regex),
    "contains": _contains,
    "prefix": _affix(str.startswith),
    "suffix": _affix(str.endswith),
}

OPERATORS: Final = frozenset(_COMPILERS) | frozenset(NEGATIONS)
