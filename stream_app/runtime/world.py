"""Every lead and account of a model in one place: identity, merges, membership (scoring.md sections 6 to 8).

The offline replay and what is built on it run on this. The worker has its subjects spread over partitions and messages
between them; its final scores are held to the ones that come out here.
"""

from collections.abc import Mapping
from typing import Any

from stream_app.engine import ladders
from stream_app.engine.accounts import account_of
from stream_app.engine.activity import Activity
from stream_app.engine.admission import verdict
from stream_app.engine.identity import lead_keys
from stream_app.engine.ladders import Cause
from stream_app.engine.model.types import Model
from stream_app.engine.moment import Scores
from stream_app.engine.plan import Plan
from stream_app.engine.published import named, rounded_scores
from stream_app.engine.state import Subject
from stream_app.runtime.account import Account
from stream_app.runtime.documents import score_record, transitions
from stream_app.runtime.lead import Lead, cause_of
from stream_app.runtime.roster import Roster

Document = dict[str, Any]


class World:
    """All that one model knows. `transitions` are gathered in the order made; `conflicts` counts refused links."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.plan = Plan(model, model.lead)
        self.account_plan = Plan(model, model.account)
        self.leads: dict[str, Lead] = {}
        self.accounts: dict[str, Account] = {}
        self.rosters: dict[str, Roster] = {}
        self.aliases: dict[str, str] = {}
        self.transitions: list[Document] = []
        self.conflicts = 0
        self._home: dict[str, str | None] = {}  # the account that each lead was last seen in
        self._kept: dict[str, Subject] = {}  # what an alias keeps of its ladders and revision, should it come back

    def resolve(self, key: str) -> str:
        """The key of the lead that a key stands for."""
        while key in self.aliases:
            key = self.aliases[key]
        return key

    def apply(self, activity: Activity, now: int | None = None) -> str | None:
        """One event. The code of its refusal, or None where it was taken, or ignored as a duplicate."""
        if now is not None and activity.time > now + self.model.max_future_skew:
            return "future"
        keys = lead_keys(activity)
        if not keys:
            return self._apply_to_account(activity) if activity.account_id is not None else "no_identity"
        key = self.resolve(keys[0])
        known = self.leads.get(key)
        refused = verdict(known.subject, activity, self.model.lateness) if known is not None else None
        if refused is not None:
            return None if refused == "duplicate" else refused
        self._apply_to_lead(key, keys, activity)
        return None

    def tick(self, to: int) -> None:
        """Advance every lead, then every account, to `to`."""
        for lead in self.leads.values():
            lead.advance(to)
            self._gather(lead, "lead")
        for account in self.accounts.values():
            account.advance(to)
            self._gather(account, "account")

    def scores(self) -> list[Document]:
        """The score records of all leads and, where the model scores accounts, of all accounts."""
        told = [self.score(lead) for lead in self.leads.values()]
        if self.model.account.scores or self.model.account.ladders:
            told += [self.score(account) for account in self.accounts.values()]
        return told

    def take_transitions(self) -> list[Document]:
        """The transitions made since they were last taken."""
        made, self.transitions = self.transitions, []
        return made

    def find(self, key: str) -> Lead | Account | None:
        """The lead of a key or alias, or the account of `account:ID`; None if there is none."""
        if key.startswith("account:"):
            return self.accounts.get(key.removeprefix("account:"))
        return self.leads.get(self.resolve(key))

    def score(self, subject: Lead | Account) -> Document:
        """The score record of one lead or account."""
        if isinstance(subject, Lead):
            return score_record(subject, "lead", subject.account_id, subject.subject.revision)
        return score_record(subject, "account", subject.subject.key, subject.subject.revision)

    # leads

    def _apply_to_lead(self, key: str, keys: tuple[str, ...], activity: Activity) -> None:
        unlink = activity.channel == "crm" and activity.type == "unlink"
        others = [] if unlink else self._links(key, keys)
        merged = [self.leads[other] for other in others if other in self.leads]
        lead, new = self._advanced(key, activity.time, merged)
        accounts = self._accounts_before(lead, merged, activity)
        self._link(key, others)
        if merged:
            lead.merge([other.subject for other in merged], new, Cause("merge", activity.event_id))
            self._gather(lead, "lead")
        before = lead.before(new and not merged)
        lead.add(activity)
        self._place(lead)
        if unlink and len(keys) > 1:
            self.aliases.pop(keys[-1], None)
        if activity.account_facts:
            self._add_account_facts(activity, self._account_named(activity, lead), lead)
        lead.settle(activity, before)
        self._gather(lead, "lead")
        self._place(lead)
        for account, scores in accounts:
            account.forget()
            account.evaluate(cause_of(activity), scores)
            self._gather(account, "account")

    def _links(self, key: str, keys: tuple[str, ...]) -> list[str]:
        """The keys that an event newly links to its lead; a key that belongs to another lead is a conflict."""
        found = []
        for other in keys[1:]:
            if other in self.aliases:
                self.conflicts += self.resolve(other) != key
            elif other != key:
                found.append(other)
        return found

    def _link(self, key: str, others: list[str]) -> None:
        for other in others:
            self.aliases[other] = key
            gone = self.leads.pop(other, None)
            if gone is not None:
                self._kept[other] = gone.subject
                home = self._home.pop(other, None)
                if home is not None:
                    self.rosters[home].drop(other)

    def _advanced(self, key: str, time: int, merged: list[Lead]) -> tuple[Lead, bool]:
        """An event's lead, advanced to the event's time and the clocks of the leads to be merged; whether it is new."""
        to = max([time, *(other.subject.clock for other in merged)])
        lead = self.leads.get(key)
        if lead is not None:
            lead.advance(to)
            self._gather(lead, "lead")
            return lead, False
        subject = Subject(key, len(self.plan.trackers))
        lead = self.leads[key] = Lead(self.plan, subject, self._sight)
        subject.clock = to
        kept = self._kept.pop(key, None)
        ladders.start(self.plan, subject, to)
        if kept is not None:
            subject.revision = kept.revision
            for name, state in subject.ladders.items():
                state.seq = kept.ladders[name].seq if name in kept.ladders else 0
        return lead, True

    def _sight(self, account_id: str, time: int) -> Mapping[str, object]:
        """What a lead sees of its account."""
        account = self.accounts.get(account_id)
        if account is None:
            return {}
        newest = account.subject.clock <= time
        facts = account.view if newest else account.history.at(time)
        named_facts = facts if newest else {**facts, **{f"account.{name}": value for name, value in facts.items()}}
        return {**named_facts, **self._account_scores(account)} if self.plan.uses_account_scores else named_facts

    def _account_scores(self, account: Account) -> dict[str, object]:
        scores = named(self.account_plan, rounded_scores(self.account_plan, account.card.scores))
        told: dict[str, object] = {f"account.{name}": value for name, value in scores.items()}
        if len(scores) == 1:
            told["account.score"] = next(iter(scores.values()))
        return told

    def _place(self, lead: Lead) -> None:
        """Let the rosters know where a lead belongs and that it has changed."""
        key, home = lead.subject.key, lead.account_id
        left = self._home.get(key)
        if left is not None and left != home:
            self.rosters[left].drop(key)
        self._home[key] = home
        if home is not None:
            self._roster(home).put(lead)

    def _roster(self, name: str) -> Roster:
        roster = self.rosters.get(name)
        if roster is None:
            roster = self.rosters[name] = Roster(self.plan, self.account_plan)
        return roster

    # accounts

    def _apply_to_account(self, activity: Activity) -> str | None:
        assert activity.account_id is not None
        known = self.accounts.get(activity.account_id)
        refused = verdict(known.subject, activity, self.model.lateness) if known is not None else None
        if refused is not None:
            return None if refused == "duplicate" else refused
        account, before = self._account_at(activity.account_id, activity.time)
        if activity.account_facts:
            self._add_account_facts(activity, account, None)
        account.add(activity)
        account.forget()
        account.evaluate(cause_of(activity), before)
        self._gather(account, "account")
        return None

    def _account_at(self, name: str, time: int) -> tuple[Account, Scores]:
        """An account advanced to a time, with its scores then."""
        account = self.accounts.get(name)
        if account is None:
            subject = Subject(name, len(self.account_plan.trackers))
            account = self.accounts[name] = Account(self.account_plan, subject, self._roster(name))
            account.advance(time)
        else:
            account.forget()
            account.advance(time)
            self._gather(account, "account")
        return account, account.card.scores

    def _accounts_before(self, lead: Lead, merged: list[Lead], activity: Activity) -> list[tuple[Account, Scores]]:
        """The accounts that take part in a lead's event, advanced to it, with their scores before it."""
        names: list[str] = []
        then = self._home_after(lead, merged, activity)
        for name in (then, activity.account_id if activity.account_facts else None):
            if name is not None and name not in names:
                names.append(name)
        return [(*self._account_at(name, activity.time),) for name in names]

    def _home_after(self, lead: Lead, merged: list[Lead], activity: Activity) -> str | None:
        """The account that a lead will belong to once an event and merges are in."""
        marks: dict[str, tuple[int, str, Any]] = {}
        when = (activity.time, activity.event_id)
        cells = [subject.marks for subject in (lead.subject, *(other.subject for other in merged))]
        own = {"email": activity.email, "account_id": activity.account_id}
        cells.append({name: (*when, value) for name, value in own.items() if value is not None})
        for source in cells:
            for name in ("email", "account_id"):
                cell = source.get(name)
                if cell is not None and (name not in marks or cell[:2] > marks[name][:2]):
                    marks[name] = cell
        probe = Subject("", 0)
        probe.marks = dict(marks)
        return account_of(probe)

    def _account_named(self, activity: Activity, lead: Lead) -> Account | None:
        name = activity.account_id if activity.account_id is not None else lead.account_id
        return self.accounts.get(name) if name is not None else None

    def _add_account_facts(self, activity: Activity, account: Account | None, own: Lead | None) -> None:
        """Add the facts; every other member is advanced, sees them and is evaluated."""
        if account is None:
            return
        members = [lead for lead in self._roster(account.subject.key).members.values() if lead is not own]
        for lead in members:
            lead.advance(activity.time)
            self._gather(lead, "lead")
        before = [lead.card.scores for lead in members]
        account.put_facts(activity)
        for lead, scores in zip(members, before, strict=True):
            lead.look()
            lead.evaluate(Cause("fact", activity.event_id), scores)
            self._gather(lead, "lead")
            self._place(lead)
        if own is not None:
            own.look()

    def _gather(self, live: Lead | Account, kind: str) -> None:
        if live.moves:
            account_id = live.account_id if isinstance(live, Lead) else live.subject.key
            self.transitions += transitions(live, kind, account_id)
