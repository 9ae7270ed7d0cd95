"""Durations that the model's resolution can't tell apart (scoring.md section 1)."""

from collections.abc import Iterator

from stream_app.engine.model.depends import walk
from stream_app.engine.model.finding import Finding
from stream_app.engine.model.types import (
    ActivityRule,
    CompleteRule,
    DistinctRule,
    FrequencyRule,
    InactivityRule,
    Model,
    QuantityRule,
    RatioRule,
    Rule,
    Scorecard,
    Signal,
)
from stream_app.engine.times import DAY, format_duration


def lint_times(model: Model) -> Iterator[Finding]:
    """Windows, decays and waits that are not a whole number of units."""
    unit = model.resolution
    if DAY % unit:
        message = f"a day is not a whole number of units of {format_duration(unit)}: units drift against days"
        yield Finding("note", "odd-resolution", "resolution", message)
    for card, prefix in ((model.lead, ""), (model.account, "account.")):
        for path, name, duration in _durations(card, prefix):
            if duration % unit:
                message = (
                    f"{name} of {format_duration(duration)} is no whole number of units of {format_duration(unit)}; "
                    f"ages are whole units, so it acts like {format_duration(-(-duration // unit) * unit)}"
                )
                yield Finding("warning", "broken-unit", path, message)


def _durations(card: Scorecard, prefix: str) -> Iterator[tuple[str, str, int]]:
    for at, rule in enumerate(card.rules):
        for name, duration in _of_rule(rule):
            yield f"{prefix}rules[{at}]", f'"{rule.id}": {name}', duration
    for ladder in card.ladders:
        for at, stage in enumerate(ladder.stages):
            path = f"{prefix}ladders.{ladder.name}[{at}]"
            conditions = [one for one in (stage.enter, stage.hold, stage.blocked_by) if one is not None]
            windows = {part.within for one in conditions for part in walk(one) if isinstance(part, Signal)}
            for within in sorted(windows):
                yield path, f'"{stage.name}": a signal\'s within', within


def _of_rule(rule: Rule) -> list[tuple[str, int]]:
    if isinstance(rule, (FrequencyRule, DistinctRule, CompleteRule, RatioRule)):
        return [("a window", rule.window)]
    if isinstance(rule, InactivityRule):
        return [("a step", age) for age, _ in rule.after]
    if isinstance(rule, (ActivityRule, QuantityRule)):
        # A half-life or a line is smooth: nothing turns on its end.
        if rule.decay.kind == "expire":
            return [("an expiry", rule.decay.span)]
        return [("a step of the decay", age) for age, _ in rule.decay.steps]
    return []
