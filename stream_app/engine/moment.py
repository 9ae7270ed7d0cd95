"""What conditions look at: a subject's scores at one unit, or within what they stay over a span of units."""

from collections.abc import Mapping
from typing import Any, Final

from stream_app.engine.state import Subject

Scores = list[float | None]

# Further from a bound than this, rounding to nine decimals can't change on which side of it a score lies.
_CLOSE: Final = 1e-8


class Moment:
    """The scores of a subject over the units `first` to `last`, nothing being applied in between.

    `low` and `high` hold, by the plan's positions, the least and greatest value of each score (clamped, unrounded; None
    where it does not apply). At one unit `low is high`.
    """

    def __init__(
        self, subject: Subject, view: Mapping[str, Any], first: int, last: int, low: Scores, high: Scores
    ) -> None:
        self.subject = subject
        self.view = view
        self.first = first
        self.last = last
        self.low = low
        self.high = high


def nine(scores: Scores) -> Scores:
    """Scores as comparisons see them: to nine decimals, without floating-point noise (scoring.md section 4)."""
    return [None if score is None else round(score, 9) for score in scores]


def reaches(score: float, bound: float) -> bool:
    """`score >= bound`, to nine decimals."""
    apart = score - bound
    if apart > _CLOSE or apart < -_CLOSE:
        return apart > 0
    return round(score, 9) >= bound


def passes(score: float, bound: float) -> bool:
    """`score > bound`, to nine decimals."""
    apart = score - bound
    if apart > _CLOSE or apart < -_CLOSE:
        return apart > 0
    return round(score, 9) > bound
