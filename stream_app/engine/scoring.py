"""From contributions to scores: groups, clamps, combined scores (scoring.md section 4).

`Card` is what a subject scores at one unit. `Outlook` looks ahead: at any other unit, or over a span of them, if
nothing else happens; each unit's contributions are computed once.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from stream_app.engine.moment import Moment, Scores
from stream_app.engine.plan import Plan
from stream_app.engine.state import Subject

_NEVER = 1 << 61  # units: whatever changes later does not change
Points = tuple[list[float], list[float]]


class Extras(Protocol):
    """What scores get besides their rules: an account's roll-up of its members."""

    def over(self, first: int, last: int) -> Points:
        """The least and the greatest, by score of the plan, over the units `first` to `last`."""
        ...


class Card:
    """A subject's contributions (by rule) and scores at `unit`.

    Before the unit `until[rule]` a rule's contribution stays what it is, if nothing happens.
    """

    def __init__(self, unit: int, contributions: list[float], until: list[int], moment: Moment) -> None:
        self.unit = unit
        self.contributions = contributions
        self.until = until
        self.moment = moment
        self.scores: Scores = moment.low


def contributions_at(plan: Plan, subject: Subject, view: Mapping[str, Any], unit: int) -> list[float]:
    """Every rule's contribution at `unit`."""
    found = [0.0] * len(plan.rules)  # most stay 0, and then share one object
    for index, rule in enumerate(plan.rules):
        value = rule.fact_value(view) if rule.on_facts else rule.value(subject, unit)
        if value != 0:
            found[index] = value
    return found


def scores_of(plan: Plan, contributions: list[float], view: Mapping[str, Any], extras: list[float] | None) -> Scores:
    """All scores, by the plan's positions, from the contributions by rule; None where a score does not apply."""
    scores: Scores = []
    for index, score in enumerate(plan.scores):
        if score.applies_to is not None and not score.applies_to(view):
            scores.append(None)
            continue
        total = score.base
        if extras is not None:
            total += extras[index]
        for rule in score.rules:
            total += contributions[rule]
        for group in score.groups:
            part = 0.0
            for rule in group.rules:
                part += contributions[rule]
            total += clamp(part, group.low, group.high)
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
    plan: Plan, lows: list[float], highs: list[float], view: Mapping[str, Any], extras: Points | None
) -> tuple[Scores, Scores]:
    """The least and greatest of all scores while each contribution stays within its bounds."""
    low = scores_of(plan, lows, view, None if extras is None else extras[0])
    high = scores_of(plan, highs, view, None if extras is None else extras[1])
    if plan.mixed:
        _recombine(plan, low, high, view)
    return low, high


def _recombine(plan: Plan, low: Scores, high: Scores, view: Mapping[str, Any]) -> None:
    """Where a weight is negative, a combined score is least when that part is greatest."""
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
        low[index] = clamp(least, combined.low, combined.high)
        high[index] = clamp(most, combined.low, combined.high)


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
    """A subject's scores at any unit since its latest activity if nothing else happens; `card` is one of them.

    From `card`'s unit on, only the rules whose contribution may have changed by then are computed again.
    """

    def __init__(
        self, plan: Plan, subject: Subject, view: Mapping[str, Any], card: Card, extras: Extras | None
    ) -> None:
        self.plan = plan
        self.subject = subject
        self.view = view
        self.extras = extras
        self.card = card
        self.cards: dict[int, Card] = {card.unit: card}
        # The rules whose contribution may still change after the card's unit.
        self.live: list[int] = [index for index in plan.timed_rules if card.until[index] < _NEVER]

    def contributions(self, unit: int) -> list[float]:
        """Every rule's contribution at `unit`."""
        found = list(self.card.contributions)
        rules, subject, until, back = self.plan.rules, self.subject, self.card.until, unit < self.card.unit
        for index in self._changing(unit):
            if back or unit >= until[index]:
                found[index] = rules[index].value(subject, unit)
        return found

    def at(self, unit: int) -> Card:
        """The card at `unit`."""
        card = self.cards.get(unit)
        if card is None:
            contributions = self.contributions(unit)
            extras = None if self.extras is None else self.extras.over(unit, unit)[0]
            scores = scores_of(self.plan, contributions, self.view, extras)
            moment = Moment(self.subject, self.view, unit, unit, scores, scores)
            card = self.cards[unit] = Card(unit, contributions, self.card.until, moment)
        return card

    def over(self, first: int, last: int) -> Moment:
        """What the scores stay within over the units `first` to `last`.

        Mostly every contribution falls, or every one grows: then the scores at the two ends enclose all between.
        """
        start = self.at(first)
        if first == last:
            return start.moment
        end = self.at(last)
        if self.extras is not None or self.plan.mixed:
            return self._bounds(start, end)
        falls = rises = False
        for index in self._changing(first):
            early, late = start.contributions[index], end.contributions[index]
            if late < early:
                falls = True
            elif late > early:
                rises = True
            if (falls and rises) or not self.plan.rules[index].steady(self.subject, first, last):
                return self._bounds(start, end)
        low, high = (start.scores, end.scores) if rises else (end.scores, start.scores)
        return Moment(self.subject, self.view, first, last, low, high)

    def _changing(self, first: int) -> list[int]:
        """The rules whose contribution may change from the unit `first` on."""
        return self.live if first >= self.card.unit else self.plan.timed_rules

    def _bounds(self, start: Card, end: Card) -> Moment:
        """As `over`, from the bounds of each contribution."""
        plan, subject, first, last = self.plan, self.subject, start.unit, end.unit
        lows, highs = list(start.contributions), list(start.contributions)
        for index in self._changing(first):
            rule = plan.rules[index]
            early, late = start.contributions[index], end.contributions[index]
            if rule.steady(subject, first, last):
                if late < early:
                    lows[index] = late
                else:
                    highs[index] = late
            else:
                lows[index], highs[index] = rule.bounds(subject, first, last)
        extras = None if self.extras is None else self.extras.over(first, last)
        low, high = span_scores(plan, lows, highs, self.view, extras)
        return Moment(subject, self.view, first, last, low, high)
