"""What a score record says: rounded scores, grades, bands, stages (scoring.md section 4, formats.md)."""

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from stream_app.engine.live import Live
from stream_app.engine.moment import Moment, Scores
from stream_app.engine.plan import Plan

_NEAR_HALF: Final = 1e-6
_WHOLE: Final = 2.0**53  # a float of this size has no decimals, and is more than readers take for an integer


class Standing:
    """What a score record says of a subject at its clock, by the plan's positions; `said` is all that makes a new
    record due when it changes."""

    def __init__(self, live: Live) -> None:
        plan, subject, scores = live.plan, live.subject, live.card.scores
        owner = subject.mark("owner")
        self.scores = scores
        self.rounded = rounded_scores(plan, scores)
        self.grades = [grade.at(scores) for grade in plan.grades]
        self.bands = [band.at(scores) for band in plan.bands]
        self.stages = [subject.ladders[ladder.name].stage for ladder in plan.ladders]
        self.suppressed = subject.mark("suppressed") is True
        self.owner: str | None = owner if isinstance(owner, str) else None

    def said(self) -> list[Any]:
        """JSON values that differ exactly where a record would (formats.md: "A record is published when ...")."""
        return [self.rounded, self.grades, self.bands, self.stages, self.suppressed, self.owner]


def rounded(value: float, precision: int) -> int | float:
    """Half away from zero on the shortest decimal form; an `int` where `precision` is 0, unless it is beyond 2**53."""
    if value >= _WHOLE or value <= -_WHOLE:
        return float(value)
    if precision == 0:
        whole = math.floor(value)
        part = value - whole
        if part < 0.5 - _NEAR_HALF:
            return whole
        if part > 0.5 + _NEAR_HALF:
            return whole + 1
    exact = Decimal(repr(value)).quantize(Decimal(1).scaleb(-precision), rounding=ROUND_HALF_UP)
    return int(exact) if precision == 0 else float(exact)


def rounded_scores(plan: Plan, scores: Scores) -> list[float | None]:
    """Every score as published."""
    precisions = plan.precisions
    return [None if score is None else rounded(score, precisions[index]) for index, score in enumerate(scores)]


def cells(plan: Plan, scores: Scores) -> tuple[list[str | None], list[str | None]]:
    """The grades and the bands that scores fall into."""
    return [grade.at(scores) for grade in plan.grades], [band.at(scores) for band in plan.bands]


def may_differ(plan: Plan, now: Moment, later: Moment) -> bool:
    """Whether any published value may differ, within `later`, from what it is at `now`; exact for a single unit."""
    published = rounded_scores(plan, now.low)
    if rounded_scores(plan, later.low) != published or rounded_scores(plan, later.high) != published:
        return True
    stands = cells(plan, now.low)
    return cells(plan, later.low) != stands or cells(plan, later.high) != stands


def named(plan: Plan, values: list[Any]) -> dict[str, Any]:
    """Values by score, by name, without those of scores that do not apply."""
    found: dict[str, Any] = {}
    for index, value in enumerate(values):
        if value is not None:
            found[plan.score_names[index]] = value
    return found
