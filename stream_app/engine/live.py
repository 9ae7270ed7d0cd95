"""One subject in motion: its state, its facts as conditions see them, and its card at the clock (scoring.md section 6).

`advance` carries it to a later time through every boundary at which a stage moves, `observe` adds an activity to what
is counted, `evaluate` lets the ladders move. Only what an event or a new unit can change is computed again: an event
makes the rules that read its trackers stale, a new unit the timed ones, and from one unit to the next the ladders are
first held against what the scores stay within, so that quiet boundaries cost nothing.
"""

from collections.abc import Mapping
from typing import Any, Final

from stream_app.engine import ladders
from stream_app.engine.activity import Activity
from stream_app.engine.ladders import FOREVER, Cause, Move
from stream_app.engine.machines import MachineRules
from stream_app.engine.moment import Moment, Scores
from stream_app.engine.plan import Plan
from stream_app.engine.scoring import Card, Extras, Outlook, contributions_at, scores_of
from stream_app.engine.search import first_unit
from stream_app.engine.sifting import beside, sift
from stream_app.engine.state import NEVER, Subject
from stream_app.engine.trackers.data import Data

_NO_BASES: list[Data | None] = []
_BY_MODEL: Final = Cause("model")


class Live:
    """A subject, ready to be scored. `view` maps names to facts; `moves` gathers what the ladders did."""

    def __init__(self, plan: Plan, subject: Subject, view: Mapping[str, Any], extras: Extras | None = None) -> None:
        self.plan = plan
        self.subject = subject
        self.view = view
        self.extras = extras
        self.moves: list[Move] = []
        self._card: Card | None = None
        self._stale: list[int] = []  # rules whose contribution must be computed again
        self._facts_stale = False
        # What has changed since the last evaluation, besides scores: an activity was counted, facts are others.
        self._counted = False
        self._facts_new = True
        self._evaluated: Scores = []  # the scores of the last evaluation
        self._expiry = NEVER  # when a dwell or a cooldown ends next; NEVER: not known

    @property
    def card(self) -> Card:
        """The card at the clock."""
        unit = max(self.subject.clock, 0) // self.plan.resolution
        card = self._card
        if card is None:
            plan, subject = self.plan, self.subject
            contributions = contributions_at(plan, subject, self.view, unit)
            self._stale, self._facts_stale = [], False
            until = [FOREVER if rule.idle(subject) else unit + 1 for rule in plan.rules]
            card = self._card = self._made(unit, contributions, until)
        elif card.unit != unit or self._stale or self._facts_stale:
            card = self._card = self._again(card, unit)
        return card

    def _again(self, card: Card, unit: int) -> Card:
        """A card with what is stale computed again."""
        plan, subject, view = self.plan, self.subject, self.view
        contributions, until = list(card.contributions), card.until
        if card.unit != unit:
            until = list(until)
            for index in plan.timed_rules:
                if unit >= until[index]:
                    contributions[index] = plan.rules[index].value(subject, unit)
                    until[index] = plan.rules[index].until(subject, unit)
        if self._stale:
            until = list(until)
            for index in self._stale:
                contributions[index] = plan.rules[index].value(subject, unit)
                until[index] = unit + 1
        if self._facts_stale:
            for index in plan.fact_rules:
                contributions[index] = plan.rules[index].fact_value(view)
        self._stale, self._facts_stale = [], False
        return self._made(unit, contributions, until)

    def _made(self, unit: int, contributions: list[float], until: list[int]) -> Card:
        extras = None if self.extras is None else self.extras.over(unit, unit)[0]
        scores = scores_of(self.plan, contributions, self.view, extras)
        return Card(unit, contributions, until, Moment(self.subject, self.view, unit, unit, scores, scores))

    def _adopt(self, card: Card) -> None:
        """Take a card of the outlook as the present one."""
        plan, subject, unit = self.plan, self.subject, card.unit
        until = list(card.until)
        for index in plan.timed_rules:
            if unit >= until[index]:
                until[index] = plan.rules[index].until(subject, unit)
        card.until = until
        self._card = card

    def resume(self, card: Card) -> None:
        """Go on from a card that was kept with the state."""
        self._card = card
        self._facts_stale = False

    def outlook(self) -> Outlook:
        """What comes next if nothing else happens."""
        return Outlook(self.plan, self.subject, self.view, self.card, self.extras)

    def forget(self) -> None:
        """Compute everything again at the next look: after a merge, or when members have changed."""
        self._card = None
        self._expiry = NEVER

    def facts_changed(self, view: Mapping[str, Any]) -> None:
        """See other facts from now on."""
        self.view = view
        self._facts_stale = self._facts_new = True

    def observe(self, activity: Activity) -> None:
        """Count an activity, unless it is a machine's. Takes effect at the next look at `card`."""
        plan, subject = self.plan, self.subject
        if plan.machines is not None and self._sift(plan.machines, activity):
            return
        bases = beside(subject, activity) if subject.sifted is not None else _NO_BASES
        if subject.first == NEVER or activity.time < subject.first:
            subject.first = activity.time
            self._card = None  # inactivity may count from the first activity
        data, stale = subject.data, self._stale
        for probe in plan.matching(activity.channel, activity.type):
            if probe.where is not None and not probe.where(activity.properties):
                continue
            for position in probe.trackers:
                if bases and bases[position] is not None:
                    plan.trackers[position].count(bases, activity)
                if plan.trackers[position].count(data, activity):
                    self._counted = True
                    for rule in plan.rules_of[position]:
                        if rule not in stale:
                            stale.append(rule)

    def _sift(self, rules: MachineRules, activity: Activity) -> bool:
        """Take an activity that a machine did, or may have done; False for any other."""
        first = self.subject.first
        changed = sift(self.plan, rules, self.subject, activity)
        if changed is None:
            return False
        if self.subject.first != first:
            self._card = None
        for position in changed:
            self._counted = True
            for rule in self.plan.rules_of[position]:
                if rule not in self._stale:
                    self._stale.append(rule)
        return True

    def evaluate(self, cause: Cause, before: Scores) -> None:
        """Let every ladder move at the clock. `before` are the scores that transitions name as those before."""
        subject, card = self.subject, self.card
        if subject.settled and not self._counted and not self._facts_new and card.scores == self._evaluated:
            return  # the same as the last time, when nothing moved any more
        subject.settled, self._counted, self._facts_new = True, False, False
        moves = ladders.evaluate(self.plan, subject, card, subject.clock, cause, before)
        if moves:
            self.moves += moves
            self._expiry = NEVER
        self._evaluated = card.scores

    def obeyed(self, moves: list[Move]) -> None:
        """Note what a `stage_set` moved. It stands until the next boundary or event."""
        self.moves += moves
        self._expiry = NEVER
        self.subject.settled = False

    def restate(self, before: Scores, cause: Cause = _BY_MODEL) -> None:
        """Stand where this version of the model says, after another one (cause `model`).

        A `stage_set` that still stands goes on standing until the next boundary or event.
        """
        subject = self.subject
        self.moves += ladders.resettle(self.plan, subject, self.card, subject.clock, cause, before)
        self._expiry = NEVER
        if subject.settled:
            self.evaluate(cause, before)

    def announce(self, told: Mapping[str, tuple[str, int]], cause: Cause, before: Scores) -> None:
        """Move, for those who listen, from where it was last said to stand (stage and `seq`, by ladder) to where it stands."""
        self.moves = ladders.announce(self.plan, self.subject, told, self.card, cause, before)

    def next_look(self) -> int | None:
        """The next unit boundary, or end of a dwell or cooldown, if anything can change by itself; else None.

        A cheap bound of what `forecast.next_change` finds.
        """
        plan, subject = self.plan, self.subject
        expiry = self._next_expiry()
        unit = subject.clock // plan.resolution
        if unit - subject.latest // plan.resolution > plan.horizon and subject.settled:
            return expiry if expiry < FOREVER else None
        return min((unit + 1) * plan.resolution, expiry)

    def _next_expiry(self) -> int:
        if self._expiry == NEVER or self._expiry <= self.subject.clock:
            self._expiry = ladders.next_expiry(self.plan, self.subject)
        return self._expiry

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
            expiry = self._next_expiry()
            stop = to if expiry > to else expiry - 1
            if self._next_boundary(stop):
                continue
            if expiry > to:
                subject.clock = to
                return
            self._pass(expiry, self.outlook())

    def _next_boundary(self, stop: int) -> bool:
        """Go to the first unit boundary up to `stop` at which a stage moves, and move; False if there is none."""
        plan, subject = self.plan, self.subject
        clock = subject.clock
        now, last = clock // plan.resolution, stop // plan.resolution
        if last <= now or not plan.ladders:
            return False
        outlook = self.outlook()
        # The card at `last` is needed whatever comes, and mostly the span up to it shows that nothing moves.
        ahead = outlook.at(last)
        if not ladders.may_move(plan, subject, outlook.over(now, last), clock):
            self._adopt(ahead)
            return False
        found = first_unit(
            now, last, lambda first, end: ladders.may_move(plan, subject, outlook.over(first, end), clock)
        )
        if found is None:
            self._adopt(ahead)
            return False
        self._pass(found * plan.resolution, outlook)
        return True

    def _pass(self, at: int, outlook: Outlook) -> None:
        """Evaluate at a boundary or expiry, with the scores just before it as those before."""
        plan, subject = self.plan, self.subject
        before = outlook.at(max((at - 1) // plan.resolution, subject.clock // plan.resolution)).scores
        self._adopt(outlook.at(at // plan.resolution))
        subject.clock = at
        subject.settled = False
        self.evaluate(Cause("decay"), before)
