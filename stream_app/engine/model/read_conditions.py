"""Tests, conditions, selectors and ladder conditions, from the document to their frozen form (scoring.md 3 and 6)."""

from collections.abc import Callable
from typing import Final

from stream_app.engine.conditions import OPERATORS
from stream_app.engine.model.cursor import MAX_NAME, MAX_TEXT, Cursor, unknown
from stream_app.engine.model.names import Names
from stream_app.engine.model.problems import shown
from stream_app.engine.model.types import (
    All,
    AnyOf,
    BandIs,
    Condition,
    FieldIs,
    GradeIs,
    LadderCondition,
    Not,
    Operand,
    ScoreIs,
    Selector,
    Signal,
    Test,
)
from stream_app.engine.patterns import compile_glob, compile_regex
from stream_app.engine.times import MINUTE

MAX_OPTIONS: Final = 1_000
MAX_PARTS: Final = 200
NUMERIC: Final = ("eq", "ne", "in", "not_in", "lt", "le", "gt", "ge", "between", "exists")
LADDER_KEYS: Final = ("scores", "grades", "bands", "facts", "signal", "all", "any", "not")
_NOTHING: Final[Test] = Test(())


def read_test(at: Cursor) -> Test:
    """A test on a field: a value (equals), a list (one of), or a mapping of operators."""
    value = at.node.value
    if isinstance(value, list):
        return Test((("in", _options(at)),))
    if isinstance(value, dict):
        return _operators(at, sorted(OPERATORS))
    return Test((("eq", _scalar(at)),))


def read_number_test(at: Cursor) -> Test:
    """A test on a score: as on a field, with numbers only."""
    test = read_test(at) if not isinstance(at.node.value, dict) else _operators(at, NUMERIC)
    for operator, operand in test.checks:
        operands = operand if isinstance(operand, tuple) else (operand,)
        if operator != "exists" and any(isinstance(one, (str, bool)) for one in operands):
            at.problem(f"expected a test with numbers, for a score is one, found {shown(_first_text(operands))}")
    return test


def _first_text(operands: tuple[Operand, ...]) -> Operand:
    return next(one for one in operands if isinstance(one, (str, bool)))


def _operators(at: Cursor, known: "list[str] | tuple[str, ...]") -> Test:
    if not at.keys((*known, "case"), "a test"):
        return _NOTHING
    case = at.get("case")
    fold = case.boolean() if case is not None else False
    checks: list[tuple[str, Operand]] = []
    for operator, operand in at.entries("a test with an operator", len(OPERATORS) + 1):
        if operator in known:
            checks.append((operator, _operand(operator, operand, fold)))
    if not checks and case is not None:
        at.problem("expected an operator beside `case`, such as eq, in or glob")
    return Test(tuple(checks), fold)


def _operand(operator: str, at: Cursor, case: bool) -> Operand:
    if operator in ("in", "not_in"):
        return _options(at)
    if operator == "between":
        return _between(at)
    if operator == "exists":
        return at.boolean()
    if operator in ("lt", "le", "gt", "ge"):
        return _bound(at)
    if operator in ("glob", "regex"):
        return _pattern(at, compile_glob if operator == "glob" else compile_regex, case)
    if operator in ("prefix", "suffix"):
        return at.text(f"a text for `{operator}`")
    if isinstance(at.node.value, list):
        other = {"eq": "in", "ne": "not_in"}.get(operator)
        at.expected(f"one value for `{operator}`" + (f" (use `{other}` for a list)" if other else ""))
        return ""
    return _scalar(at)


def _scalar(at: Cursor) -> Operand:
    value = at.node.value
    if isinstance(value, str):
        if len(value) > MAX_TEXT:
            at.problem(f"expected a text of at most {MAX_TEXT} characters, found {len(value)}")
        return value
    if isinstance(value, bool):
        return value
    if value is None:
        at.expected("a value (for a field that is missing write `exists: false`)")
        return ""
    return at.number("a text, a number, true or false")


def _options(at: Cursor) -> tuple[Operand, ...]:
    return tuple(_scalar(item) for item in at.items("a list of values", MAX_OPTIONS))


def _bound(at: Cursor) -> Operand:
    if isinstance(at.node.value, str):
        return at.text("a number or a text")
    return at.number("a number or a text")


def _between(at: Cursor) -> Operand:
    bounds = [_bound(item) for item in at.items("a list of two bounds", 2)]
    if len(bounds) != 2:
        if isinstance(at.node.value, list) and len(bounds) == 1:
            at.problem("expected a list of two bounds, found one")
        return (0, 0)
    low, high = bounds
    if isinstance(low, str) != isinstance(high, str):
        at.problem("expected two numbers or two texts, found one of each")
    elif _greater(low, high):
        at.problem(f"expected the lower bound first, found [{low}, {high}]")
    return (low, high)


def _greater(low: Operand, high: Operand) -> bool:
    if isinstance(low, str) and isinstance(high, str):
        return low.casefold() > high.casefold()
    return isinstance(low, (int, float)) and isinstance(high, (int, float)) and low > high


