"""What each member brings to an account's scores: the roll-up of scoring.md section 8, taken apart."""

from collections.abc import Mapping, Sequence

import msgspec

from stream_app.engine.accounts import rollup_points
from stream_app.engine.model.types import Breadth, Rollup, Score, Scorecard
from stream_app.engine.plan import Plan
from stream_app.engine.rules.windows import tier_points
from stream_app.worker.messages import Contribution


class Member(msgspec.Struct, frozen=True):
    """A member: its published score, the points it adds, its value of the breadth's fact, and whether that counts."""

    lead: str
    score: float | None
    points: float
    value: str | None
    counts: bool


class BreadthView(msgspec.Struct, frozen=True):
    """How many different values of a fact count, what that is worth, and how many the next tier asks for."""

    fact: str
    distinct: int
    points: float
    values: dict[str, int]
    next_at: int | None
    next_points: float | None


class MembersView(msgspec.Struct, frozen=True):
    """What members add to one score: `points` in all, the greatest contributors first; `total` counts the members."""

    of: str
    points: float
    total: int
    breadth: BreadthView | None
    top: Sequence[Member]


class Brought:
    """What stored contributions add to an account's scores: a roster for the engine, the same over any span."""

    def __init__(self, plan: Plan, members: Mapping[str, Sequence[Contribution]]) -> None:
        self._points = [0.0] * len(plan.scores)
        places = [index for index, score in enumerate(plan.card.scores) if score.rollup is not None]
        for place, index in enumerate(places):
            rollup, breadth = plan.card.scores[index].rollup, plan.card.scores[index].breadth
            assert rollup is not None
            shares = [told[place] for told in members.values() if place < len(told)]
            self._points[index] = rollup_points(rollup, (one.score for one in shares if one.score is not None))
            if breadth is not None:
                distinct = {one.value for one in shares if one.counts and one.value is not None}
                self._points[index] += tier_points(breadth.points, len(distinct))

    def over(self, first: int, last: int) -> tuple[list[float], list[float]]:
        """The points of each score of the plan."""
        return self._points, self._points


def members_views(
    card: Scorecard, members: Mapping[str, Sequence[Contribution]], limit: int | None = None
) -> dict[str, MembersView]:
    """By the account's scores that have a roll-up; at most `limit` members of each."""
    rolled = [score for score in card.scores if score.rollup is not None]
    return {score.name: _view(score, place, members, limit) for place, score in enumerate(rolled)}


def member_points(rollup: Rollup, scores: Sequence[float]) -> list[float]:
    """The points of each member, given their published scores from the highest on; they add up to the roll-up's."""
    cap = rollup.per_member
    capped = [score if cap is None or score < cap else cap for score in scores]
    if rollup.method == "sum":
        return capped
    if rollup.method == "diminishing":
        return [score * rollup.factor**rank for rank, score in enumerate(capped)]
    counted = 1 if rollup.method == "max" else rollup.top
    return [score if rank < counted else 0.0 for rank, score in enumerate(capped)]


def _view(score: Score, place: int, members: Mapping[str, Sequence[Contribution]], limit: int | None) -> MembersView:
    assert score.rollup is not None
    shares = {lead: told[place] for lead, told in members.items() if place < len(told)}
    scored = [(share.score, lead) for lead, share in shares.items() if share.score is not None]
    scored.sort(key=lambda pair: (-pair[0], pair[1]))
    points = member_points(score.rollup, [value for value, _ in scored])
    added = {lead: worth for (_, lead), worth in zip(scored, points, strict=True)}
    ranked = [lead for _, lead in scored] + sorted(set(shares) - set(added))
    top = [_member(lead, shares[lead], added.get(lead, 0.0)) for lead in ranked[:limit]]
    breadth = None if score.breadth is None else _breadth(score.breadth, list(shares.values()))
    return MembersView(score.rollup.score, float(sum(points)), len(members), breadth, top)


def _member(lead: str, share: Contribution, points: float) -> Member:
    value = None if share.value is None else _plain(share.value)
    return Member(lead, share.score, float(points), value, share.counts and value is not None)


def _breadth(breadth: Breadth, shares: Sequence[Contribution]) -> BreadthView:
    values: dict[str, int] = {}
    for share in shares:
        if share.counts and share.value is not None:
            value = _plain(share.value)
            values[value] = values.get(value, 0) + 1
    coming = next(((float(count), points) for count, points in sorted(breadth.points) if count > len(values)), None)
    return BreadthView(
        fact=breadth.fact,
        distinct=len(values),
        points=float(tier_points(breadth.points, len(values))),
        values=dict(sorted(values.items(), key=lambda pair: (-pair[1], pair[0]))),
        next_at=None if coming is None else int(coming[0]),
        next_points=None if coming is None else float(coming[1]),
    )


def _plain(value: str) -> str:
    """A value as people write it, of one as `distinct_value` has it: a letter for its type in front."""
    if value.startswith("b"):
        return "true" if value == "b1" else "false"
    return value[1:]
