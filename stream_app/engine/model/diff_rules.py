"""Rules of two models, edit by edit."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any, Final

from stream_app.engine.model.diff_edit import FROM_NOW_ON, NO_EFFECT, RESTATES, Edit, Effect, Part
from stream_app.engine.model.diff_known import ALL, Knowledge, Known
from stream_app.engine.model.types import InactivityRule, PerUnitRule, QuantityRule, RatioRule, Rule
from stream_app.engine.model.words import (
    condition_words,
    decay_words,
    limit_words,
    number_words,
    points_words,
    rule_points,
    rule_words,
    selector_words,
    span_words,
)

# By field of a rule: its key in the file, its effect (scoring.md section 9), and its words.
_Field = tuple[str, Effect, Callable[[Any], str]]


def _given(words: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda value: "none" if value is None else words(value)


def _values(values: tuple[Any, ...]) -> str:
    return ", ".join(str(value) for value in values)


_FIELDS: Final[dict[str, _Field]] = {
    "score": ("score", RESTATES, str),
    "group": ("group", RESTATES, _given(str)),
    "weight": ("weight", RESTATES, number_words),
    "points": ("points", RESTATES, points_words),
    "decay": ("decay", RESTATES, decay_words),
    "when": ("when", RESTATES, condition_words),
    "fact": ("fact", RESTATES, str),
    "on": ("on", FROM_NOW_ON, selector_words),
    "numerator": ("numerator", FROM_NOW_ON, selector_words),
    "denominator": ("denominator", FROM_NOW_ON, selector_words),
    "limit": ("limit", FROM_NOW_ON, _given(limit_words)),
    "window": ("window", FROM_NOW_ON, span_words),
    "each": ("each", FROM_NOW_ON, points_words),
    "field": ("field", FROM_NOW_ON, str),
    "max": ("max", FROM_NOW_ON, _given(number_words)),
    "min": ("min", FROM_NOW_ON, _given(number_words)),
    "of": ("of", FROM_NOW_ON, str),
    "values": ("values", FROM_NOW_ON, _values),
    "cls": ("class", NO_EFFECT, _given(str)),
    "stage": ("stage", NO_EFFECT, _given(str)),
    "description": ("description", NO_EFFECT, _given(str)),
    "evidence": ("evidence", NO_EFFECT, _given(str)),
}


def rule_edits(part: Part, old: tuple[Rule, ...], new: tuple[Rule, ...], knowledge: Knowledge) -> Iterator[Edit]:
    """The edits that lead from one part's rules to the other's: removed ones, added ones, then changed fields."""
    before, after = {rule.id: rule for rule in old}, {rule.id: rule for rule in new}
    for name, rule in before.items():
        if name not in after:
            yield Edit(part, "rule", name, "", rule_words(rule), None, RESTATES)
    for name, rule in after.items():
        if name not in before:
            known = knowledge.of_rule(rule)
            effect = RESTATES if known == ALL else FROM_NOW_ON
            yield Edit(part, "rule", name, "", None, rule_words(rule), effect, _so_far(known))
        elif before[name] != rule:
            yield from _changed(part, before[name], rule, knowledge.of_rule(rule))


def _changed(part: Part, old: Rule, new: Rule, known: Known) -> Iterator[Edit]:
    if type(old) is not type(new):
        effect = RESTATES if known == ALL else FROM_NOW_ON
        yield Edit(part, "rule", new.id, "kind", rule_words(old), rule_words(new), effect, _so_far(known))
        return
    for field in fields(new):
        was, now = getattr(old, field.name), getattr(new, field.name)
        if was == now:
            continue
        key, effect, before, after = _told(old, new, field.name)
        note = ""
        if effect == FROM_NOW_ON:
            note = "what is known already counts at once" if known == ALL else _so_far(known)
        elif effect == RESTATES and known:
            note = f"as far as possible: {known}"
        yield Edit(part, "rule", new.id, key, before, after, effect, note)


def _told(old: Rule, new: Rule, name: str) -> tuple[str, Effect, str, str]:
    """A field's key, effect, and words before and after."""
    if name in ("tiers", "after"):
        was, now = getattr(old, name), getattr(new, name)
        # An age in `after` is held against what is known: the latest activity. A tier's number decides what is counted.
        same = [step[0] for step in was] == [step[0] for step in now]
        return (
            name,
            RESTATES if same or isinstance(new, InactivityRule) else FROM_NOW_ON,
            rule_points(old),
            rule_points(new),
        )
    key, effect, words = _FIELDS[name]
    if isinstance(new, PerUnitRule) and name in ("each", "min", "max"):
        effect = RESTATES  # the fact itself is known
    if isinstance(new, QuantityRule) and name == "each":
        return key, effect, rule_points(old), rule_points(new)
    if isinstance(new, RatioRule) and name == "min":
        words = number_words
    return key, effect, words(getattr(old, name)), words(getattr(new, name))


def _so_far(known: Known) -> str:
    return f"at once as far as possible: {known}" if known else ""
