"""The account agent's work on one partition: members' contributions and account events in, account scores out.

The rule kept here: an account is known in the partition of its id. Its members' contributions are absolute and lie in
the table one by one (key `m`), beside the account itself (key `a`), so that a change writes two small entries however
many members there are. What members see of it is told after the records, as it is then (`fanout`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from stream_app.engine.activity import Activity
from stream_app.engine.admission import Refused, too_many, verdict
from stream_app.engine.identity import lead_keys
from stream_app.engine.ladders import Cause
from stream_app.engine.plan import Plan
from stream_app.engine.sifting import take_found
from stream_app.ingest import Refusal, parse_event
from stream_app.runtime.account import Account
from stream_app.runtime.lead import cause_of
from stream_app.streaming.processor import Clock, Effects, InputRecord, StateReader
from stream_app.streaming.transaction import default_partition
from stream_app.worker import messages
from stream_app.worker.account_partition import AccountPartition
from stream_app.worker.backlog import AT_ONCE, SHARE
from stream_app.worker.composition import OTHER, Scoring
from stream_app.worker.messages import Member
from stream_app.worker.outbox import dead_letter, forwarded
from stream_app.worker.publications import MODEL
from stream_app.worker.quarantining import refuse
from stream_app.worker.refusals import refusal_of
from stream_app.worker.succession import KINDS

NOW: Final = 0  # ms since the epoch: due whatever the time


class AccountProcessor:
    """See the module. `counts` tells what became of the records: `counted`, `member`, `duplicate`, a refusal's code;
    `events` tells it by channel, and for events alone."""

    def __init__(self, scoring: Scoring, partition: int, state: StateReader, clock: Clock) -> None:
        self.partition = partition
        self.counts: Counter[str] = Counter()
        self.events: Counter[tuple[str, str]] = Counter()
        self._channel = OTHER
        self._clock = clock
        self._accounts = AccountPartition(scoring, partition, state)

    @property
    def scoring(self) -> Scoring:
        """Under which it scores."""
        return self._accounts.scoring

    @property
    def plan(self) -> Plan:
        """That of the accounts."""
        return self._accounts.plan

    def restore(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Set the timers of recovered accounts, and take in their members."""
        self._accounts.restore(entries)

    def bounded(self) -> bool:
        """See `Processor`."""
        return self._accounts.bounded()

    def drain(self) -> Effects:
        """What came of the records and timers since the last drain."""
        return self._accounts.drain()

    def next_due(self) -> int | None:
        """When the first timer may fire."""
        accounts = self._accounts
        if accounts.telling.waiting:
            return NOW
        if accounts.succession.still:
            return None
        return NOW if accounts.restating.waiting or accounts.revealing.waiting else accounts.wheel.next()

    def advance(self, to_ms: int, budget: int) -> bool:
        """Carry the accounts that are due to the last boundary that has passed; True when more are due."""
        accounts = self._accounts
        accounts.telling.allow_most()
        if accounts.succession.still:
            return False
        boundary = to_ms // self.plan.resolution * self.plan.resolution
        for due, raw in accounts.wheel.take(to_ms, budget):
            name = raw[1:].decode()
            if name in accounts.shelf.changed or accounts.due_now(raw) != due:
                continue
            account = accounts.shelf.get(name)
            account.advance(max(due, boundary))
            accounts.quiet.add(name)
            accounts.changed(name, account, account.subject.clock, None)
        accounts.carry_on(AT_ONCE)
        following = accounts.wheel.next()
        waiting = accounts.restating.waiting or accounts.revealing.waiting
        return waiting or (following is not None and following <= to_ms)

    @property
    def bounds(self) -> Mapping[str, int]:
        """See `Processor`."""
        return self._accounts.succession.bounds

    @property
    def reopen(self) -> bool:
        """See `Processor`."""
        return self._accounts.succession.reopen

    def process(self, records: Sequence[InputRecord]) -> int:
        """Take records in merged order; those behind a takeover wait until the lane is opened anew."""
        skew = self._clock() + self._accounts.scoring.model.max_future_skew
        names, channels = self._accounts.scoring.names, self._accounts.scoring.channels
        self._accounts.telling.allow(len(records))
        for index, record in enumerate(records):
            try:
                if record.topic != names.account_inbox:
                    self._channel = channels.get(record.topic) or OTHER
                    self._event(record, channels.get(record.topic), skew)
                else:
                    self._inbox(record, messages.header(record.headers, messages.KIND), skew)
                    if self._accounts.succession.reopen:
                        return index + 1
            except Refusal as refusal:
                self._note(refusal.code)
                if not self._accounts.succession.repeats(record):
                    self._accounts.send(dead_letter(self._accounts.scoring.names.dead_letters, record, refusal))
        self._accounts.carry_on(len(records) // SHARE + 1)
        return len(records)

    def _event(self, record: InputRecord, channel: str | None, skew: int) -> None:
        """A record of an event topic: an event of an account that belongs here, else one to be forwarded."""
        activity = parse_event(record.value, channel=channel, headers=record.headers)
        keys, name = lead_keys(activity), activity.account_id or ""
        if keys:
            self._forward(record, self._accounts.scoring.names.lead_inbox, keys[0], channel)
        elif default_partition(name.encode(), self._accounts.scoring.partitions) != self.partition:
            self._forward(record, self._accounts.scoring.names.account_inbox, name, channel)
        else:
            self._apply(name, activity, False, skew)

    def _inbox_event(self, record: InputRecord, channel: str | None, skew: int) -> None:
        """A forwarded event of an account, or a lead's event that states facts of the account whose key it has now."""
        self._channel = self._accounts.scoring.label(channel)
        activity = parse_event(record.value, channel=channel, headers=record.headers)
        of_lead = bool(lead_keys(activity))
        name = (record.key or b"").decode("utf-8", "replace") if of_lead else activity.account_id
        if not name:
            raise Refusal("no_identity", "an account event names its account in account_id", "/account_id")
        self._apply(name, activity, of_lead, skew)

    def _inbox(self, record: InputRecord, kind: str | None, skew: int) -> None:
        if self._accounts.succession.stale(record):
            self.counts["stale"] += 1
        elif kind == messages.MEMBER:
            self._member(messages.read_member(record.value or b""))
        elif kind == MODEL:
            self.counts["model"] += self._accounts.restating.take(record.value, self._clock)
        elif kind is not None and kind in KINDS:
            self._accounts.succession.take(kind, record)
        else:
            self._inbox_event(record, messages.header(record.headers, messages.CHANNEL), skew)

    def _apply(self, name: str, activity: Activity, of_lead: bool, skew: int) -> None:
        """Take an event, or of a lead's event (which the lead has taken) the account facts alone."""
        if (
            self._accounts.succession.quarantine
            and (source := self._accounts.succession.quarantine.of(activity)) is not None
        ):
            if source in self.scoring.added:
                self._accounts.mark(name, activity)
            if not of_lead:  # else the letter is the lead's
                raise refuse(source)
            return
        if activity.time > skew:
            raise refusal_of("future", activity)
        account = self._accounts.shelf.get(name)
        refused = _refused(account, activity, self._accounts.plan.lateness, of_lead)
        if refused == "duplicate":
            self._note("duplicate")
            return
        if refused is not None:
            raise refusal_of(refused, activity, of_account=True)
        account.advance(activity.time)
        self._accounts.tell_moves(name, account)
        before = account.card.scores
        account.see_facts(activity)
        if not of_lead:
            account.add(activity)
            if found := take_found(account.subject):
                self.counts["machine"] += found
        account.evaluate(cause_of(activity), before)
        self._accounts.changed(name, account, activity.time, activity.event_id)
        self._note("counted")

    def _forward(self, record: InputRecord, topic: str, key: str, channel: str | None) -> None:
        self._accounts.send(forwarded(topic, record, key, messages.event_headers(channel)))
        self._note("forwarded")

    def _note(self, result: str) -> None:
        self.counts[result] += 1
        self.events[self._channel, result] += 1

    def _member(self, member: Member) -> None:
        """A lead has joined, changed or left."""
        name = member.account_id
        account = self._accounts.shelf.get(name)
        account.advance(member.at)
        self._accounts.tell_moves(name, account)
        before = account.card.scores
        self._count(member)
        account.forget()
        account.evaluate(Cause(member.cause, member.event_id), before)
        by_model = member.cause == "model"
        if by_model:
            self._accounts.tell_caused(name, account, self._accounts.versions.current.mode)
        self._accounts.changed(name, account, member.at, member.event_id, "model" if by_model else "fact")
        self.counts["member"] += 1

    def _count(self, member: Member) -> None:
        """Take in what a lead brings, in place of what it brought before."""
        was = self._accounts.table.put(member)
        if member.shares is None:
            self._accounts.telling.left(member.account_id, member.lead)
        elif not was:
            self._accounts.telling.joined(member.account_id, member.lead, member.at)

    def reached(self) -> int:
        """The greatest clock of an account that has changed."""
        return self._accounts.reached

    def timers(self) -> int:
        """How many timers wait."""
        return len(self._accounts.wheel)


def _refused(account: Account, activity: Activity, lateness: int, of_lead: bool) -> Refused | None:
    """Why an account takes no event, or none of the facts that an event of a lead states."""
    if not of_lead:
        return verdict(account.subject, activity, lateness)
    return "too_many_facts" if too_many(account.subject.facts, activity.account_facts) else None
