"""Rules that say the same twice, contradict each other, or count the same activities."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

from stream_app.engine.model.finding import Finding
from stream_app.engine.model.implied import Alternative, TooManyAlternatives, alternatives, covers
from stream_app.engine.model.types import (
    ActivityRule,
    All,
    FactRule,
    LadderCondition,
    QuantityRule,
    RatioRule,
    Rule,
    Scorecard,
    Selector,
)

# Comparing every pair would take too long for thousands of rules; beyond this many comparisons the rest are left out.
MAX_COMPARISONS: Final = 60_000
MAX_NAMED: Final = 10
_NOT_COMPARED: Final = frozenset(("id", "description", "evidence", "stage", "cls", "weight"))
_AMOUNTS: Final = frozenset(("points", "tiers", "each", "after", "max", "min"))


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a rule counts, ready to compare."""

    path: str
    rule: Rule
    channels: frozenset[str] | None
    types: frozenset[str] | None
    where: tuple[Alternative, ...]
    about: frozenset[object]  # what every alternative of `where` is about


def lint_overlaps(card: Scorecard, prefix: str) -> Iterator[Finding]:
    """Duplicates (the same rule twice), contradictions (one gives what another takes) and overlaps, by name."""
    paths = {rule.id: f"{prefix}rules[{at}]" for at, rule in enumerate(card.rules)}
    yield from _same(card, paths)
    yield from _overlapping(card, paths)


def selector_covers(wide: Selector, narrow: Selector) -> bool:
    """Whether every activity that `narrow` chooses `wide` chooses too, as far as their structure tells."""
    try:
        return _words_cover(wide.channels, narrow.channels) and (
            _words_cover(wide.types, narrow.types)
            and _where_covers(tuple(alternatives(_where(wide))), tuple(alternatives(_where(narrow))))
        )
    except TooManyAlternatives:
        return False


def _same(card: Scorecard, paths: dict[str, str]) -> Iterator[Finding]:
    """Rules with equal bodies, found by their bodies."""
    bodies: defaultdict[tuple[object, ...], list[Rule]] = defaultdict(list)
    for rule in card.rules:
        bodies[_body(rule, _NOT_COMPARED | _AMOUNTS | {"group"})].append(rule)
    for rules in bodies.values():
        seen: dict[tuple[object, ...], Rule] = {}
        for rule in rules:
            first = seen.setdefault(_body(rule, _NOT_COMPARED), rule)
            if first is not rule:
                message = f'"{rule.id}" and "{first.id}" are the same rule twice'
                yield Finding("warning", "duplicate", paths[rule.id], message)
        yield from _contradictions(rules, paths)


def _contradictions(rules: list[Rule], paths: dict[str, str]) -> Iterator[Finding]:
    """Equal conditions of which one adds and one subtracts."""
    first = rules[0]
    for rule in rules[1:]:
        before, after = _sign(first), _sign(rule)
        if before * after < 0:
            message = f'"{rule.id}" contradicts "{first.id}": one adds, the other takes away, on the same condition'
            yield Finding("warning", "contradiction", paths[rule.id], message)


def _sign(rule: Rule) -> float:
    if isinstance(rule, (ActivityRule, FactRule)):
        return rule.points * rule.weight
    return rule.each * rule.weight if isinstance(rule, QuantityRule) else 0


def _body(rule: Rule, without: "frozenset[str] | set[str]") -> tuple[object, ...]:
    values = ((one.name, getattr(rule, one.name)) for one in fields(rule) if one.name not in without)
    return (type(rule).__name__, *values)


def _overlapping(card: Scorecard, paths: dict[str, str]) -> Iterator[Finding]:
    buckets: defaultdict[tuple[str, str], list[_Scope]] = defaultdict(list)
    for rule in card.rules:
        scope = _scope(rule, paths[rule.id])
        if scope is not None:
            buckets[(rule.score, "fact" if isinstance(rule, FactRule) else "activity")].append(scope)
    left = MAX_COMPARISONS
    for scopes in buckets.values():
        for wide in scopes:
            left -= len(scopes)
            if left < 0:
                message = "too many rules to compare them all with each other; some overlaps may be missing"
                yield Finding("note", "overlaps-not-searched", "", message)
                return
            yield from _inside(wide, scopes)


def _inside(wide: _Scope, scopes: list[_Scope]) -> Iterator[Finding]:
    """The rules whose activities another rule counts as well, said once for the wider one."""
    inside = [one.rule.id for one in scopes if one is not wide and _narrower(wide, one)]
    if inside:
        named = ", ".join(f'"{name}"' for name in inside[:MAX_NAMED])
        more = f" and {len(inside) - MAX_NAMED} more" if len(inside) > MAX_NAMED else ""
        message = f'"{wide.rule.id}" also counts whatever {named}{more} counts'
        yield Finding("note", "overlap", wide.path, message)


def _narrower(wide: _Scope, narrow: _Scope) -> bool:
    """Whether `wide` covers `narrow`, and not the other way round (duplicates are said elsewhere)."""
    if not wide.about <= narrow.about:
        return False
    if not (_words_cover(wide.channels, narrow.channels) and _words_cover(wide.types, narrow.types)):
        return False
    if not _where_covers(wide.where, narrow.where):
        return False
    same_words = wide.channels == narrow.channels and wide.types == narrow.types
    return not (same_words and _where_covers(narrow.where, wide.where))


def _scope(rule: Rule, path: str) -> _Scope | None:
    """What a rule that adds points counts; `None` for kinds that don't add up (fact on a number, silence, ratios)."""
    if _sign(rule) <= 0:
        return None
    try:
        if isinstance(rule, FactRule):
            where = tuple(alternatives(rule.when))
            return _Scope(path, rule, None, None, where, _about(where))
        if isinstance(rule, ActivityRule) and not isinstance(rule, RatioRule):
            where = tuple(alternatives(_where(rule.on)))
            return _Scope(path, rule, rule.on.channels, rule.on.types, where, _about(where))
    except TooManyAlternatives:
        return None
    return None


def _about(where: tuple[Alternative, ...]) -> frozenset[object]:
    things = [frozenset[object](atom.about for atom in one) for one in where]
    return frozenset.intersection(*things) if things else frozenset()


def _where(selector: Selector) -> LadderCondition:
    return selector.where if selector.where is not None else All(())


def _words_cover(wide: frozenset[str] | None, narrow: frozenset[str] | None) -> bool:
    return wide is None or (narrow is not None and narrow <= wide)


def _where_covers(wide: tuple[Alternative, ...], narrow: tuple[Alternative, ...]) -> bool:
    return all(any(covers(one, target) for target in wide) for one in narrow)
