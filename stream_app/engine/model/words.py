"""Conditions and rules in words, as people read them: for `show`, `lint`, explanations and differences."""

from collections.abc import Iterable
from typing import Final

from stream_app.engine.model.types import (
    ActivityRule,
    All,
    AnyOf,
    BandIs,
    CompleteRule,
    Decay,
    DistinctRule,
    FactRule,
    FieldIs,
    FrequencyRule,
    GradeIs,
    InactivityRule,
    LadderCondition,
    Limit,
    MachineRule,
    Not,
    Operand,
    PerUnitRule,
    QuantityRule,
    RatioRule,
    Rule,
    ScoreIs,
    Selector,
    Signal,
    Test,
)
from stream_app.engine.times import DAY, format_duration

_SHOWN: Final = 8
_VERBS: Final = {
    "eq": "is",
    "ne": "is not",
    "lt": "<",
    "le": "≤",
    "gt": ">",
    "ge": "≥",
    "glob": "like",
    "regex": "matches",
    "contains": "contains",
    "prefix": "begins with",
    "suffix": "ends with",
}


def number_words(value: float) -> str:
    """A number as short as it can be."""
    return f"{value:.12g}"


def points_words(value: float) -> str:
    """Points with their sign."""
    return f"{value:+.12g}" if value else "0"


def span_words(milliseconds: int) -> str:
    """A duration in days where it is whole days: `14d`, `12h`."""
    return f"{milliseconds // DAY}d" if milliseconds % DAY == 0 else format_duration(milliseconds)


def test_words(test: Test) -> str:
    """What follows the name of the field: `is US`, `≥ 5 and < 10`."""
    words = " and ".join(_check_words(operator, operand) for operator, operand in test.checks)
    return f"{words} (case counts)" if test.case else words


def _check_words(operator: str, operand: Operand) -> str:
    options = operand if isinstance(operand, tuple) else (operand,)
    if operator == "in":
        return f"is {_either(options)}"
    if operator == "not_in":
        return f"is neither {_list(options, 'nor')}" if len(options) > 1 else f"is not {_list(options, 'nor')}"
    if operator == "between":
        return f"is {_value(options[0])} to {_value(options[1])}"
    if operator == "exists":
        return "is known" if operand else "is missing"
    return f"{_VERBS[operator]} {_value(operand)}"


def condition_words(condition: LadderCondition, inside: bool = False) -> str:
    """A condition on fields or of a ladder; in brackets where it stands `inside` another."""
    match condition:
        case FieldIs(name, test) | ScoreIs(name, test) | BandIs(name, test):
            return f"{name} {test_words(test)}"
        case GradeIs(name, test):
            return f"grade {name} {test_words(test)}"
        case Signal(on, within):
            return f"{selector_words(on)} within {span_words(within)}"
        case Not(part):
            return f"not ({condition_words(part)})"
        case All(parts) | AnyOf(parts):
            link = " and " if isinstance(condition, All) else " or "
            if not parts:
                return "always" if isinstance(condition, All) else "never"
            joined = link.join(condition_words(part, len(parts) > 1) for part in parts)
            return f"({joined})" if inside and len(parts) > 1 else joined


def selector_words(selector: Selector) -> str:
    """Which activities: `web page_view, path like /pricing*`."""
    channels = _either(sorted(selector.channels)) if selector.channels else ""
    types = _either(sorted(selector.types)) if selector.types else "activity"
    what = " ".join(word for word in (channels, types) if word)
    if not selector.channels and not selector.types:
        what = "any activity"
    return f"{what}, {condition_words(selector.where)}" if selector.where is not None else what


def rule_what(rule: Rule) -> str:
    """What makes a rule count."""
    match rule:
        case FactRule():
            return condition_words(rule.when)
        case PerUnitRule():
            return f"{rule.fact} is a number"
        case RatioRule():
            return f"{selector_words(rule.numerator)} per {selector_words(rule.denominator)}"
        case CompleteRule():
            return f"{selector_words(rule.on)}; {rule.of}: all of {_list(rule.values, 'and')}"
        case DistinctRule():
            return f"{selector_words(rule.on)}; different {rule.of}"
        case InactivityRule():
            return f"no {selector_words(rule.on)}"
    return selector_words(rule.on)


