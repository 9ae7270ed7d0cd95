"""One lead, step by step (scoring.md sections 2 and 6): what the worker and the offline replay both do to it."""

from collections.abc import Callable, Mapping
from typing import Any

from stream_app.engine import ladders
from stream_app.engine.accounts import account_of
from stream_app.engine.activity import Activity
from stream_app.engine.ladders import Cause
from stream_app.engine.live import Live
from stream_app.engine.merging import absorb, take_over
from stream_app.engine.moment import Scores
from stream_app.engine.plan import Plan
from stream_app.engine.scoring import Card, contributions_at, scores_of
from stream_app.engine.state import NEVER, Cell, Subject, put
from stream_app.engine.view import View

# What a lead sees of its account at a time: the account's facts, and its published scores as `account.NAME`.
Sight = Callable[[str, int], Mapping[str, object]]

_MARKS = {"suppress": "suppressed", "unsuppress": "suppressed", "owner_set": "owner", "outcome": "outcome"}


def no_account(account_id: str, time: int) -> Mapping[str, object]:
    """The sight of a lead whose account is unknown."""
    return {}


def cause_of(activity: Activity) -> Cause:
    """The cause of an event's own moves: `crm`, `fact` for `identify`, else `activity`."""
    if activity.channel == "crm":
        return Cause("crm", activity.event_id)
    return Cause("fact" if activity.type == "identify" else "activity", activity.event_id)


class Lead(Live):
    """A lead in motion. `sight` answers what its account's facts and scores are."""

    def __init__(self, plan: Plan, subject: Subject, sight: Sight = no_account) -> None:
        self.sight = sight
        super().__init__(plan, subject, _view(subject, sight))

    @property
    def account_id(self) -> str | None:
        """The account it belongs to."""
        return account_of(self.subject)

    def look(self) -> None:
        """See its own and its account's facts as they are now."""
        self.facts_changed(_view(self.subject, self.sight))

    def before(self, new: bool) -> Scores:
        """The scores before an event: those at the clock, or for a new lead those of an empty one."""
        return empty_scores(self.plan) if new else self.card.scores

    def unite(self, others: list[Subject], new: bool) -> None:
        """Take the union with other leads. A new lead takes over the first one's stages."""
        for other in others:
            absorb(self.plan, self.subject, other)
        if new:
            take_over(self.subject, others[0])
            ladders.start(self.plan, self.subject, self.subject.clock)
        self.forget()

    def pass_change(self, at: int) -> None:
        """Advance to `at`, from which on something else is seen of the account; at a boundary that is evaluated."""
        self.advance(at - 1)
        before = self.card.scores
        subject = self.subject
        due = at % self.plan.resolution == 0 or self._next_expiry() == at
        subject.clock = at
        self.look()
        if due:
            self._expiry = NEVER
            subject.settled = False
            self.evaluate(Cause("decay"), before)

    def add(self, activity: Activity) -> None:
        """Add an accepted event's facts and its activity to what is known. Links and account facts are not its task."""
        subject, when = self.subject, (activity.time, activity.event_id)
        subject.seen.add(activity.event_id, activity.time, max(subject.latest, activity.time) - self.plan.lateness)
        subject.latest = max(subject.latest, activity.time)
        changed = False
        for name, value in activity.facts.items():
            changed |= put(subject.facts, name, (*when, value))
        for name, cell in _marks(activity):
            changed |= put(subject.marks, name, cell)
        self.observe(activity)
        if changed:
            self.look()

    def settle(self, activity: Activity, before: Scores) -> None:
        """Obey the event if it is a `stage_set`; else let the ladders move."""
        cause = cause_of(activity)
        if activity.channel == "crm" and activity.type == "stage_set":
            moves = self._obey(activity, cause, before)
            if moves is not None:
                self.obeyed(moves)
                return
        self.evaluate(cause, before)

    def _obey(self, activity: Activity, cause: Cause, before: Scores) -> list[ladders.Move] | None:
        names = [ladder.name for ladder in self.plan.ladders]
        ladder = activity.properties.get("ladder") or (names[0] if len(names) == 1 else None)
        stage = activity.properties.get("stage")
        if not isinstance(ladder, str) or not isinstance(stage, str):
            return None
        return ladders.obey(self.plan, self.subject, ladder, stage, cause, activity.time, self.card, before)


def empty_scores(plan: Plan) -> Scores:
    """The scores of a lead of which nothing is known: the same at any time."""
    if plan.empty is None:
        empty = Subject("", len(plan.trackers))
        view = _view(empty, no_account)
        plan.empty = scores_of(plan, contributions_at(plan, empty, view, 0), view, None)
    return plan.empty


def card_of(plan: Plan, subject: Subject, sight: Sight = no_account) -> Card:
    """A stored lead's card at its clock."""
    return Lead(plan, subject, sight).card


def _marks(activity: Activity) -> list[tuple[str, Cell]]:
    """The latest-wins values that an event carries besides its facts."""
    time, ident = activity.time, activity.event_id
    marks: list[tuple[str, Cell]] = []
    if activity.email is not None:
        marks.append(("email", (time, ident, activity.email)))
    if activity.account_id is not None:
        marks.append(("account_id", (time, ident, activity.account_id)))
    if activity.channel == "crm" and activity.type in _MARKS:
        name = _MARKS[activity.type]
        value: Any = activity.type == "suppress"
        if name == "owner":
            value = activity.properties.get("owner")
        elif name == "outcome":
            value = activity.properties.get("outcome")
        marks.append((name, (time, ident, value)))
    return marks


def _view(subject: Subject, sight: Sight) -> View:
    email = subject.mark("email")
    account = account_of(subject)
    seen = {} if account is None else sight(account, max(subject.clock, NEVER))
    return View(subject.facts, email if isinstance(email, str) else None, seen)
