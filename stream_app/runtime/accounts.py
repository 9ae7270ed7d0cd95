"""The accounts of a world: who belongs to them, what their members see of them, and when (scoring.md section 8).

The rule kept here: what a lead sees at a time `t` is what the account was at `t`. An account's clock is never behind an
event of a member, so a lead behind it looks the past up: facts in the account's history, scores in its log. A lead that
is advanced past the time of a change it has not seen yet stops there and looks (`carry`).
"""

from collections.abc import Callable, Mapping

from stream_app.engine.activity import Activity
from stream_app.engine.ladders import FOREVER
from stream_app.engine.model.types import Model
from stream_app.engine.moment import Moment, Scores
from stream_app.engine.plan import Plan, account_scores_named
from stream_app.engine.published import rounded
from stream_app.engine.search import first_unit_far
from stream_app.engine.state import Subject
from stream_app.runtime.account import Account
from stream_app.runtime.lead import Lead, empty_scores
from stream_app.runtime.roster import Roster

LOG = 256  # changes of published scores kept of an account, for members whose clocks are behind

Seen = tuple[float | None, ...]  # the published scores that leads use
Gather = Callable[[Lead | Account], None]  # takes the moves a subject has made


class Accounts:
    """All accounts of a model. `gather` is told of every subject that may have moved."""

    def __init__(self, model: Model, leads: Plan, plan: Plan, gather: Gather) -> None:
        self.leads = leads
        self.plan = plan
        self.gather = gather
        self.known: dict[str, Account] = {}
        self._rosters: dict[str, Roster] = {}
        self._homes: dict[str, str | None] = {}  # the account that each lead was last seen in
        self._logs: dict[str, list[tuple[int, Seen]]] = {}
        self._quiet: Account | None = None  # its newest event is not seen yet
        self._used: list[tuple[str, int]] = scores_seen(model, plan)
        # What is seen of an account at times before it was known.
        self._nothing = self._published(empty_scores(plan))

    # members

    def place(self, lead: Lead) -> None:
        """Note where a lead belongs, and that it has changed."""
        key, home = lead.subject.key, lead.account_id
        left = self._homes.get(key)
        if left is not None and left != home:
            self._rosters[left].drop(key)
        self._homes[key] = home
        if home is not None:
            self.roster(home).put(lead)

    def look(self, lead: Lead) -> None:
        """Let a lead, whose own facts and activities are all seen, look at its account."""
        self.place(lead)
        lead.look()
        home = lead.account_id
        if home is not None:
            self.roster(home).looked(lead)

    def leave(self, key: str) -> None:
        """A lead is no more: it was merged into another."""
        home = self._homes.pop(key, None)
        if home is not None:
            self._rosters[home].drop(key)

    def roster(self, name: str) -> Roster:
        """The members of an account."""
        found = self._rosters.get(name)
        if found is None:
            found = self._rosters[name] = Roster(self.leads, self.plan)
        return found

    # clocks

    def at(self, name: str, time: int) -> tuple[Account, Scores]:
        """An account, made if it is new, advanced to a time, with its scores then."""
        account = self.known.get(name)
        if account is None:
            subject = Subject(name, len(self.plan.trackers))
            account = self.known[name] = Account(self.plan, subject, self.roster(name))
        self.advance(account, time)
        return account, account.card.scores

    def advance(self, account: Account, time: int) -> None:
        """Advance an account, keeping the log of its published scores on the way."""
        account.forget()
        if self._used:
            self._log_until(account, time)
        account.advance(time)
        self.gather(account)

    def settle(self, account: Account) -> None:
        """Let an account see what its members and its own event have made of it, and what leads see of that."""
        account.forget()
        if self._used:
            self._note(account, account.subject.clock, self._published(account.card.scores))

    def adopt(self, account: Account) -> None:
        """Let an account whose members are all placed go on from what it had under another model.

        Members that are behind its clock see what it scores now as if it had all along.
        """
        account.forget()
        if self._used:
            self._note(account, 0, self._published(account.card.scores))

    def differs(self, account: Account, before: Scores) -> bool:
        """Whether a published score that leads use is another than before an event."""
        if not self._used:
            return False
        account.forget()
        return self._published(account.card.scores) != self._published(before)

    # what leads see

    def sight(self, name: str, time: int) -> Mapping[str, object]:
        """What a lead sees of its account at a time: facts, also as `account.NAME`, and the scores that leads use."""
        account = self.known.get(name)
        if account is None:
            return {}
        newest = account.subject.clock <= time and account is not self._quiet
        seen: Mapping[str, object] = account.view
        if not newest:
            facts = account.history.at(time)
            seen = {**facts, **{f"account.{fact}": value for fact, value in facts.items()}}
        if not self._used:
            return seen
        scores = self._seen(account, time, newest)
        return {**seen, **{score: value for (score, _), value in zip(self._used, scores, strict=True)}}

    def carry(self, lead: Lead, to: int) -> None:
        """Advance a lead, letting it see on the way what was new in its account in the meantime."""
        home = lead.account_id
        account = self.known.get(home) if home is not None else None
        while account is not None:
            at = self._next_sight(account, lead.subject.clock, to)
            if at > to:
                break
            lead.pass_change(at)
        lead.advance(to)
        self.gather(lead)

    def see(self, account: Account, activity: Activity) -> None:
        """Add an event's account facts. Members see them after `tell`."""
        if activity.account_facts:
            account.see_facts(activity)
            self.roster(account.subject.key).see(account.view, max(account.subject.clock, activity.time))

    def tell(self, account: Account, activity: Activity, due: list[Lead], to: int, facts: bool) -> list[Scores]:
        """Advance members to a time, before they see what an event has changed in their account; their scores then.

        `facts` says whether the event's account facts are this account's.
        """
        self._quiet = account
        told = []
        for lead in due:
            self.carry(lead, to)
            told.append(lead.card.scores)
        self._quiet = None
        if facts:
            account.keep_facts(activity)
        return told

    def members(self, account: Account) -> list[Lead]:
        """The leads that belong to an account."""
        return list(self.roster(account.subject.key).members.values())

    def _next_sight(self, account: Account, clock: int, to: int) -> int:
        """When what a lead sees of an account next changes by itself, up to `to`; else `FOREVER`."""
        first = account.history.next_after(clock)
        return min(first, self._next_score(account, clock, min(to, first))) if self._used else first

    def _next_score(self, account: Account, clock: int, to: int) -> int:
        newest = account.subject.clock <= clock and account is not self._quiet
        now = self._seen(account, clock, newest)
        for at, seen in self._logs.get(account.subject.key, ()):
            if clock < at <= to and seen != now and not newest:
                return at
        if account is self._quiet or to <= account.subject.clock:
            return FOREVER
        return self._next_published(account, now, max(clock, account.subject.clock), to)

    def _next_published(self, account: Account, now: Seen, clock: int, to: int) -> int:
        """The first boundary in `(clock, to]` at which published scores are others if nothing else happens."""
        resolution, outlook = self.plan.resolution, account.outlook()

        def may(first: int, last: int) -> bool:
            moment: Moment = outlook.over(first, last)
            return self._published(moment.low) != now or self._published(moment.high) != now

        found = first_unit_far(clock // resolution, to // resolution, may)
        return FOREVER if found is None else found * resolution

    def _seen(self, account: Account, time: int, newest: bool) -> Seen:
        if newest:
            account.forget()
            return self._published(account.outlook().at(time // self.plan.resolution).scores)
        seen = self._nothing
        for at, scores in self._logs.get(account.subject.key, ()):
            if at > time:
                break
            seen = scores
        return seen

    def _published(self, scores: Scores) -> Seen:
        told: list[float | None] = []
        for _, position in self._used:
            score = scores[position]
            told.append(None if score is None else rounded(score, self.plan.precisions[position]))
        return tuple(told)

    def _log_until(self, account: Account, time: int) -> None:
        """Log the published scores at the clock and at each change until `time`."""
        clock = account.subject.clock
        if clock < 0:
            return
        seen = self._published(account.card.scores)
        self._note(account, clock, seen)
        while True:
            at = self._next_published(account, seen, clock, time)
            if at > time:
                return
            seen = self._published(account.outlook().at(at // self.plan.resolution).scores)
            self._note(account, at, seen)
            clock = at

    def _note(self, account: Account, at: int, seen: Seen) -> None:
        log = self._logs.setdefault(account.subject.key, [])
        if log and log[-1][1] == seen:
            return
        log.append((at, seen))
        del log[:-LOG]


def scores_seen(model: Model, plan: Plan) -> list[tuple[str, int]]:
    """The account's scores that leads use, by the name they use, with their positions in the account's plan."""
    found = []
    for name in account_scores_named(model):
        score = name.removeprefix("account.")
        if score not in plan.position and score == "score" and len(plan.position) == 1:
            score = plan.score_names[0]
        if score in plan.position:
            found.append((name, plan.position[score]))
    return found
