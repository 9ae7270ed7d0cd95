"""What the members of one account have said they bring: the roll-up from stored contributions (scoring.md section 8).

Kept sorted, so that a change costs a search and not a sum over all members; the roll-up then reads what it needs: the
highest `k` for `top: k`, and for `diminishing: f` as many as still matter at 1e-9.
"""

from bisect import bisect_left, insort
from collections import Counter

from stream_app.engine.accounts import rollup_points
from stream_app.engine.model.types import Rollup, Score
from stream_app.engine.plan import Plan
from stream_app.engine.rules.windows import tier_points
from stream_app.worker.messages import Contribution

_NEGLIGIBLE = 1e-15


class Contributions:
    """The members of one account and what they bring. `over` makes it a roster for the engine."""

    def __init__(self, plan: Plan) -> None:
        self._scores: list[tuple[int, Score]] = [
            (index, score) for index, score in enumerate(plan.card.scores) if score.rollup is not None
        ]
        self._size = len(plan.scores)
        self.members: dict[str, list[Contribution]] = {}
        self._ranked: list[list[float]] = [[] for _ in self._scores]
        self._values: list[Counter[str]] = [Counter() for _ in self._scores]

    def put(self, lead: str, shares: list[Contribution]) -> None:
        """A member's contributions, in place of what it brought before."""
        self.drop(lead)
        self.members[lead] = shares
        for place, share in enumerate(shares[: len(self._scores)]):
            if share.score is not None:
                insort(self._ranked[place], share.score)
            if share.counts and share.value is not None:
                self._values[place][share.value] += 1

    def drop(self, lead: str) -> None:
        """A member has left."""
        for place, share in enumerate(self.members.pop(lead, [])[: len(self._scores)]):
            if share.score is not None:
                ranked = self._ranked[place]
                del ranked[bisect_left(ranked, share.score)]
            if share.counts and share.value is not None:
                self._values[place][share.value] -= 1

    def over(self, first: int, last: int) -> tuple[list[float], list[float]]:
        """The points of each score: the same over any span, as contributions change only by messages."""
        points = [0.0] * self._size
        for place, (index, score) in enumerate(self._scores):
            assert score.rollup is not None
            ranked = self._ranked[place]
            points[index] = rollup_points(score.rollup, ranked[-_needed(score.rollup, len(ranked)) :] if ranked else [])
            if score.breadth is not None:
                distinct = sum(1 for count in self._values[place].values() if count > 0)
                points[index] += tier_points(score.breadth.points, distinct)
        return points, points


def _needed(rollup: Rollup, members: int) -> int:
    """How many of the highest contributions decide a roll-up."""
    if rollup.method == "max":
        return 1
    if rollup.method == "top":
        return max(rollup.top, 1)
    if rollup.method == "sum" or rollup.factor >= 1:
        return members
    needed, weight = 1, 1.0
    while weight > _NEGLIGIBLE and needed < members:
        weight *= rollup.factor
        needed += 1
    return needed
