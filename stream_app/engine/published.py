"""What a score record says: rounded scores, grades, bands, stages (scoring.md section 4, formats.md)."""

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from stream_app.engine.moment import Moment, Scores
from stream_app.engine.plan import Plan

_NEAR_HALF = 1e-6


def rounded(value: float, precision: int) -> float:
    """Half away from zero on the shortest decimal form; an `int` where `precision` is 0."""
    if precision == 0 and abs(value) < 1e15:
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
    return [
        None if score is None else rounded(score, precision)
        for score, precision in zip(scores, plan.precisions, strict=True)
    ]


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
    return {name: value for name, value in zip(plan.score_names, values, strict=True) if value is not None}