def rule_points(rule: Rule) -> str:
    """What a rule adds, its weight apart."""
    match rule:
        case QuantityRule():
            most = f", at most {number_words(rule.max)}" if rule.max is not None else ""
            return f"{points_words(rule.each)} per {rule.field}{most}"
        case PerUnitRule():
            least = f", at least {number_words(rule.min)}" if rule.min is not None else ""
            most = f", at most {number_words(rule.max)}" if rule.max is not None else ""
            return f"{points_words(rule.each)} each{least}{most}"
        case FrequencyRule() | DistinctRule():
            return ", ".join(f"{points_words(points)} from {count}" for count, points in rule.tiers)
        case RatioRule():
            return ", ".join(
                f"{points_words(points)} from {number_words(ratio * 100)} %" for ratio, points in rule.tiers
            )
        case InactivityRule():
            return ", ".join(f"{points_words(points)} after {span_words(age)}" for age, points in rule.after)
        case ActivityRule():
            return f"{points_words(rule.points)} each"
    return points_words(rule.points)


def rule_terms(rule: Rule) -> str:
    """Weight, limit, decay and window: what qualifies the points."""
    terms = [f"weight {number_words(rule.weight)}"] if rule.weight != 1 else []
    if isinstance(rule, (ActivityRule, QuantityRule)):
        terms += [limit_words(rule.limit)] if rule.limit is not None else []
        terms += [decay_words(rule.decay)] if rule.decay.kind != "none" else []
    if isinstance(rule, (FrequencyRule, DistinctRule, CompleteRule, RatioRule)):
        terms.append(f"in {span_words(rule.window)}")
    if isinstance(rule, RatioRule):
        terms.append(f"once there are {rule.min}")
    return "; ".join(terms)


def rule_words(rule: Rule) -> str:
    """A rule in one sentence."""
    terms = rule_terms(rule)
    return f"{rule_what(rule)}: {rule_points(rule)} {rule.score}" + (f" ({terms})" if terms else "")


def machine_words(rule: MachineRule) -> str:
    """What a rule takes for a machine's."""
    if rule.scanner is not None:
        anywhere = rule.on.channels is None and rule.on.types is None and rule.on.where is None
        what = "anything" if anywhere else selector_words(rule.on)
        return f"{what} whose {rule.scanner} is a known scanner"
    if rule.sweep is not None:
        sweep = rule.sweep
        return f"{selector_words(rule.on)}: {sweep.links} different {sweep.link} of one {sweep.mail} within {sweep.within // 1000} s"
    return selector_words(rule.on)


def limit_words(limit: Limit) -> str:
    """How many count."""
    return f"{limit.times} ever" if limit.per == "ever" else f"{limit.times} a {limit.per}"


def decay_words(decay: Decay) -> str:
    """How points fade."""
    span = span_words(decay.span)
    if decay.kind == "half_life":
        return f"halves every {span}"
    if decay.kind == "linear":
        return f"fades to nothing in {span}"
    if decay.kind == "expire":
        return f"gone after {span}"
    if decay.kind == "steps":
        return ", ".join(f"{number_words(factor * 100)} % from {span_words(age)}" for age, factor in decay.steps)
    return "lasts"


def _value(value: Operand) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_words(value)
    text = str(value)
    return f'"{text}"' if not text or " " in text else text


def _either(values: Iterable[Operand]) -> str:
    return _list(values, "or")


def _list(values: Iterable[Operand], word: str) -> str:
    """`a, b or c`; a long list is cut short."""
    items = [_value(value) for value in values]
    if len(items) > _SHOWN:
        items = [*items[: _SHOWN - 1], f"{len(items) - _SHOWN + 1} more"]
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {word} {items[-1]}"