def _pattern(at: Cursor, compiler: Callable[[str, bool], object], case: bool) -> str:
    pattern = at.text("a pattern")
    if pattern:
        try:
            compiler(pattern, case)
        except ValueError as error:
            at.problem(f"expected a pattern that can be used, found {shown(pattern)}: {error}")
    return pattern


def read_condition(at: Cursor, names: Names | None = None) -> Condition:
    """A condition on fields. With `names` it is one on facts, in which `account.SCORE` is put into its full form."""
    parts: list[LadderCondition] = []
    for key, value in at.entries("a condition, such as {country: US}", MAX_PARTS, empty=True):
        if key in ("all", "any"):
            some = tuple(
                read_condition(item, names) for item in value.items(f"a list of conditions for `{key}`", MAX_PARTS)
            )
            parts.append(All(some) if key == "all" else AnyOf(some))
        elif key == "not":
            parts.append(Not(read_condition(value, names)))
        else:
            _check_field(at, key, names)
            parts.append(FieldIs(names.resolve(key) if names else key, read_test(value)))
    return _joined(parts)


def _check_field(at: Cursor, name: str, names: Names | None) -> None:
    if not name.strip() or len(name) > MAX_NAME:
        at.key_problem(name, f"expected the name of a field of at most {MAX_NAME} characters, found {shown(name)}")
    if (
        names is not None
        and name == "account.score"
        and names.resolve(name) == name
        and not names.is_account_score(name)
    ):
        # More than one score, or none: it could only be a fact of that name, which nobody means.
        at.key_problem(name, unknown(name, names.account_scores, "score of the account"))


def _joined(parts: list[LadderCondition]) -> Condition:
    if len(parts) == 1 and isinstance(parts[0], (All, AnyOf, Not, FieldIs)):
        return parts[0]
    return All(tuple(parts))


def read_selector(at: Cursor | None) -> Selector:
    """What chooses activities: `channel`, `type`, `where`."""
    if at is None or not at.keys(("channel", "type", "where"), "a selector, such as {channel: web, type: page_view}"):
        return Selector()
    where = at.get("where")
    return Selector(
        channels=_words(at.get("channel"), "a channel"),
        types=_words(at.get("type"), "a type of activity"),
        where=read_condition(where) if where is not None else None,
    )


def _words(at: Cursor | None, what: str) -> frozenset[str] | None:
    if at is None:
        return None
    if isinstance(at.node.value, list):
        return frozenset(item.text(what, MAX_NAME) for item in at.items(f"{what}, or a list of them", MAX_PARTS))
    return frozenset((at.text(f"{what}, or a list of them", MAX_NAME),))


def read_ladder_condition(at: Cursor, names: Names, longest: int) -> LadderCondition:
    """A condition of a stage; `longest` bounds a signal's `within` (ms)."""
    if not at.keys(LADDER_KEYS, "a condition, such as {scores: {total: {ge: 50}}}"):
        return All(())
    parts: list[LadderCondition] = []
    for key, value in at.entries("a condition", MAX_PARTS, empty=True):
        parts.extend(_ladder_part(key, value, names, longest))
    return parts[0] if len(parts) == 1 else All(tuple(parts))


def _ladder_part(key: str, at: Cursor, names: Names, longest: int) -> list[LadderCondition]:
    if key in ("all", "any"):
        items = at.items(f"a list of conditions for `{key}`", MAX_PARTS)
        some = tuple(read_ladder_condition(item, names, longest) for item in items)
        return [All(some) if key == "all" else AnyOf(some)]
    if key == "not":
        return [Not(read_ladder_condition(at, names, longest))]
    if key == "facts":
        return [read_condition(at, names)]
    if key == "signal":
        return [_signal(at, longest)]
    if key == "scores":
        entries = at.entries("scores with tests, such as {total: {ge: 50}}", MAX_PARTS)
        return [ScoreIs(_mention(at, name, names), read_number_test(test)) for name, test in entries]
    if key == "grades":
        entries = at.entries("grades with tests, such as {profile: {in: [A1, A2]}}", MAX_PARTS)
        return [GradeIs(_declared(at, name, names.grades, "grade"), read_test(test)) for name, test in entries]
    if key == "bands":
        entries = at.entries("bands with tests, such as {temperature: hot}", MAX_PARTS)
        return [BandIs(_declared(at, name, names.bands, "band"), read_test(test)) for name, test in entries]
    return []  # an unknown key, noted already


def _signal(at: Cursor, longest: int) -> Signal:
    if not at.keys(("on", "within"), "a signal, such as {on: {type: demo_requested}, within: 14d}"):
        return Signal(Selector(), 0)
    on = at.need("on", "a selector, such as {type: demo_requested}")
    within = at.need("within", "a duration, such as 14d")
    return Signal(read_selector(on), within.duration("a window", MINUTE, longest) if within is not None else 0)


def _mention(at: Cursor, name: str, names: Names) -> str:
    resolved = names.resolve(name)
    if resolved not in names.mentionable:
        at.key_problem(name, unknown(name, names.mentionable, "score"))
    return resolved


def _declared(at: Cursor, name: str, known: tuple[str, ...], what: str) -> str:
    if name not in known:
        at.key_problem(name, unknown(name, known, what))
    return name
