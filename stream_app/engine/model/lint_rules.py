"""Rules that can never match, tiers that can never be reached, points that never count."""

import itertools
from collections.abc import Iterator

from stream_app.engine.conditions import compile_test
from stream_app.engine.model.domains import domains
from stream_app.engine.model.finding import Finding
from stream_app.engine.model.lint_overlaps import selector_covers
from stream_app.engine.model.possible import Domain, can_hold
from stream_app.engine.model.types import (
    ActivityRule,
    All,
    AnyOf,
    CompleteRule,
    Condition,
    DistinctRule,
    FactRule,
    FieldIs,
    FrequencyRule,
    InactivityRule,
    PerUnitRule,
    QuantityRule,
    RatioRule,
    Rule,
    Scorecard,
    Selector,
    Test,
)

CRM_TYPES = frozenset(("stage_set", "outcome", "feedback", "suppress", "unsuppress", "owner_set", "unlink"))
_NUMBERLESS = frozenset(("email_domain", "free_mail"))


def lint_rules(card: Scorecard, prefix: str, audience: str) -> Iterator[Finding]:
    """Findings about each rule by itself."""
    domain = domains(card)
    for at, rule in enumerate(card.rules):
        path = f"{prefix}rules[{at}]"
        yield from _never(rule, path, domain, audience)
        yield from _tiers(rule, path)
        yield from _pointless(rule, path)


def selectors_of(rule: Rule) -> tuple[Selector, ...]:
    """The selectors of a rule; none for rules on facts."""
    if isinstance(rule, RatioRule):
        return (rule.numerator, rule.denominator)
    return () if isinstance(rule, (FactRule, PerUnitRule)) else (rule.on,)


def _never(rule: Rule, path: str, domain: Domain, audience: str) -> Iterator[Finding]:
    for selector in selectors_of(rule):
        if selector.where is not None and not can_hold(selector.where, _properties):
            yield Finding(
                "error", "never-matches", path, f'"{rule.id}" can never match: its `where` contradicts itself'
            )
    if isinstance(rule, FactRule) and not can_hold(rule.when, domain):
        if audience == "consumer" and _is_muted(rule.when):
            message = f'"{rule.id}" never counts: free mail is no spam sign for a consumer audience'
            yield Finding("note", "free-mail-for-consumers", path, message)
        else:
            message = f'"{rule.id}" can never match: its `when` contradicts itself'
            yield Finding("error", "never-matches", path, message)
    if isinstance(rule, PerUnitRule) and rule.fact in _NUMBERLESS:
        yield Finding("error", "never-matches", path, f'"{rule.id}" can never match: {rule.fact} is no number')
    if isinstance(rule, CompleteRule):
        yield from _incomplete(rule, path)


def _properties(thing: tuple[str, object]) -> None:
    return None  # a property can be anything


def _is_muted(condition: object) -> bool:
    if isinstance(condition, AnyOf) and not condition.parts:
        return True
    return isinstance(condition, (All, AnyOf)) and any(_is_muted(part) for part in condition.parts)


def _incomplete(rule: CompleteRule, path: str) -> Iterator[Finding]:
    """Values that the rule's own `where` keeps out."""
    for test in _tests_on(rule.on.where, rule.of):
        holds = compile_test(test)
        shut_out = [str(value) for value in rule.values if not holds(value)]
        if shut_out:
            message = f'"{rule.id}" can never be complete: its `where` keeps out {", ".join(shut_out)}'
            yield Finding("error", "never-complete", path, message)


def _tests_on(condition: Condition | None, name: str) -> Iterator[Test]:
    """The tests on one field that must hold for the whole condition to."""
    if isinstance(condition, FieldIs) and condition.name == name:
        yield condition.test
    elif isinstance(condition, All):
        for part in condition.parts:
            if isinstance(part, (FieldIs, All)):
                yield from _tests_on(part, name)


def _tiers(rule: Rule, path: str) -> Iterator[Finding]:
    if isinstance(rule, (FrequencyRule, DistinctRule, RatioRule)):
        steps = [(f"{at:g}", points) for at, points in rule.tiers]
        yield from _repeated(rule.id, steps, path, "tier")
    if isinstance(rule, InactivityRule):
        yield from _repeated(rule.id, [(str(at), points) for at, points in rule.after], path, "step")
    if isinstance(rule, DistinctRule):
        yield from _too_few_values(rule, path)
    if isinstance(rule, RatioRule) and selector_covers(rule.denominator, rule.numerator):
        for ratio, _ in rule.tiers:
            if ratio > 1:
                message = f'"{rule.id}": the tier {ratio:g} is never reached, for each numerator is a denominator too'
                yield Finding("error", "unreachable-tier", path, message)


def _too_few_values(rule: DistinctRule, path: str) -> Iterator[Finding]:
    for test in _tests_on(rule.on.where, rule.of):
        options = {str(one).casefold() for one in _allowed(test)}
        for count, _ in rule.tiers:
            if options and count > len(options):
                message = f'"{rule.id}": the tier {count} is never reached, for `where` allows {len(options)} values'
                yield Finding("error", "unreachable-tier", path, message)


def _allowed(test: Test) -> tuple[object, ...]:
    for operator, operand in test.checks:
        if operator == "eq":
            return (operand,)
        if operator == "in" and isinstance(operand, tuple):
            return operand
    return ()


def _repeated(rule_id: str, steps: list[tuple[str, float]], path: str, what: str) -> Iterator[Finding]:
    for (_, before), (name, points) in itertools.pairwise(steps):
        if points == before:
            label = name if what == "tier" else f"{int(name) // 86_400_000}d"
            message = f'"{rule_id}": the {what} {label} changes nothing, its points are those of the one before'
            yield Finding("warning", "idle-tier", path, message)


def _pointless(rule: Rule, path: str) -> Iterator[Finding]:
    if rule.weight == 0:
        yield Finding("note", "switched-off", path, f'"{rule.id}" is switched off by its weight of 0')
    elif _all_points_zero(rule):
        yield Finding("warning", "no-points", path, f'"{rule.id}" never adds anything: all its points are 0')


def _all_points_zero(rule: Rule) -> bool:
    if isinstance(rule, (FrequencyRule, DistinctRule, RatioRule)):
        return not any(points for _, points in rule.tiers)
    if isinstance(rule, InactivityRule):
        return not any(points for _, points in rule.after)
    if isinstance(rule, (QuantityRule, PerUnitRule)):
        return rule.each == 0
    if isinstance(rule, ActivityRule) and rule.decay.kind == "steps" and not any(one for _, one in rule.decay.steps):
        return rule.decay.steps[0][0] == 0
    return rule.points == 0
