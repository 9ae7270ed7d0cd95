"""What the members of an account add to its scores, from the members themselves (scoring.md section 8).

A member counts with its published score *at the account's time*. Computing all of them at every look would make a busy
account quadratic, so each share is kept with the unit until which it surely stays what it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from stream_app.engine.accounts import breadth_bounds, rollup_points
from stream_app.engine.model.types import Score
from stream_app.engine.plan import Plan
from stream_app.engine.published import rounded
from stream_app.engine.scoring import Outlook
from stream_app.engine.trackers.latest import distinct_value
from stream_app.runtime.lead import Lead

_LONGEST_LOOK = 1 << 14
_MOST_CARDS = 200  # of a member's outlook


@dataclass(slots=True)
class Share:
    """What one member brings to one score within a span: its published score, and its value for breadth."""

    low: float | None
    high: float | None
    value: str | None  # of the breadth's fact
    surely: bool  # its unrounded score surely reaches `min_score`
    maybe: bool


@dataclass(slots=True)
class _Kept:
    shares: list[Share]
    since: int  # the first and the last unit for which they hold
    until: int
    look: int  # how far ahead to look next time


class Roster:
    """The members of one account. `over` is the roll-up and breadth points of each score over a span of units."""

    def __init__(self, leads: Plan, account: Plan) -> None:
        self.plan = leads
        self.scores: list[tuple[int, int, Score]] = [
            (index, leads.position[score.rollup.score], score)
            for index, score in enumerate(account.card.scores)
            if score.rollup is not None
        ]
        self.size = len(account.scores)
        self.members: dict[str, Lead] = {}
        self._kept: dict[str, _Kept] = {}
        self._outlooks: dict[str, Outlook] = {}
        self._facts: Mapping[str, object] = {}  # the account's, as members see them
        self._facts_at = -1
        self._unseen: set[str] = set()  # members that have not looked at these facts since they came

    def see(self, facts: Mapping[str, object], at: int) -> None:
        """The account's facts are these from the time `at` on: its members' scores then depend on them."""
        self._facts, self._facts_at, self._unseen = facts, at, set(self.members)
        self._kept.clear()
        self._outlooks.clear()

    def looked(self, lead: Lead) -> None:
        """A member has looked at the account's facts."""
        self._unseen.discard(lead.subject.key)
        self.put(lead)

    def put(self, lead: Lead) -> None:
        """A member is new, or has changed."""
        self.members[lead.subject.key] = lead
        self._kept.pop(lead.subject.key, None)
        self._outlooks.pop(lead.subject.key, None)

    def drop(self, key: str) -> None:
        """A member has left."""
        self.members.pop(key, None)
        self._kept.pop(key, None)
        self._outlooks.pop(key, None)

    def over(self, first: int, last: int) -> tuple[list[float], list[float]]:
        """The least and the greatest points, by score of the account's plan."""
        lows, highs = [0.0] * self.size, [0.0] * self.size
        if not self.scores:
            return lows, highs
        shares = [self._shares(lead, first, last) for lead in self.members.values()]
        for place, (index, _, score) in enumerate(self.scores):
            lows[index], highs[index] = _points(score, [share[place] for share in shares])
        return lows, highs

    def _shares(self, lead: Lead, first: int, last: int) -> list[Share]:
        kept = self._kept.get(lead.subject.key)
        if kept is not None and kept.since <= first and last <= kept.until:
            return kept.shares
        # A lead's clock may be ahead of the account's; what it scored since its latest event can still be told.
        unit = lead.subject.latest // self.plan.resolution
        first, last = max(first, unit), max(last, unit)
        shares = self._look(lead, first, last)
        if first == last:
            look = min(kept.look * 4, _LONGEST_LOOK) if kept is not None else 1
            ahead = self._look(lead, first, first + look)
            same = all(
                (near.low, near.high, near.surely, near.maybe) == (far.low, far.high, far.surely, far.maybe)
                for near, far in zip(shares, ahead, strict=True)
            )
            self._kept[lead.subject.key] = _Kept(shares, first, first + look if same else first, look if same else 1)
        return shares

    def _look(self, lead: Lead, first: int, last: int) -> list[Share]:
        if lead.subject.clock < self._facts_at or lead.subject.key in self._unseen:
            lead = Lead(self.plan, lead.subject, lambda account_id, time: self._facts)
            outlook = lead.outlook()
        else:
            outlook = self._outlook(lead)
        moment = outlook.over(first, last)
        shares = []
        for _, position, score in self.scores:
            low, high = moment.low[position], moment.high[position]
            precision = self.plan.precisions[position]
            if low is None or high is None:
                shares.append(Share(None, None, None, False, False))
                continue
            value, surely, maybe = None, False, False
            if score.breadth is not None:
                value = distinct_value(lead.view.get(score.breadth.fact))
                surely = round(low, 9) >= score.breadth.min_score
                maybe = round(high, 9) >= score.breadth.min_score
            shares.append(Share(rounded(low, precision), rounded(high, precision), value, surely, maybe))
        return shares

    def _outlook(self, lead: Lead) -> Outlook:
        """What comes for a member, kept until it changes: most looks are at units looked at before."""
        key = lead.subject.key
        outlook = self._outlooks.get(key)
        if outlook is None or len(outlook.cards) > _MOST_CARDS:
            outlook = self._outlooks[key] = lead.outlook()
        return outlook


def _points(score: Score, shares: list[Share]) -> tuple[float, float]:
    assert score.rollup is not None
    low = rollup_points(score.rollup, [share.low for share in shares if share.low is not None])
    high = rollup_points(score.rollup, [share.high for share in shares if share.high is not None])
    if score.breadth is not None:
        surely = {share.value for share in shares if share.surely and share.value is not None}
        maybe = {share.value for share in shares if share.maybe and share.value is not None}
        least, most = breadth_bounds(score.breadth.points, surely, maybe)
        return low + least, high + most
    return low, high
