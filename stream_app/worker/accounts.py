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
from stream_app.engine.encoding import decode, encode, tag_of
from stream_app.engine.forecast import next_change
from stream_app.engine.identity import lead_keys
from stream_app.engine.ladders import Cause
from stream_app.engine.plan import Plan
from stream_app.engine.published import Standing
from stream_app.engine.sifting import take_found
from stream_app.engine.state import NEVER, Subject
from stream_app.ingest import Refusal, parse_event
from stream_app.runtime.account import Account
from stream_app.runtime.documents import score_record, transitions
from stream_app.runtime.lead import cause_of
from stream_app.streaming.processor import Clock, Effects, InputRecord, Output, StateReader
from stream_app.streaming.settings import ACCOUNT
from stream_app.streaming.transaction import default_partition
from stream_app.worker import messages
from stream_app.worker.account_table import ACCOUNTS, AccountTable
from stream_app.worker.backlog import AT_ONCE, SHARE
from stream_app.worker.before import Before, before_key, go_on_from
from stream_app.worker.composition import OTHER, Scoring
from stream_app.worker.contributions import MEMBERS, Rollups
from stream_app.worker.entries import due_of, pack, state_of
from stream_app.worker.messages import Member
from stream_app.worker.outbox import dead_letter, forwarded, score_output, transition_output
from stream_app.worker.publications import MODEL, Mode
from stream_app.worker.quarantining import refuse
from stream_app.worker.refusals import refusal_of
from stream_app.worker.restating import Entries, Restating, is_version
from stream_app.worker.restating_accounts import RestatedAccounts
from stream_app.worker.revealing import Revealing
from stream_app.worker.shelf import Shelf
from stream_app.worker.succession import KINDS, Succession
from stream_app.worker.taking_over import QUARANTINED
from stream_app.worker.telling import TELLS, Telling
from stream_app.worker.versions import Versions, public_moves
from stream_app.worker.wheel import Wheel

AT_HAND = 20_000  # decoded accounts kept by a partition
NOW: Final = 0  # ms since the epoch: due whatever the time


