"""Rules of every kind, from the document to their frozen form (scoring.md section 3)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from stream_app.engine.conditions import fields_of
from stream_app.engine.model.cursor import MAX_NAME, Cursor, unknown
from stream_app.engine.model.names import Names
from stream_app.engine.model.problems import shown, suggestion
from stream_app.engine.model.read_conditions import read_condition, read_selector
from stream_app.engine.model.rule_parts import (
    MAX_COUNT,
    by_age,
    count_tiers,
    field_at,
    number_at,
    points_at,
    ratio_tiers,
    read_decay,
    read_limit,
    read_values,
    window_at,
)
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
    Not,
    PerUnitRule,
    QuantityRule,
    RatioRule,
    Rule,
)
from stream_app.engine.times import MINUTE

MAX_RULES: Final = 5_000
EVIDENCE: Final = ("data", "sales", "customer", "judgement")
COMMON: Final = ("id", "kind", "score", "group", "class", "stage", "weight", "description", "evidence")


@dataclass(frozen=True, slots=True)
class Frame:
    """What reading a rule needs to know of the model round it."""

    names: Names
    longest: int  # the longest window, ms
    audience: str
    group_scores: dict[str, str]  # group -> the score it belongs to
    taken: dict[str, str]  # the rules' ids met so far, in the whole model, and where they stand


def read_rules(at: Cursor | None, frame: Frame) -> tuple[Rule, ...]:
    """Every rule of a scorecard."""
    if at is None:
        return ()
    rules = []
    for item in at.items("a list of rules", MAX_RULES, empty=True):
        rule = _read_rule(item, frame)
        if rule is not None:
            _claim(item, rule.id, frame.taken)
            rules.append(rule)
    return tuple(rules)


def _claim(at: Cursor, rule_id: str, taken: dict[str, str]) -> None:
    where = at.get("id")
    if where is None or not rule_id:
        return
    if rule_id in taken:
        where.problem(f"expected an id of its own, found {shown(rule_id)}, which {taken[rule_id]} has too")
    taken.setdefault(rule_id, at.path)


def _read_rule(at: Cursor, frame: Frame) -> Rule | None:
    if not isinstance(at.node.value, dict):
        at.expected("a rule, such as {id: demo, kind: activity, score: engagement, on: {type: demo}, points: 10}")
        return None
    kind_at = at.need("kind", "a kind of rule, such as activity")
    kind = kind_at.node.value if kind_at is not None else None
    if not isinstance(kind, str) or kind not in _KINDS:
        if kind_at is not None:
            hint = suggestion(kind, _KINDS) if isinstance(kind, str) else ""
            kind_at.problem(f"expected a kind of rule: {', '.join(_KINDS)}; found {shown(kind)}{hint}")
        _common(at, frame)
        return None
    own, make = _KINDS[kind]
    at.keys((*COMMON, *own), "a rule")
    return _mute_free_mail(make(at, frame, _common(at, frame)), frame.audience)


def _common(at: Cursor, frame: Frame) -> dict[str, Any]:
    """The keys that every rule has."""
    rule_id = at.need("id", "a name of its own")
    score = at.need("score", "the score it feeds")
    score_name = score.known(frame.names.scores, "score that rules feed") if score is not None else ""
    group = at.get("group")
    if group is not None:
        _check_group(group, score_name, frame)
    weight, evidence = at.get("weight"), at.get("evidence")
    return {
        "id": rule_id.name("an id") if rule_id is not None else "",
        "score": score_name,
        "group": str(group.node.value) if group is not None else None,
        "cls": _optional_name(at, "class"),
        "stage": _optional_name(at, "stage"),
        "weight": weight.number("a weight") if weight is not None else 1.0,
        "description": _optional_text(at, "description"),
        "evidence": evidence.choice(EVIDENCE, "the evidence") if evidence is not None else None,
    }


def _check_group(at: Cursor, score: str, frame: Frame) -> None:
    name = at.text("the name of a group", MAX_NAME)
    if name and name not in frame.names.groups:
        at.problem(unknown(name, frame.names.groups, "group"))
    elif name and score and frame.group_scores.get(name, score) != score:
        at.problem(f'expected a group of the score "{score}", found {shown(name)}, of "{frame.group_scores[name]}"')


def _optional_name(at: Cursor, key: str) -> str | None:
    found = at.get(key)
    return found.name(f"a {key}") if found is not None else None


def _optional_text(at: Cursor, key: str) -> str | None:
    found = at.get(key)
    return found.text(f"a {key}") if found is not None else None


# -- kinds ---------------------------------------------------------------------------------------------------------


def _activity(at: Cursor, frame: Frame, common: dict[str, Any]) -> Rule:
    return ActivityRule(
        **common,
        on=read_selector(at.need("on", "a selector")),
        points=points_at(at),
        limit=read_limit(at.get("limit")),
        decay=read_decay(at.get("decay")),
    )


def _quantity(at: Cursor, frame: Frame, common: dict[str, Any]) -> Rule:
    top = at.get("max")
    return QuantityRule(
        **common,
        on=read_selector(at.need("on", "a selector")),
        each=number_at(at, "each", "points for each one of the field"),
        field=field_at(at, "field", "the name of a property"),
        max=top.number("a greatest number of points") if top is not None else None,
        limit=read_limit(at.get("limit")),
        decay=read_decay(at.get("decay")),
    )


def _frequency(at: Cursor, frame: Frame, common: dict[str, Any]) -> Rule:
    on = read_selector(at.need("on", "a selector"))
    return FrequencyRule(**common, on=on, window=window_at(at, frame.longest), tiers=count_tiers(at, "tiers"))


def _distinct(at: Cursor, frame: Frame, common: dict[str, Any]) -> Rule:
    return DistinctRule(
        **common,
        on=read_selector(at.need("on", "a selector")),
        of=field_at(at, "of", "the name of a property"),
        window=window_at(at, frame.longest),
        tiers=count_tiers(at, "tiers"),
    )


def _complete(at: Cursor, frame: Frame, common: dict[str, Any]) -> Rule:
    return CompleteRule(
        **common,
        on=read_selector(at.need("on", "a selector")),
        of=field_at(at, "of", "the name of a property"),
        values=read_values(at.need("values", "a list of values")),
        window=window_at(at, frame.longest),
        points=points_at(at),
    )


def _ratio(at: Cursor, frame: Frame, common: dict[str, Any]) -> Rule:
    least = at.need("min", "the least number of denominator activities")
    return RatioRule(
        **common,
        numerator=read_selector(at.need("numerator", "a selector")),
        denominator=read_selector(at.need("denominator", "a selector")),
        window=window_at(at, frame.longest),
        min=least.integer("a whole number", 1, MAX_COUNT) if least is not None else 1,
        tiers=ratio_tiers(at),
    )


def _fact(at: Cursor, frame: Frame, common: dict[str, Any]) -> Rule:
    when = at.need("when", "a condition on facts")
    condition = read_condition(when, frame.names) if when is not None else All(())
    return FactRule(**common, when=condition, points=points_at(at))


def _per_unit(at: Cursor, frame: Frame, common: dict[str, Any]) -> Rule:
    low, high = at.get("min"), at.get("max")
    least = low.number("a least number of points") if low is not None else None
    most = high.number("a greatest number of points") if high is not None else None
    if high is not None and least is not None and most is not None and least > most:
        high.problem(f"expected a max not below min, found {most:g} below {least:g}")
    fact = frame.names.resolve(field_at(at, "fact", "the name of a fact"))
    return PerUnitRule(**common, fact=fact, each=number_at(at, "each", "points for each one"), min=least, max=most)


def _inactivity(at: Cursor, frame: Frame, common: dict[str, Any]) -> Rule:
    after = at.need("after", "ages with points, such as {10d: -5, 30d: -15}")
    steps = by_age(after, "ages with points", MINUTE, "points") if after is not None else ()
    return InactivityRule(**common, on=read_selector(at.need("on", "a selector")), after=steps)


_Make = Callable[[Cursor, Frame, dict[str, Any]], Rule]
_KINDS: Final[dict[str, tuple[tuple[str, ...], _Make]]] = {
    "activity": (("on", "points", "limit", "decay"), _activity),
    "quantity": (("on", "each", "field", "max", "limit", "decay"), _quantity),
    "frequency": (("on", "window", "tiers"), _frequency),
    "distinct": (("on", "of", "window", "tiers"), _distinct),
    "complete": (("on", "of", "values", "window", "points"), _complete),
    "ratio": (("numerator", "denominator", "window", "min", "tiers"), _ratio),
    "fact": (("when", "points"), _fact),
    "per_unit": (("fact", "each", "min", "max"), _per_unit),
    "inactivity": (("on", "after"), _inactivity),
}
KINDS: Final = tuple(_KINDS)


# -- audience ------------------------------------------------------------------------------------------------------


def _mute_free_mail(rule: Rule, audience: str) -> Rule:
    """Free-mail addresses are a spam sign only for a business audience (model.example.yaml, `audience`): for consumers
    a rule of class `spam`, or one that takes points away, does not see `free_mail`."""
    if audience != "consumer" or not isinstance(rule, FactRule) or "free_mail" not in fields_of(rule.when):
        return rule
    if rule.cls != "spam" and rule.points * rule.weight >= 0:
        return rule
    return replace(rule, when=_without_free_mail(rule.when))


def _without_free_mail(condition: Any) -> Condition:
    match condition:
        case FieldIs("free_mail", _):
            return AnyOf(())  # never holds
        case All(parts):
            return All(tuple(_without_free_mail(part) for part in parts))
        case AnyOf(parts):
            return AnyOf(tuple(_without_free_mail(part) for part in parts))
        case Not(part):
            return Not(_without_free_mail(part))
    return condition  # type: ignore[no-any-return]
