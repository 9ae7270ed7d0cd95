"""Every lead and account of a model in one place: identity, merges, membership (scoring.md sections 6 to 8).

The offline replay and what is built on it run on this. The worker has its subjects spread over partitions and messages
between them; its final scores are held to the ones that come out here.
"""

from typing import Any

from stream_app.engine import ladders
from stream_app.engine.accounts import account_of
from stream_app.engine.activity import Activity
from stream_app.engine.admission import too_many, verdict
from stream_app.engine.identity import lead_keys
from stream_app.engine.ladders import Cause
from stream_app.engine.model.types import Model
from stream_app.engine.moment import Scores
from stream_app.engine.plan import Plan
from stream_app.engine.state import Cell, Subject, put
from stream_app.runtime.account import Account
from stream_app.runtime.accounts import Accounts
from stream_app.runtime.documents import score_record, transitions
from stream_app.runtime.lead import Lead, cause_of

Document = dict[str, Any]
Before = tuple[Account, Scores]  # an account, and its scores before an event


class World:
    """All that one model knows. `transitions` are gathered in the order made; `conflicts` counts refused links.

    `took` says whether the event applied last was taken, if only without the facts that its account has no room for.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.plan = Plan(model, model.lead)
        self.account_plan = Plan(model, model.account)
        self.leads: dict[str, Lead] = {}
        self._accounts = Accounts(model, self.plan, self.account_plan, self._gather)
        self.accounts: dict[str, Account] = self._accounts.known
        self.aliases: dict[str, str] = {}
        self.transitions: list[Document] = []
        self.conflicts = 0
        self.took = False
        self._kept: dict[str, Subject] = {}  # what an alias keeps of its ladders and revision, should it come back

    def resolve(self, key: str) -> str:
        """The key of the lead that a key stands for."""
        while key in self.aliases:
            key = self.aliases[key]
        return key

    def apply(self, activity: Activity, now: int | None = None) -> str | None:
        """One event. The code of its refusal, or None where it was taken, or ignored as a duplicate.

        A lead's event that states more facts of its account than that can have is taken without them (`took`).
        """
        self.took = False
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
        self.took = True
        return None if self._apply_to_lead(key, keys, activity) else "too_many_facts"

    def tick(self, to: int) -> None:
        """Advance every lead, then every account, to `to`."""
        for lead in self.leads.values():
            self._accounts.carry(lead, to)
        for account in self.accounts.values():
            self._accounts.advance(account, to)

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

    def _apply_to_lead(self, key: str, keys: tuple[str, ...], activity: Activity) -> bool:
        """Let a lead take an event; whether its account took the facts that it states."""
        unlink = activity.channel == "crm" and activity.type == "unlink"
        others = [] if unlink else self._links(key, keys)
        merged = [self.leads[other] for other in others if other in self.leads]
        lead, new = self._advanced(key, activity.time, merged)
        accounts = self._accounts_before(lead, merged, activity)
        self._link(key, others)
        if merged:
            self._merge(lead, merged, new, activity)
        before = lead.before(new and not merged)
        lead.add(activity)
        self._accounts.place(lead)
        if unlink and len(keys) > 1:
            self.aliases.pop(keys[-1], None)
        receiver = self._receiver(activity, lead)
        full = receiver is not None and too_many(receiver.subject.facts, activity.account_facts)
        told = self._tell_accounts(accounts, activity, lead, None if full else receiver)
        if accounts:
            self._accounts.look(lead)
        lead.settle(activity, before)
        self._gather(lead)
        self._accounts.place(lead)
        self._settle_accounts(accounts, activity)
        self._settle_members(told, activity)
        return not full

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
                self._accounts.leave(other)

    def _merge(self, lead: Lead, merged: list[Lead], new: bool, activity: Activity) -> None:
        before = lead.before(new)
        lead.unite([other.subject for other in merged], new)
        lead.look()
        self._accounts.look(lead)  # once more: its account may score another now
        lead.evaluate(Cause("merge", activity.event_id), before)
        self._gather(lead)
        self._accounts.place(lead)

    def _advanced(self, key: str, time: int, merged: list[Lead]) -> tuple[Lead, bool]:
        """An event's lead, advanced to the event's time and the clocks of the leads to be merged; whether it is new."""
        to = max([time, *(other.subject.clock for other in merged)])
        lead = self.leads.get(key)
        if lead is not None:
            self._accounts.carry(lead, to)
            return lead, False
        subject = Subject(key, len(self.plan.trackers))
        lead = self.leads[key] = Lead(self.plan, subject, self._accounts.sight)
        subject.clock = to
        kept = self._kept.pop(key, None)
        ladders.start(self.plan, subject, to)
        if kept is not None:
            subject.revision = kept.revision
            for name, state in subject.ladders.items():
                state.seq = kept.ladders[name].seq if name in kept.ladders else 0
        return lead, True

    # accounts

    def _apply_to_account(self, activity: Activity) -> str | None:
        assert activity.account_id is not None
        known = self.accounts.get(activity.account_id)
        refused = verdict(known.subject, activity, self.model.lateness) if known is not None else None
        if refused is not None:
            return None if refused == "duplicate" else refused
        accounts = [self._accounts.at(activity.account_id, activity.time)]
        accounts[0][0].add(activity)
        self.took = True
        told = self._tell_accounts(accounts, activity, None, self._receiver(activity, None))
        self._settle_accounts(accounts, activity)
        self._settle_members(told, activity)
        return None

    def _accounts_before(self, lead: Lead, merged: list[Lead], activity: Activity) -> list[Before]:
        """The accounts that take part in a lead's event, advanced to the lead's clock, with their scores then: those
        of the lead after it and before it, of the leads to be merged, and the one that is told facts."""
        names = [self._home_after(lead, merged, activity)]
        if activity.account_facts and activity.account_id is not None:
            names.append(activity.account_id)
        names += [subject.account_id for subject in (lead, *merged)]
        clock = lead.subject.clock
        return [self._accounts.at(name, clock) for name in dict.fromkeys(names) if name is not None]

    def _home_after(self, lead: Lead, merged: list[Lead], activity: Activity) -> str | None:
        """The account that a lead will belong to once an event and merges are in."""
        marks: dict[str, Cell] = {}
        for subject in (lead.subject, *(other.subject for other in merged)):
            for name, cell in subject.marks.items():
                put(marks, name, cell)
        for name, value in (("email", activity.email), ("account_id", activity.account_id)):
            if value is not None:
                put(marks, name, (activity.time, activity.event_id, value))
        probe = Subject("", 0)
        probe.marks = marks
        return account_of(probe)

    def _tell_accounts(
        self, accounts: list[Before], activity: Activity, own: Lead | None, receiver: Account | None
    ) -> list[tuple[Lead, Scores]]:
        """Let accounts see an event; the members that are to see what that changed, advanced, with their scores then.

        Those are all others, if a published score that leads use has changed, or if there are account facts.
        """
        told: list[tuple[Lead, Scores]] = []
        for account, before in accounts:
            facts = account is receiver
            if facts:
                self._accounts.see(account, activity)
            changed = self._accounts.differs(account, before)
            due = [lead for lead in self._accounts.members(account) if lead is not own] if changed or facts else []
            to = account.subject.clock if changed else activity.time
            told += zip(due, self._accounts.tell(account, activity, due, to, facts), strict=True)
            self._accounts.settle(account)
        for lead, _ in told:
            self._accounts.look(lead)
        return told

    def _receiver(self, activity: Activity, own: Lead | None) -> Account | None:
        """The account that an event's account facts go to."""
        if not activity.account_facts:
            return None
        name = activity.account_id if activity.account_id is not None or own is None else own.account_id
        return self.accounts.get(name) if name is not None else None

    def _settle_accounts(self, accounts: list[Before], activity: Activity) -> None:
        for account, scores in accounts:
            self._accounts.settle(account)
            account.evaluate(cause_of(activity), scores)
            self._gather(account)

    def _settle_members(self, told: list[tuple[Lead, Scores]], activity: Activity) -> None:
        for lead, scores in told:
            lead.evaluate(Cause("fact", activity.event_id), scores)
            self._gather(lead)
            self._accounts.place(lead)

    def _gather(self, live: Lead | Account) -> None:
        if live.moves:
            if isinstance(live, Lead):
                self.transitions += transitions(live, "lead", live.account_id)
            else:
                self.transitions += transitions(live, "account", live.subject.key)
