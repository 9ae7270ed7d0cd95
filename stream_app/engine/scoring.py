"""From contributions to scores: groups, clamps, combined scores (scoring.md section 4).

`Card` is what a subject scores at one unit. `Outlook` looks ahead: at any later unit, or over a span of them, if
nothing else happens; each unit's contributions are computed once.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from stream_app.engine.moment import Moment, Scores
from stream_app.engine.plan import Plan
from stream_app.engine.rules.base import FactRuleBase
from stream_app.engine.state import Subject


class Extras(Protocol):
    """What a score gets besides its rules: an account's roll-up of its members."""

    def over(self, first: int, last: int) -> tuple[list[float], list[float]]:
        """The least and the greatest, by score of the plan, over the units `first` to `last`."""
        ...


class NoExtras:
    """A lead has none."""

    def __init__(self, scores: int) -> None:
        self.zero = [0.0] * scores

    def over(self, first: int, last: int) -> tuple[list[float], list[float]]:
        return self.zero, self.zero


class Card:
    """A subject's contributions (by rule) and scores at `unit`."""

    def __init__(self, moment: Moment, contributions: list[float]) -> None:
        self.unit = moment.last
        self.moment = moment
        self.contributions = contributions


def contributions_at(plan: Plan, subject: Subject, view: Mapping[str, Any], unit: int) -> list[float]:
    """Every rule's contribution at `unit`."""
    return [
        rule.fact_value(view) if isinstance(rule, FactRuleBase) else rule.value(subject, unit) for rule in plan.rules
    ]


def scores_of(plan: Plan, contributions: list[float], view: Mapping[str, Any], extras: list[float]) -> Scores:
    """All scores, by the plan's positions, from the contributions by rule; None where a score does not apply."""
    scores: Scores = []
    for index, score in enumerate(plan.scores):
        if score.applies_to is not None and not score.applies_to(view):
            scores.append(None)
            continue
        total = score.base + extras[index]
        for rule in score.rules:
            total += contributions[rule]
        for low, high, rules, _ in score.groups:
            part = 0.0
            for rule in rules:
                part += contributions[rule]
            total += clamp(part, low, high)
        scores.append(clamp(total, score.low, score.high))
    for combined in plan.combined:
        if combined.applies_to is not None and not combined.applies_to(view):
            scores.append(None)
            continue
        total = 0.0
        for position, name, weight in combined.parts:
            value = scores[position] if position >= 0 else _number(view.get(name))
            if value is not None:
                total += weight * value
        scores.append(clamp(total, combined.low, combined.high))
    return scores


def span_scores(
    plan: Plan, lows: list[float], highs: list[float], view: Mapping[str, Any], extras: tuple[list[float], list[float]]
) -> tuple[Scores, Scores]:
    """The least and greatest of all scores while each contribution stays within its bounds."""
    low, high = scores_of(plan, lows, view, extras[0]), scores_of(plan, highs, view, extras[1])
    if not plan.mixed:
        return low, high
    for index, combined in enumerate(plan.combined, start=len(plan.scores)):
        if low[index] is None:
            continue
        least = most = 0.0
        for position, name, weight in combined.parts:
            small = low[position] if position >= 0 else _number(view.get(name))
            great = high[position] if position >= 0 else small
            if small is not None and great is not None:
                least += weight * (small if weight >= 0 else great)
                most += weight * (great if weight >= 0 else small)
        low[index], high[index] = (clamp(value, combined.low, combined.high) for value in (least, most))
    return low, high


def clamp(value: float, low: float | None, high: float | None) -> float:
    """`value` inside `[low, high]`; `None` is no bound."""
    if low is not None and value < low:
        return low
    if high is not None and value > high:
        return high
    return value


def _number(value: object) -> float | None:
    return None if isinstance(value, bool) or not isinstance(value, (int, float)) else value


class Outlook:
    """A subject's scores at its unit and later, if nothing else happens."""

    def __init__(self, plan: Plan, subject: Subject, view: dict[str, Any], card: Card, extras: Extras) -> None:
        self.plan = plan
        self.subject = subject
        self.view = view
        self.extras = extras
        self.timed = [index for index in plan.timed_rules if not isinstance(plan.rules[index], FactRuleBase)]
        self.known: dict[int, list[float]] = {card.unit: card.contributions}
        self.base = card.contributions

    def contributions(self, unit: int) -> list[float]:
        """Every rule's contribution at `unit`."""
        found = self.known.get(unit)
        if found is None:
            found = list(self.base)
            rules, subject = self.plan.rules, self.subject
            for index in self.timed:
                found[index] = rules[index].value(subject, unit)
            self.known[unit] = found
        return found

    def at(self, unit: int) -> Card:
        """The card at `unit`."""
        contributions = self.contributions(unit)
        extras, _ = self.extras.over(unit, unit)
        scores = scores_of(self.plan, contributions, self.view, extras)
        return Card(Moment(self.subject, self.view, unit, unit, scores, scores), contributions)

    def over(self, first: int, last: int) -> Moment:
        """What the scores stay within over the units `first` to `last`."""
        if first == last:
            return self.at(first).moment
        lows, highs = list(self.base), list(self.base)
        rules, subject = self.plan.rules, self.subject
        for index in self.timed:
            lows[index], highs[index] = rules[index].bounds(subject, first, last)
        low, high = span_scores(self.plan, lows, highs, self.view, self.extras.over(first, last))
        return Moment(subject, self.view, first, last, low, high)
