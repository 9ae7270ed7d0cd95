"""One subject in motion: its state, its facts as conditions see them, and its card at the clock (scoring.md section 6).

`advance` carries it to a later time through every boundary at which a stage moves, `observe` adds an activity to what
is counted, `evaluate` lets the ladders move. The card is always that of the clock's unit once `refresh` has run.
"""

from typing import Any

from stream_app.engine import ladders
from stream_app.engine.activity import Activity
from stream_app.engine.ladders import Cause, Move
from stream_app.engine.moment import Moment, Scores
from stream_app.engine.plan import Plan
from stream_app.engine.rules.base import FactRuleBase
from stream_app.engine.scoring import Card, Extras, NoExtras, Outlook, contributions_at, scores_of
from stream_app.engine.search import first_unit
from stream_app.engine.state import NEVER, Subject


class Live:
    """A subject, ready to be scored. `view` maps names to facts; `moves` gathers what the ladders did."""

    def __init__(self, plan: Plan, subject: Subject, view: dict[str, Any], extras: Extras | None = None) -> None:
        self.plan = plan
        self.subject = subject
        self.view = view
        self.extras: Extras = extras if extras is not None else NoExtras(len(plan.scores))
        self.moves: list[Move] = []
        self._card: Card | None = None
        self._stale: set[int] | None = None  # rules whose contribution must be computed again; None: all
        self._facts_stale = False

    @property
    def card(self) -> Card:
        """The card at the clock."""
        card = self._card
        unit = max(self.subject.clock, 0) // self.plan.resolution
        if card is None or card.unit != unit or self._stale is None or self._stale or self._facts_stale:
            card = self._card = self._compute(unit)
        return card

    def _compute(self, unit: int) -> Card:
        plan, subject, view = self.plan, self.subject, self.view
        card = self._card
        if card is None or self._stale is None:
            contributions = contributions_at(plan, subject, view, unit)
        else:
            contributions = list(card.contributions)
            again = self._stale if card.unit == unit else self._stale.union(plan.timed_rules)
            for index in again:
                rule = plan.rules[index]
                if not isinstance(rule, FactRuleBase):
                    contributions[index] = rule.value(subject, unit)
            if self._facts_stale:
                for index in plan.fact_rules:
                    rule = plan.rules[index]
                    assert isinstance(rule, FactRuleBase)
                    contributions[index] = rule.fact_value(view)
        self._stale, self._facts_stale = set(), False
        extras, _ = self.extras.over(unit, unit)
        scores = scores_of(plan, contributions, view, extras)
        return Card(Moment(subject, view, unit, unit, scores, scores), contributions)

    def outlook(self) -> Outlook:
        """What comes next if nothing else happens."""
        return Outlook(self.plan, self.subject, self.view, self.card, self.extras)

    def forget(self) -> None:
        """Compute everything again at the next look: after a merge, or when members have changed."""
        self._stale = None

    def facts_changed(self, view: dict[str, Any]) -> None:
        """See other facts from now on."""
        self.view = view
        self._facts_stale = True

    def observe(self, activity: Activity) -> None:
        """Count an activity. Takes effect at the next look at `card`."""
        plan, subject = self.plan, self.subject
        if subject.first == NEVER or activity.time < subject.first:
            subject.first = activity.time
            self._stale = None  # inactivity may count from the first activity
        data = subject.data
        for probe in plan.matching(activity.channel, activity.type):
            if probe.where is not None and not probe.where(activity.properties):
                continue
            for position in probe.trackers:
                tracker = plan.trackers[position]
                held = data[position]
                if held is None:
                    held = data[position] = tracker.new()
                if tracker.observe(held, activity) and self._stale is not None:
                    self._stale.update(plan.rules_of[position])

    def evaluate(self, cause: Cause, before: Scores) -> None:
        """Let every ladder move at the clock."""
        subject = self.subject
        subject.settled = True
        self.moves += ladders.evaluate(self.plan, subject, self.card, subject.clock, cause, before)

    def next_look(self) -> int | None:
        """The next unit boundary, or end of a dwell or cooldown, if anything can change by itself; else None.

        A cheap bound of what `forecast.next_change` finds.
        """
        plan, subject = self.plan, self.subject
        expiry = ladders.next_expiry(plan, subject)
        unit = subject.clock // plan.resolution
        if unit - subject.latest // plan.resolution > plan.horizon and subject.settled:
            return expiry
        boundary = (unit + 1) * plan.resolution
        return boundary if expiry is None else min(boundary, expiry)

    def advance(self, to: int) -> None:
        """Bring the clock to `to`, evaluating (cause `decay`) at each boundary and expiry at which a stage moves."""
        plan, subject = self.plan, self.subject
        if to <= subject.clock:
            return
        if subject.clock == NEVER:
            subject.clock = to
            ladders.start(plan, subject, to)
            return
        while True:
            expiry = ladders.next_expiry(plan, subject)
            stop = to if expiry is None or expiry > to else expiry - 1
            if self._next_boundary(stop):
                continue
            if expiry is None or expiry > to:
                subject.clock = to
                return
            self._pass(expiry)

    def _next_boundary(self, stop: int) -> bool:
        """Go to the first unit boundary up to `stop` at which a stage moves, and move; False if there is none."""
        plan, subject = self.plan, self.subject
        clock = subject.clock
        now, last = clock // plan.resolution, stop // plan.resolution
        if last <= now:
            return False
        outlook = self.outlook()
        found = first_unit(
            now, last, lambda first, end: ladders.may_move(plan, subject, outlook.over(first, end), clock)
        )
        if found is None:
            return False
        self._pass(found * plan.resolution, outlook)
        return True

    def _pass(self, at: int, outlook: Outlook | None = None) -> None:
        """Evaluate at a boundary or expiry, with the scores just before it as those before."""
        plan, subject = self.plan, self.subject
        outlook = outlook if outlook is not None else self.outlook()
        before = outlook.at(max((at - 1) // plan.resolution, subject.clock // plan.resolution)).moment.low
        self._card = outlook.at(at // plan.resolution)
        subject.clock = at
        self.evaluate(Cause("decay"), before)
