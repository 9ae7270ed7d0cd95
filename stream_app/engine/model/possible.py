"""Whether a condition can ever hold, as far as its own structure and the scores' ranges tell; and which values a score
can take. Says "yes" where it can't tell."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final

from stream_app.engine.conditions import compile_test
from stream_app.engine.model.implied import Alternative, Atom, TooManyAlternatives, alternatives
from stream_app.engine.model.types import (
    ActivityRule,
    CompleteRule,
    DistinctRule,
    FactRule,
    FrequencyRule,
    InactivityRule,
    LadderCondition,
    Operand,
    PerUnitRule,
    QuantityRule,
    RatioRule,
    Rule,
    Scorecard,
    Test,
)

Interval = tuple[float, float]
# For a thing that a condition is about, the only values it can have, or its range; `None`: anything.
Domain = Callable[[tuple[str, object]], "Interval | frozenset[Operand] | None"]

_ANY: Final[Interval] = (-math.inf, math.inf)
_TEXT_ONLY: Final = frozenset(("glob", "regex", "prefix", "suffix"))
_BOUNDS: Final = frozenset(("lt", "le", "gt", "ge"))
DERIVED_VALUES: Final[dict[str, "frozenset[Operand]"]] = {
    "free_mail": frozenset((True, False)),
    "first_name_not_capitalised": frozenset((True, False)),
    "last_name_not_capitalised": frozenset((True, False)),
    "company_not_capitalised": frozenset((True, False)),
    "keyboard_run": frozenset((0, *range(4, 11))),
}


def can_hold(condition: LadderCondition, domain: Domain) -> bool:
    """Whether some alternative of `condition` is free of contradictions."""
    try:
        return any(_can_hold(one, domain) for one in alternatives(condition))
    except TooManyAlternatives:
        return True


def _can_hold(alternative: Alternative, domain: Domain) -> bool:
    about: defaultdict[tuple[str, object], list[Atom]] = defaultdict(list)
    for atom in alternative:
        about[atom.about].append(atom)
    return all(thing[0] == "signal" or _consistent(atoms, domain(thing)) for thing, atoms in about.items())


def _consistent(atoms: list[Atom], domain: "Interval | frozenset[Operand] | None") -> bool:
    positive = [atom for atom in atoms if not atom.negated]
    if any(atom.operator == "exists" and atom.operand is False for atom in positive):
        return not any(_needs_value(atom) for atom in positive)
    if domain is None:
        domain = next((frozenset(_options(atom.operand)) for atom in positive if atom.operator in ("eq", "in")), None)
    if isinstance(domain, frozenset):
        # One at a time: a field that may also be missing passes where no test needs a value.
        return any(all(_holds(atom, value) for atom in atoms) for value in domain) or not any(
            map(_needs_value, positive)
        )
    if any(atom.operator in ("eq", "in") for atom in positive):
        values = next(frozenset(_options(atom.operand)) for atom in positive if atom.operator in ("eq", "in"))
        low, high = domain or _ANY
        inside = (value for value in values if _within(value, low, high))
        return any(all(_holds(atom, value) for atom in atoms) for value in inside)
    return _bounds_leave_room(positive, domain or _ANY) and not _mixes_types(positive)


def _needs_value(atom: Atom) -> bool:
    return not (atom.operator in ("ne", "not_in") or (atom.operator == "exists" and atom.operand is False))


def _holds(atom: Atom, value: Operand) -> bool:
    return compile_test(Test(((atom.operator, atom.operand),), atom.case))(value) != atom.negated


def _within(value: Operand, low: float, high: float) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return (low, high) == _ANY
    return low <= value <= high


def _bounds_leave_room(atoms: list[Atom], domain: Interval) -> bool:
    low, high = domain
    low_open = high_open = False
    for atom in atoms:
        value = atom.operand
        if atom.operator not in _BOUNDS or isinstance(value, (str, bool)) or not isinstance(value, (int, float)):
            continue
        if atom.operator in ("gt", "ge") and (value > low or (value == low and atom.operator == "gt")):
            low, low_open = value, atom.operator == "gt"
        if atom.operator in ("lt", "le") and (value < high or (value == high and atom.operator == "lt")):
            high, high_open = value, atom.operator == "lt"
    return low < high or (low == high and not low_open and not high_open)


def _mixes_types(atoms: list[Atom]) -> bool:
    """A test that only a number passes, and one that only a text passes."""
    numbers = any(atom.operator in _BOUNDS and isinstance(atom.operand, (int, float)) for atom in atoms)
    texts = any(
        atom.operator in _TEXT_ONLY or (atom.operator in _BOUNDS and isinstance(atom.operand, str)) for atom in atoms
    )
    return numbers and texts


def _options(operand: Operand) -> tuple[Operand, ...]:
    return operand if isinstance(operand, tuple) else (operand,)


# -- ranges of scores ----------------------------------------------------------------------------------------------


def score_ranges(card: Scorecard) -> dict[str, Interval]:
    """The least and greatest value of each score, combined ones included; infinite where nothing bounds it."""
    ranges: dict[str, Interval] = {}
    for score in card.scores:
        total = (score.base, score.base)
        for group in {rule.group for rule in card.rules if rule.score == score.name and rule.group is not None}:
            inside = _sum(rule_range(rule) for rule in card.rules if rule.group == group)
            bounds = next(((one.low, one.high) for one in card.groups if one.name == group), (None, None))
            total = _sum((total, _clamp(inside, *bounds)))
        total = _sum(
            (total, *(rule_range(rule) for rule in card.rules if rule.score == score.name and rule.group is None))
        )
        if score.rollup is not None or score.breadth is not None:
            total = _ANY
        ranges[score.name] = _clamp(total, score.low, score.high)
    for combined in card.combined:
        parts = (_times(_with_zero(ranges.get(name, _ANY)), weight) for name, weight in combined.weights)
        ranges[combined.name] = _clamp(_sum(parts), combined.low, combined.high)
    return ranges


def rule_range(rule: Rule) -> Interval:
    """The least and greatest contribution of a rule at any time, its weight included."""
    return _times(_unweighted(rule), rule.weight)


def _unweighted(rule: Rule) -> Interval:
    match rule:
        case ActivityRule():
            return _activity_range(rule)
        case QuantityRule():
            return _ANY
        case FrequencyRule() | DistinctRule() | RatioRule():
            points = [points for _, points in rule.tiers]
            return _with_zero((min(points), max(points)))
        case InactivityRule():
            points = [points for _, points in rule.after]
            return _with_zero((min(points), max(points)))
        case CompleteRule() | FactRule():
            return _with_zero((rule.points, rule.points))
        case PerUnitRule():
            return _with_zero(_clamp(_ANY, rule.min, rule.max))


def _activity_range(rule: ActivityRule) -> Interval:
    if rule.points == 0:
        return 0.0, 0.0
    most = math.inf
    if rule.limit is not None and rule.limit.per == "ever":
        most = abs(rule.points) * rule.limit.times * max([1.0, *(factor for _, factor in rule.decay.steps)])
    return (0.0, most) if rule.points > 0 else (-most, 0.0)


def _sum(intervals: Iterable[Interval]) -> Interval:
    low = high = 0.0
    for one in intervals:
        low, high = low + one[0], high + one[1]
    return low, high


def _times(interval: Interval, weight: float) -> Interval:
    if weight == 0:
        return 0.0, 0.0
    ends = (interval[0] * weight, interval[1] * weight)
    return min(ends), max(ends)


def _with_zero(interval: Interval) -> Interval:
    return min(interval[0], 0.0), max(interval[1], 0.0)


def _clamp(interval: Interval, low: float | None, high: float | None) -> Interval:
    least = -math.inf if low is None else low
    most = math.inf if high is None else high
    return min(max(interval[0], least), most), max(min(interval[1], most), least)
