"""What conditions look at: a subject's scores at one unit, or within what they stay over a span of units."""

from typing import Any

from stream_app.engine.state import Subject

Scores = list[float | None]


class Moment:
    """The scores of a subject over the units `first` to `last`, nothing being applied in between.

    At one unit `first == last` and `low is high`. `low` and `high` hold, by the plan's positions, the least and greatest
    value of each score (clamped, unrounded; None where it does not apply). `low9` and `high9` are rounded to the nine
    decimals at which comparisons are made (scoring.md section 4).
    """

    def __init__(
        self, subject: Subject, view: dict[str, Any], first: int, last: int, low: Scores, high: Scores
    ) -> None:
        self.subject = subject
        self.view = view
        self.first = first
        self.last = last
        self.low = low
        self.high = high
        self.low9 = nine(low)
        self.high9 = self.low9 if high is low else nine(high)


def nine(scores: Scores) -> Scores:
    """Scores as comparisons see them: without floating-point noise."""
    return [None if score is None else round(score, 9) for score in scores]
