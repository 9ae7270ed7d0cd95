"""The lead agent's work on one partition: records in, scores, transitions and messages out (design.md, "The path").

The rule kept here: a lead is known in the partition that murmur2 of its key names, and nowhere else; an event that lands
elsewhere, or under an alias, is forwarded there. Every record ends as one of: counted, a duplicate, forwarded, erased, a
dead letter. Nothing raises for what a producer sent.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from stream_app.engine.activity import Activity
from stream_app.engine.admission import verdict
from stream_app.engine.identity import lead_keys
from stream_app.engine.ladders import Cause
from stream_app.engine.plan import Plan
from stream_app.engine.sifting import take_found
from stream_app.engine.state import Subject
from stream_app.ingest import Refusal, parse_event
from stream_app.runtime.lead import Lead, cause_of
from stream_app.streaming.processor import Clock, Effects, InputRecord, StateReader
from stream_app.streaming.settings import LEAD as LEAD_AGENT
from stream_app.worker import messages
from stream_app.worker.backlog import AT_ONCE, SHARE
from stream_app.worker.composition import OTHER, Scoring
from stream_app.worker.entries import ERASED, Alias, Kept, due_of
from stream_app.worker.hearing import Hearing
from stream_app.worker.linking import Linking, is_unlink
from stream_app.worker.links import (
    LEAD,
    Merged,
    event_output,
    hops_of,
    merged_with,
    without_merged,
)
from stream_app.worker.outbox import dead_letter, forwarded
from stream_app.worker.partition import Partition
from stream_app.worker.quarantining import Marking, refuse
from stream_app.worker.refusals import refusal_of
from stream_app.worker.restating import is_version
from stream_app.worker.restating_leads import RestatedLeads
from stream_app.worker.revealed_leads import RevealedLeads
from stream_app.worker.revealing import Revealing
from stream_app.worker.succession import Succession

_NOTHING: list[Merged] = []
NOW: Final = 0  # ms since the epoch: due whatever the time


class LeadProcessor:
    """See the module. `counts` tells what became of the records: `counted`, `duplicate`, `forwarded`, `erased`, a
    refusal's code, `stale` (a message of an earlier generation), `marked`; of keys: `linked`, `merged`, `conflict`, `erasure`; and how many of the counted, so far, were found to be
    machines': `machine`. `events` tells it by channel, and for events alone."""

    def __init__(self, scoring: Scoring, partition: int, state: StateReader, clock: Clock) -> None:
        self.scoring = scoring
        self.plan: Plan = scoring.leads
        self.partition = partition
        self._clock = clock
        self._leads = Partition(scoring, partition, state)
        self.counts = self._leads.counts
        self.events: Counter[tuple[str, str]] = Counter()
        self._channel = OTHER
        self._register = self._leads.register
        self._linking = Linking(self._leads)
        restated = RestatedLeads(self._leads, state, self._switched)
        self._versions, self._restating = restated.versions, restated.frame
        self._succession = Succession(scoring, LEAD_AGENT, partition, state, self._leads.send)
        self._revealing = Revealing(self._succession, self._register.entry, self._look, self._report)
        self._revealed = RevealedLeads(self._leads, self._succession, self._revealing)
        self._marking = Marking(self._leads)
        self._hearing = Hearing(self._leads, self._linking, restated, self._succession, clock)
        self._leads.forget = self._revealed.forget
        self._revealed.arm()

    @property
    def bounds(self) -> Mapping[str, int]:
        """See `Processor`."""
        return self._succession.bounds

    @property
    def reopen(self) -> bool:
        """See `Processor`."""
        return self._succession.reopen

    def _switched(self) -> None:
        """Another version of the model is in force."""
        self.scoring, self.plan = self._leads.scoring, self._leads.plan

    def _look(self, raw: bytes) -> None:
        self._register.find(raw.decode())

    def _report(self, left: int, of: int) -> None:
        self._leads.send(self._versions.report(left, of))
        self._revealed.arm()

    def restore(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Set the timers of recovered leads."""
        due: list[tuple[int, bytes]] = []
        for key, entry in entries:
            if key.startswith(ERASED):
                self._register.restore(key)
            elif is_version(key):
                continue
            elif (at := due_of(entry)) is not None:
                due.append((at, key))
        self._leads.wheel.fill(due)
        self._restating.restore(entries)
        self._revealing.restore(entries)

    def process(self, records: Sequence[InputRecord]) -> int:
        """Take records in merged order; those behind a takeover wait until the lane is opened anew."""
        channels, inbox = self.scoring.channels, self.scoring.names.lead_inbox
        skew = self._clock() + self.scoring.model.max_future_skew
        for index, record in enumerate(records):
            self._leads.timestamp = record.timestamp
            try:
                if record.topic == inbox:
                    self._inbox(record, skew)
                    if self._succession.reopen:
                        return index + 1
                else:
                    channel = channels[record.topic]
                    self._channel = channel or OTHER
                    self._event(record, channel, skew, None, _NOTHING)
            except Refusal as refusal:
                self._count(refusal.code)
                if not self._succession.repeats(record):
                    self._leads.send(dead_letter(self.scoring.names.dead_letters, without_merged(record), refusal))
        self._carry_on(len(records) // SHARE + 1)
        return len(records)

    def bounded(self) -> bool:
        """See `Processor`."""
        some = self._succession.stand(self._leads.is_quiet())
        if some and self._succession.revealing:
            self._revealed.begin()
        return some

    def _carry_on(self, budget: int) -> None:
        """What is done beside the records: leads under another version of the model, or from another generation."""
        if self._restating.waiting:
            self._restating.run(budget)
        if self._revealing.waiting:
            self._revealing.run(budget)

    def _inbox(self, record: InputRecord, skew: int) -> None:
        if not self._hearing.take(record):
            channel, lead = messages.header(record.headers, messages.CHANNEL), messages.header(record.headers, LEAD)
            self._channel = self.scoring.label(channel)
            self._event(record, channel, skew, lead, merged_with(record.headers))

    # -- events ---------------------------------------------------------------------------------------------------------

    def _event(
        self, record: InputRecord, channel: str | None, skew: int, sent_to: str | None, merged: list[Merged]
    ) -> None:
        """An event, first-hand or sent along to a lead, with the leads that it takes along."""
        activity = parse_event(record.value, channel=channel, headers=record.headers)
        keys = lead_keys(activity)
        if not keys:
            self._forward_to_account(record, activity.account_id or "", channel)
            return
        if self._succession.quarantine and self._condemned(record, activity, keys, sent_to, channel):
            return
        key = sent_to or keys[0]
        lead = self._register.at_hand(key)
        kept: Kept | None = None
        if lead is None:
            lead, kept = self._lead_of(record, key, keys, activity, channel, skew, merged)
            if lead is None:
                return
        subject = lead.subject
        if activity.time <= subject.erased_at:
            self._refuse(key, lead, merged)
            self._count("erased")
            return
        if sent_to is not None and subject.links.get(keys[0]) is False:
            self._forward(record, keys, keys[0], activity, channel, merged, skew)  # given back: its own again
            return
        if activity.time > skew:
            self._refuse(key, lead, merged)
            raise refusal_of("future", activity)
        refused = verdict(subject, activity, self.plan.lateness)
        if refused is not None:
            self._refuse(key, lead, merged)
            if refused == "duplicate":
                self._count("duplicate")
                return
            raise refusal_of(refused, activity)
        self._apply(lead, kept, keys, activity, merged)
        if activity.account_facts:
            self._forward_to_account(record, activity.account_id or lead.account_id or "", channel)
        self._count("counted")

    def _condemned(
        self, record: InputRecord, activity: Activity, keys: tuple[str, ...], sent_to: str | None, channel: str | None
    ) -> bool:
        """Whether an event of a condemned source is dealt with. Raises `Refusal` for one that is where it came in."""
        quarantine = self._succession.quarantine
        source = quarantine.of(activity) if quarantine is not None else None
        if source is None:
            return False
        if source in self.scoring.added:
            self._marking.mark(record, activity, keys, sent_to, channel)
            self._forward_to_account(record, self._marking.account_of(activity, keys) or "", channel)
        if sent_to is None:
            raise refuse(source)
        self._count("marked")
        return True

    def _count(self, result: str) -> None:
        self.counts[result] += 1
        self.events[self._channel, result] += 1

    def _lead_of(
        self,
        record: InputRecord,
        key: str,
        keys: tuple[str, ...],
        activity: Activity,
        channel: str | None,
        skew: int,
        merged: list[Merged],
    ) -> tuple[Lead | None, Kept | None]:
        """The lead of a key that is not at hand, with what the key has kept; None where the event is dealt with."""
        if not self._leads.is_home(key):
            self._forward(record, keys, key, activity, channel, merged, skew)
            return None, None
        found = self._register.find(key)
        if isinstance(found, Lead):
            return found, None
        if found is not None and activity.time <= found.erased_at:
            self._refuse(key, None, merged)
            self._count("erased")
            return None, None
        if isinstance(found, Alias):
            self._forward(record, keys, found.to, activity, channel, merged, skew)
            return None, None
        return self._register.new(key), found

    def _apply(
        self, lead: Lead, kept: Kept | None, keys: tuple[str, ...], activity: Activity, merged: list[Merged]
    ) -> None:
        """Apply an accepted event in the order of scoring.md section 6: advance, link and merge, add, evaluate."""
        unlink = is_unlink(activity)
        others: list[Subject] = []
        links = (merged or len(keys) > 1) and not unlink and (merged or not self._linking.known(lead, keys))
        if links:
            others = self._linking.link(lead, keys, activity, merged, lead.subject.clock < 0)
        to = activity.time
        for other in others:
            to = max(to, other.clock)
        new = self._leads.advanced(lead, to, kept)
        if others:
            self._leads.unite(lead, others, new, activity.event_id)
        before = lead.before(new and not others)
        lead.add(activity)
        if found := take_found(lead.subject):
            self.counts["machine"] += found
        if unlink and len(keys) > 1:
            self._linking.unlink(lead, keys)
        lead.settle(activity, before)
        self._leads.changed(lead, cause_of(activity))

    def _refuse(self, key: str, lead: Lead | None, merged: list[Merged]) -> None:
        if merged:
            self._linking.refuse(key, lead, merged)

    def _forward(
        self,
        record: InputRecord,
        keys: tuple[str, ...],
        to: str,
        activity: Activity,
        channel: str | None,
        merged: list[Merged],
        skew: int,
    ) -> None:
        """Send an event along to a lead, with the leads of its weaker keys that are here."""
        if len(keys) > 1 and activity.time <= skew:
            merged = [*merged, *self._linking.taken_along(keys, to, activity)]
        inbox = self.scoring.names.lead_inbox
        hops = hops_of(record.headers) if record.topic == inbox else 0
        self._leads.send(event_output(inbox, record, to, channel, hops + 1, merged))
        self._count("forwarded")

    def _forward_to_account(self, record: InputRecord, account: str, channel: str | None) -> None:
        """Send a record on to an account, where it states any."""
        if account:
            inbox = self.scoring.names.account_inbox
            self._leads.send(forwarded(inbox, record, account, messages.event_headers(channel)))
            self._count("forwarded")

    # -- time -----------------------------------------------------------------------------------------------------------

    def reached(self) -> int:
        """The greatest clock of a lead that has changed."""
        return self._leads.reached

    def timers(self) -> int:
        """How many timers wait."""
        return len(self._leads.wheel)

    def next_due(self) -> int | None:
        """When the first timer may fire."""
        if self._succession.still:
            return None
        return NOW if self._restating.waiting or self._revealing.waiting else self._leads.wheel.next()

    def advance(self, to_ms: int, budget: int) -> bool:
        """Carry the leads that are due to the last boundary that has passed, and some over to a new version of the model;
        True when more are due."""
        boundary = to_ms // self.plan.resolution * self.plan.resolution
        leads, register = self._leads, self._register
        for due, raw in leads.wheel.take(to_ms, budget):
            key = raw.decode()
            if register.is_changed(key) or register.due(raw) != due:
                continue
            lead = register.find(key)
            assert isinstance(lead, Lead), "only leads have a due time"
            lead.advance(max(due, boundary))
            leads.quiet.add(key)
            leads.changed(lead, Cause("decay"))
        self._carry_on(AT_ONCE)
        following = self.next_due()
        return following is not None and following <= to_ms

    def drain(self) -> Effects:
        """What came of the records and timers since the last drain."""
        changes, outputs, caused = self._leads.drain()
        changes = [*changes, *self._versions.changes(), *self._succession.changes()]
        return Effects(changes, self._succession.outputs(list(outputs)), caused)
