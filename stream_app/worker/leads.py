"""The lead agent's work on one partition: records in, scores, transitions and messages out (design.md, "The path").

The rule kept here: a lead is known in the partition that murmur2 of its key names, and nowhere else; an event that lands
elsewhere is forwarded there. Every record ends as one of: counted, a duplicate, forwarded, a dead letter. Nothing raises
for what a producer sent.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from stream_app.engine.activity import Activity
from stream_app.engine.admission import verdict
from stream_app.engine.encoding import card_of, decode_with_card, encode
from stream_app.engine.forecast import next_change
from stream_app.engine.identity import lead_keys
from stream_app.engine.ladders import Cause
from stream_app.engine.plan import Plan
from stream_app.engine.published import Standing
from stream_app.engine.state import NEVER, Subject
from stream_app.ingest import Refusal, parse_event
from stream_app.runtime.documents import score_record, transitions
from stream_app.runtime.lead import Lead, cause_of
from stream_app.streaming.processor import Clock, Effects, InputRecord, Output, StateReader
from stream_app.streaming.transaction import default_partition
from stream_app.worker import messages
from stream_app.worker.composition import Scoring
from stream_app.worker.entries import due_of, pack, state_of
from stream_app.worker.messages import AccountSeen, Contribution, Member
from stream_app.worker.outbox import dead_letter, forwarded, message, score_output, transition_output
from stream_app.worker.refusals import refusal_of
from stream_app.worker.shares import shares_of
from stream_app.worker.shelf import Shelf
from stream_app.worker.wheel import Wheel

AT_HAND = 20_000  # decoded leads kept by a partition


class LeadProcessor:
    """See the module. `counts` tells what became of the records: `counted`, `duplicate`, `forwarded`, a refusal's code."""

    def __init__(self, scoring: Scoring, partition: int, state: StateReader, clock: Clock) -> None:
        self.scoring = scoring
        self.plan: Plan = scoring.leads
        self.partition = partition
        self.counts: Counter[str] = Counter()
        self._state = state
        self._clock = clock
        self._shelf: Shelf[Lead] = Shelf(AT_HAND, self._load)
        self._why: dict[str, Cause] = {}  # what last changed each changed lead
        self._outputs: list[Output] = []
        self._wheel = Wheel()
        self._quiet: set[str] = set()  # leads that a timer has carried on: worth looking ahead for

    def restore(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Set the timers of recovered leads."""
        due = ((due_of(entry), key) for key, entry in entries)
        self._wheel.fill([(at, key) for at, key in due if at is not None])

    def process(self, records: Sequence[InputRecord]) -> None:
        """Take records in merged order."""
        channels, inbox = self.scoring.channels, self.scoring.names.lead_inbox
        skew = self._clock() + self.scoring.model.max_future_skew
        for record in records:
            try:
                if record.topic == inbox:
                    self._inbox(record, skew)
                else:
                    self._event(record, channels[record.topic], skew)
            except Refusal as refusal:
                self.counts[refusal.code] += 1
                self._outputs.append(dead_letter(self.scoring.names.dead_letters, record, refusal))

    def _inbox(self, record: InputRecord, skew: int) -> None:
        kind = messages.header(record.headers, messages.KIND)
        if kind == messages.ACCOUNT:
            self._see_account(messages.read_account_seen(record.value or b""))
        else:
            self._event(record, messages.header(record.headers, messages.CHANNEL), skew)

    # -- events ---------------------------------------------------------------------------------------------------------

    def _event(self, record: InputRecord, channel: str | None, skew: int) -> None:
        activity = parse_event(record.value, channel=channel, headers=record.headers)
        keys = lead_keys(activity)
        if not keys:
            self._forward(record, self.scoring.names.account_inbox, activity.account_id or "", channel)
            return
        key = keys[0]
        lead = self._shelf.get(key)
        if lead.subject.clock == NEVER and default_partition(key.encode(), self.scoring.partitions) != self.partition:
            self._forward(record, self.scoring.names.lead_inbox, key, channel)
            return
        if activity.time > skew:
            raise refusal_of("future", activity)
        refused = verdict(lead.subject, activity, self.plan.lateness)
        if refused == "duplicate":
            self.counts["duplicate"] += 1
            return
        if refused is not None:
            raise refusal_of(refused, activity)
        self._apply(key, lead, activity)
        if activity.account_facts:
            self._forward(
                record, self.scoring.names.account_inbox, activity.account_id or lead.account_id or "", channel
            )
        self.counts["counted"] += 1

    def _apply(self, key: str, lead: Lead, activity: Activity) -> None:
        new = lead.subject.clock == NEVER
        lead.advance(activity.time)
        self._tell_moves(key, lead)
        before = lead.before(new)
        lead.add(activity)
        lead.settle(activity, before)
        self._changed(key, lead, cause_of(activity))

    def _forward(self, record: InputRecord, topic: str, key: str, channel: str | None) -> None:
        """Send a record on to where it belongs."""
        if not key:
            return
        self._outputs.append(forwarded(topic, record, key, messages.event_headers(channel)))
        self.counts["forwarded"] += 1

    # -- accounts -------------------------------------------------------------------------------------------------------

    def _see_account(self, seen: AccountSeen) -> None:
        """The lead's account has changed: advance to that time, see the change, evaluate."""
        lead = self._shelf.get(seen.lead)
        subject = lead.subject
        if subject.clock == NEVER:
            return
        if lead.account_id != seen.account_id:
            if subject.published is not None and subject.published[-2] == seen.account_id:
                # Away since the last drain, which the account does not know: should it come back, it is not told anew.
                subject.account = (seen.account_id, seen.view)
            return
        lead.advance(seen.at)
        self._tell_moves(seen.lead, lead)
        before = lead.card.scores
        subject.account = (seen.account_id, seen.view)
        lead.look()
        cause = Cause("fact", seen.event_id)
        lead.evaluate(cause, before)
        self._changed(seen.lead, lead, cause)

    # -- time -----------------------------------------------------------------------------------------------------------

    def next_due(self) -> int | None:
        """When the first timer may fire."""
        return self._wheel.next()

    def advance(self, to_ms: int, budget: int) -> bool:
        """Carry the leads that are due to the last boundary that has passed; True when more are due."""
        boundary = to_ms // self.plan.resolution * self.plan.resolution
        for due, raw in self._wheel.take(to_ms, budget):
            key = raw.decode()
            if key in self._shelf.changed or self._due_now(raw) != due:
                continue
            lead = self._shelf.get(key)
            lead.advance(max(due, boundary))
            self._quiet.add(key)
            self._changed(key, lead, Cause("decay"))
        following = self._wheel.next()
        return following is not None and following <= to_ms

    # -- effects --------------------------------------------------------------------------------------------------------

    def _changed(self, key: str, lead: Lead, cause: Cause) -> None:
        self._why[key] = cause
        self._shelf.change(key, lead)
        self._tell_moves(key, lead)

    def _tell_moves(self, key: str, lead: Lead) -> None:
        """Send the transitions made since the last look, as they are seen from now."""
        if lead.moves:
            topic, raw = self.scoring.names.transitions, key.encode()
            for document in transitions(lead, "lead", lead.account_id):
                self._outputs.append(transition_output(topic, document, raw))

    def drain(self) -> Effects:
        """What came of the records and timers since the last drain."""
        changes: list[tuple[bytes, bytes | None]] = []
        self._wheel.thin(self._due_now)
        for key, lead in self._shelf.take_changed().items():
            self._publish(key, lead)
            due = self._due(key, lead)
            raw = key.encode()
            if due is not None:
                self._wheel.add(due, raw)
            changes.append((raw, pack(due, encode(self.plan, lead.subject, lead.card))))
        self._why.clear()
        self._quiet.clear()
        outputs, self._outputs = self._outputs, []
        return Effects(changes, outputs)

    def _due_now(self, raw: bytes) -> int | None:
        entry = self._state.get(raw)
        return None if entry is None else due_of(entry)

    def _due(self, key: str, lead: Lead) -> int | None:
        """When to look at the lead again. Just after an event simply at its next unit, as more events may come."""
        if key in self._quiet:
            return next_change(lead)
        return lead.next_look()

    def _publish(self, key: str, lead: Lead) -> None:
        """Send the score record and the contributions to the account, where they have changed."""
        subject, names = lead.subject, self.scoring.names
        home = lead.account_id
        standing = Standing(lead)
        said = standing.said()
        known = subject.published
        if known is None or known[:-2] != said:
            subject.revision += 1
            document = score_record(lead, "lead", home, subject.revision, standing)
            self._outputs.append(score_output(names.lead_scores, document, key.encode()))
        shares = shares_of(self.scoring, lead) if home is not None and self.scoring.has_accounts else []
        told = known[-2:] if known is not None else [None, []]
        if self.scoring.has_accounts:
            self._tell_account(key, lead, told, home, shares)
        if subject.account is not None and subject.account[0] != home:
            subject.account = None  # the former account tells it no more: should it come back, it is told anew
        subject.published = [*said, home, [[share.score, share.value, share.counts] for share in shares]]

    def _tell_account(
        self, key: str, lead: Lead, told: list[Any], home: str | None, shares: list[Contribution]
    ) -> None:
        cause = self._why.get(key, Cause("decay"))
        left: str | None = told[0]
        if left is not None and left != home:
            self._send(Member(key, left, lead.subject.clock, cause.kind, cause.event_id, None))
        fresh = [[share.score, share.value, share.counts] for share in shares]
        if home is not None and (left != home or told[1] != fresh):
            self._send(Member(key, home, lead.subject.clock, cause.kind, cause.event_id, shares))

    def _send(self, member: Member) -> None:
        self._outputs.append(
            message(
                self.scoring.names.account_inbox,
                messages.MEMBER,
                member.account_id,
                messages.to_bytes(member),
                member.at,
            )
        )

    # -- state ----------------------------------------------------------------------------------------------------------

    def _load(self, key: str) -> Lead:
        entry = self._state.get(key.encode())
        if entry is None:
            return _lead(self.plan, Subject(key, len(self.plan.trackers)))
        subject, kept = decode_with_card(self.plan, state_of(entry))
        lead = _lead(self.plan, subject)
        if kept is not None:
            lead.resume(card_of(self.plan, subject, lead.view, kept))
        return lead


def _lead(plan: Plan, subject: Subject) -> Lead:
    def sight(account_id: str, time: int) -> Mapping[str, object]:
        seen = subject.account
        return seen[1] if seen is not None and seen[0] == account_id else {}

    return Lead(plan, subject, sight)