class AccountProcessor:
    """See the module. `counts` tells what became of the records: `counted`, `member`, `duplicate`, a refusal's code;
    `events` tells it by channel, and for events alone."""

    def __init__(self, scoring: Scoring, partition: int, state: StateReader, clock: Clock) -> None:
        self.scoring = scoring
        self.plan: Plan = scoring.accounts
        self.partition = partition
        self.counts: Counter[str] = Counter()
        self.events: Counter[tuple[str, str]] = Counter()
        self._channel = OTHER
        self._state = state
        self._clock = clock
        self._table = AccountTable(Rollups(self.plan), state)
        self._shelf: Shelf[Account] = Shelf(AT_HAND, self._load)
        self._outputs: list[Output] = []
        self._wheel = Wheel()
        self._reached = NEVER  # the greatest clock of an account
        self._quiet: set[str] = set()
        self._anew: set[str] = set()  # restated since the last drain
        self._telling = Telling(scoring, state, self._account, lambda name: self._table.contributions(name).members)
        self._versions = Versions(scoring, ACCOUNT, partition, state)
        self._restating = Restating(self._versions, self, state)
        self._restated = RestatedAccounts(self._versions, self._table.under, self._tell_caused)
        self._succession = Succession(scoring, ACCOUNT, partition, state, self.send)
        self._revealing = Revealing(self._succession, self._table.entry, self._look_at, self._report)
        self.switch(self._versions.current.scoring)

    def restore(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Set the timers of recovered accounts, and take in their members."""
        due: list[tuple[int, bytes]] = []
        for key, entry in entries:
            if key.startswith(MEMBERS):
                self._table.restore(key, entry)
            elif key.startswith(TELLS):
                self._telling.restore(key, entry)
            elif not is_version(key) and (at := due_of(entry)) is not None:
                due.append((at, key))
        self._wheel.fill(due)
        self._restating.restore(entries)
        self._revealing.restore(entries)

    @property
    def bounds(self) -> Mapping[str, int]:
        """See `Processor`."""
        return self._succession.bounds

    @property
    def reopen(self) -> bool:
        """See `Processor`."""
        return self._succession.reopen

    def process(self, records: Sequence[InputRecord]) -> int:
        """Take records in merged order; those behind a takeover wait until the lane is opened anew."""
        skew = self._clock() + self.scoring.model.max_future_skew
        names, channels = self.scoring.names, self.scoring.channels
        self._telling.allow(len(records))
        for index, record in enumerate(records):
            try:
                if record.topic != names.account_inbox:
                    self._channel = channels.get(record.topic) or OTHER
                    self._event(record, channels.get(record.topic), skew)
                else:
                    self._inbox(record, messages.header(record.headers, messages.KIND), skew)
                    if self._succession.reopen:
                        return index + 1
            except Refusal as refusal:
                self._note(refusal.code)
                if not self._succession.catching_up:  # else it is in the dead letters already
                    self._outputs.append(dead_letter(self.scoring.names.dead_letters, record, refusal))
        self._carry_on(len(records) // SHARE + 1)
        return len(records)

    def bounded(self) -> bool:
        """See `Processor`."""
        some = self._succession.stand(not self._telling.waiting)
        if some and self._succession.revealing:
            self.switch(self.scoring)
            self._revealing.begin()
        return some

    def _carry_on(self, budget: int) -> None:
        """What is done beside the records: accounts under another version of the model, or from another generation."""
        if self._restating.waiting:
            self._restating.run(budget)
        if self._revealing.waiting:
            self._revealing.run(budget)

    def _inbox(self, record: InputRecord, kind: str | None, skew: int) -> None:
        if self._succession.stale(record):
            self.counts["stale"] += 1
        elif kind == messages.MEMBER:
            self._member(messages.read_member(record.value or b""))
        elif kind == MODEL:
            self.counts["model"] += self._restating.take(record.value, self._clock)
        elif kind is not None and kind in KINDS:
            self._succession.take(kind, record)
        else:
            self._inbox_event(record, messages.header(record.headers, messages.CHANNEL), skew)

    # -- events ---------------------------------------------------------------------------------------------------------

    def _event(self, record: InputRecord, channel: str | None, skew: int) -> None:
        """A record of an event topic: an event of an account that belongs here, else one to be forwarded."""
        activity = parse_event(record.value, channel=channel, headers=record.headers)
        keys, name = lead_keys(activity), activity.account_id or ""
        if keys:
            self._forward(record, self.scoring.names.lead_inbox, keys[0], channel)
        elif default_partition(name.encode(), self.scoring.partitions) != self.partition:
            self._forward(record, self.scoring.names.account_inbox, name, channel)
        else:
            self._apply(name, activity, False, skew)

    def _inbox_event(self, record: InputRecord, channel: str | None, skew: int) -> None:
        """A forwarded event of an account, or a lead's event that states facts of the account whose key it has now."""
        self._channel = self.scoring.label(channel)
        activity = parse_event(record.value, channel=channel, headers=record.headers)
        of_lead = bool(lead_keys(activity))
        name = (record.key or b"").decode("utf-8", "replace") if of_lead else activity.account_id
        if not name:
            raise Refusal("no_identity", "an account event names its account in account_id", "/account_id")
        self._apply(name, activity, of_lead, skew)

    def _apply(self, name: str, activity: Activity, of_lead: bool, skew: int) -> None:
        """Take an event, or of a lead's event (which the lead has taken) the account facts alone."""
        if self._succession.quarantine and (source := self._succession.quarantine.of(activity)) is not None:
            if self._succession.is_side:
                self._mark(name, activity)
            if not of_lead:  # else the letter is the lead's
                raise refuse(source)
            return
        if activity.time > skew:
            raise refusal_of("future", activity)
        account = self._shelf.get(name)
        refused = _refused(account, activity, self.plan.lateness, of_lead)
        if refused == "duplicate":
            self._note("duplicate")
            return
        if refused is not None:
            raise refusal_of(refused, activity, of_account=True)
        account.advance(activity.time)
        self._tell_moves(name, account)
        before = account.card.scores
        account.see_facts(activity)
        if not of_lead:
            account.add(activity)
            if found := take_found(account.subject):
                self.counts["machine"] += found
        account.evaluate(cause_of(activity), before)
        self._changed(name, account, activity.time, activity.event_id)
        self._note("counted")

    def _forward(self, record: InputRecord, topic: str, key: str, channel: str | None) -> None:
        self._outputs.append(forwarded(topic, record, key, messages.event_headers(channel)))
        self._note("forwarded")

    def _note(self, result: str) -> None:
        self.counts[result] += 1
        self.events[self._channel, result] += 1

    def _member(self, member: Member) -> None:
        """A lead has joined, changed or left."""
        name = member.account_id
        account = self._shelf.get(name)
        account.advance(member.at)
        self._tell_moves(name, account)
        before = account.card.scores
        self._count(member)
        account.forget()
        account.evaluate(Cause(member.cause, member.event_id), before)
        by_model = member.cause == "model"
        if by_model:
            self._tell_caused(name, account, self._versions.current.mode)
        self._changed(name, account, member.at, member.event_id, "model" if by_model else "fact")
        self.counts["member"] += 1

    def _count(self, member: Member) -> None:
        """Take in what a lead brings, in place of what it brought before."""
        was = self._table.put(member)
        if member.shares is None:
            self._telling.left(member.account_id, member.lead)
        elif not was or member.stranger:
            self._telling.joined(member.account_id, member.lead, member.at)

    # -- time -----------------------------------------------------------------------------------------------------------

    def reached(self) -> int:
        """The greatest clock of an account that has changed."""
        return self._reached

    def timers(self) -> int:
        """How many timers wait."""
        return len(self._wheel)

    def next_due(self) -> int | None:
        """When the first timer may fire."""
        if self._telling.waiting:
            return NOW
        if self._succession.still:
            return None
        return NOW if self._restating.waiting or self._revealing.waiting else self._wheel.next()

    def advance(self, to_ms: int, budget: int) -> bool:
        """Carry the accounts that are due to the last boundary that has passed; True when more are due."""
        self._telling.allow_most()
        if self._succession.still:
            return False
        boundary = to_ms // self.plan.resolution * self.plan.resolution
        for due, raw in self._wheel.take(to_ms, budget):
            name = raw[1:].decode()
            if name in self._shelf.changed or self._due_now(raw) != due:
                continue
            account = self._shelf.get(name)
            account.advance(max(due, boundary))
            self._quiet.add(name)
            self._changed(name, account, account.subject.clock, None)
        self._carry_on(AT_ONCE)
        following = self._wheel.next()
        waiting = self._restating.waiting or self._revealing.waiting
        return waiting or (following is not None and following <= to_ms)

    # -- effects --------------------------------------------------------------------------------------------------------

    def _changed(self, name: str, account: Account, at: int, event_id: str | None, cause: str = "fact") -> None:
        self._reached = max(self._reached, account.subject.clock)
        self._telling.changed(name, at, event_id, cause)
        self._shelf.change(name, account)
        self._tell_moves(name, account)

    def _tell_moves(self, name: str, account: Account, restated: bool = False) -> None:
        """Send the transitions made since the last look, as they are seen from now."""
        if account.moves and self._hides(name):
            account.moves = []
        for document in transitions(account, "account", name, restated):
            self._outputs.append(transition_output(self.scoring.names.transitions, document, name.encode()))

    def _tell_caused(self, name: str, account: Account, mode: Mode) -> None:
        """The same for those that a version of the model has caused."""
        if public_moves(account, mode):
            self._tell_moves(name, account, mode == "restated")

    def send(self, output: Output) -> None:
        """Send a record along with what else comes of the records."""
        self._outputs.append(output)

    def drain(self) -> Effects:
        """What came of the records and timers since the last drain."""
        self._wheel.thin(self._due_now)
        self._settle()
        changes = self._table.take_changes()
        changes.update(self._telling.changes())
        changes.update(self._versions.changes())
        changes.update(self._succession.changes())
        outputs, self._outputs = self._outputs, []
        return Effects(list(changes.items()), self._succession.outputs(outputs))

    def _settle(self) -> None:
        """Tell what has changed, and pack it."""
        if self._restating.waiting:
            for name in self._telling.under_way():
                self._shelf.get(name)  # what was carried over may be news
        self._outputs += list(self._telling.outputs(self._shelf.changed))  # while those are surely at hand
        for name, account in self._shelf.take_changed().items():
            self._publish(name, account)
            due = next_change(account) if name in self._quiet else account.next_look()
            raw = ACCOUNTS + name.encode()
            if due is not None:
                self._wheel.add(due, raw)
            self._table.changes[raw] = pack(due, encode(self.plan, account.subject))
        self._quiet.clear()
        self._anew.clear()

    def _due_now(self, raw: bytes) -> int | None:
        entry = self._table.entry(raw)
        return None if entry is None else due_of(entry)

    def _publish(self, name: str, account: Account) -> None:
        subject, standing = account.subject, Standing(account)
        said = standing.said()
        if self._hides(name):
            return
        if subject.published != said or name in self._anew:
            subject.published = said
            if self.scoring.has_accounts:
                subject.revision += 1
                document = score_record(account, "account", name, subject.revision, standing)
                self._outputs.append(score_output(self.scoring.names.account_scores, document, name.encode()))

    # -- state ----------------------------------------------------------------------------------------------------------

    def _account(self, name: str) -> Account:
        return self._shelf.get(name)

    def _load(self, name: str) -> Account:
        account = self._loaded(name)
        if self._revealing.waiting and (before := self._revealing.of(ACCOUNTS + name.encode())) is not None:
            self._reveal(name, account, before)
        return account

    def _reveal(self, name: str, account: Account, before: Before) -> None:
        """Make an account public that was taken over from another generation."""
        self._table.changes[before_key(ACCOUNTS + name.encode())] = None
        go_on_from(account, before, self._succession.reason)
        account.subject.published = before.published
        self._tell_caused(name, account, self._succession.publication.mode)
        self._anew.add(name)
        self._quiet.add(name)
        self._changed(name, account, account.subject.clock, None, "model")

    def _hides(self, name: str) -> bool:
        """Whether what happens to an account is not public now."""
        return self._revealing.hides(ACCOUNTS + name.encode())

    def _mark(self, name: str, activity: Activity) -> None:
        """Note that a condemned source has told of an account."""
        account = self._shelf.get(name)
        if QUARANTINED not in account.subject.marks:
            account.advance(activity.time)
            account.subject.marks[QUARANTINED] = (activity.time, activity.event_id, True)
            self._changed(name, account, activity.time, activity.event_id)

    def _look_at(self, raw: bytes) -> None:
        self._shelf.get(raw[1:].decode())

    def _report(self, left: int, of: int) -> None:
        self._outputs.append(self._versions.report(left, of))

    def _loaded(self, name: str) -> Account:
        entry = self._table.entry(ACCOUNTS + name.encode())
        if entry is None:
            return Account(self.plan, Subject(name, len(self.plan.trackers)), self._table.contributions(name))
        state = state_of(entry)
        if self._versions.stands(tag_of(state)):
            return Account(self.plan, decode(self.plan, state), self._table.contributions(name))
        account = self._restated.account(name, state)
        self._anew.add(name)
        self._changed(name, account, account.subject.clock, None, "model")
        return account

    # -- versions of the model (see `restating.Subjects`) ---------------------------------------------------------------

    def switch(self, scoring: Scoring) -> None:
        """Score under another version from now on; what has happened so far is told under the present one."""
        self._settle()
        self.scoring, self.plan = scoring, scoring.accounts
        self._shelf = Shelf(AT_HAND, self._load)
        self._telling.switch(scoring)
        self._table.switch(Rollups(self.plan))

    def entries(self, state: Entries) -> Entries:
        """The accounts among a table's entries."""
        return self._table.accounts(state)

    def staged(self) -> Entries:
        """The accounts that are not in the table yet."""
        return self._table.accounts(self._table.changes.items())

    def entry(self, raw: bytes) -> bytes | None:
        """An account's entry; None where it is at hand."""
        return None if self._shelf.at_hand(raw[1:].decode()) is not None else self._table.entry(raw)

    def look(self, raw: bytes) -> None:
        """Look at an account, which carries it over."""
        name = raw[1:].decode()
        self._shelf.get(name)
        self._quiet.add(name)


def _refused(account: Account, activity: Activity, lateness: int, of_lead: bool) -> Refused | None:
    """Why an account takes no event, or none of the facts that an event of a lead states."""
    if not of_lead:
        return verdict(account.subject, activity, lateness)
    return "too_many_facts" if too_many(account.subject.facts, activity.account_facts) else None
