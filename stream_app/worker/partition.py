"""The leads of one partition and what is sent for them: scores, transitions, contributions, messages.

The rule: what is published of a lead is told once a drain, whatever happened to it in between; its transitions are told
as they are made. A lead that ceases to be one leaves nothing behind: a tombstone for its scores, no contribution.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from stream_app.engine.encoding import encode
from stream_app.engine.forecast import next_change
from stream_app.engine.ladders import Cause
from stream_app.engine.plan import Plan
from stream_app.engine.published import Standing
from stream_app.engine.state import NEVER, Subject
from stream_app.runtime.documents import score_record, transitions
from stream_app.runtime.lead import Lead
from stream_app.streaming.processor import Effects, Output, StateReader
from stream_app.streaming.transaction import default_partition
from stream_app.worker import messages
from stream_app.worker.before import Before
from stream_app.worker.composition import Scoring
from stream_app.worker.entries import Kept, pack
from stream_app.worker.links import Message, link_output
from stream_app.worker.messages import Contribution, Member
from stream_app.worker.outbox import message, score_output, transition_output
from stream_app.worker.register import Register, count_on
from stream_app.worker.shares import shares_of
from stream_app.worker.wheel import Wheel


class Partition:
    """See the module. `counts` tells what became of the records."""

    def __init__(self, scoring: Scoring, number: int, state: StateReader) -> None:
        self.scoring = scoring
        self.plan: Plan = scoring.leads
        self.number = number
        self.counts: Counter[str] = Counter()
        self.register = Register(self.plan, state, scoring.secret)
        self.wheel = Wheel()
        self.reached = NEVER  # the greatest clock of a lead
        self.quiet: set[str] = set()  # leads that a timer has carried on: worth looking ahead for
        self.timestamp = 0  # of the record at hand, which what comes of it keeps
        self._why: dict[str, Cause] = {}  # what last changed each changed lead
        self._anew: dict[str, bool] = {}  # leads restated since the last drain; whether their accounts are told anew
        self._outputs: list[Output] = []
        self._caused: list[int] = []  # timestamps of the records that made transitions
        self.hides: Callable[[bytes], bool] | None = None  # whether what happens to a lead is not public now
        self.forget: Callable[[str], Before | None] = lambda _: None  # takes back what was public of a hidden one

    def is_home(self, key: str) -> bool:
        """Whether a key belongs here."""
        return default_partition(key.encode(), self.scoring.partitions) == self.number

    # -- what happens to a lead -----------------------------------------------------------------------------------------

    def advanced(self, lead: Lead, to: int, kept: Kept | None) -> bool:
        """Bring a lead to a time; True if it is new. It then goes on counting from what its key has kept."""
        new = lead.subject.clock == NEVER
        lead.advance(to)
        if new and kept is not None:
            count_on(lead.subject, kept)
        self.tell_moves(lead)
        return new

    def unite(self, lead: Lead, others: Sequence[Subject], new: bool, event_id: str | None) -> None:
        """Merge others into a lead that has been advanced past their clocks. A new one takes over the first's stages."""
        before = lead.before(new)
        lead.unite(list(others), new)
        subject = lead.subject
        if subject.account is None:
            home = lead.account_id
            subject.account = next((one.account for one in others if one.account and one.account[0] == home), None)
        lead.look()
        lead.evaluate(Cause("merge", event_id), before)
        self.tell_moves(lead)
        self.counts["merged"] += len(others)

    def changed(self, lead: Lead, cause: Cause) -> None:
        """Something has happened to a lead."""
        key = lead.subject.key
        self.reached = max(self.reached, lead.subject.clock)
        self._why[key] = cause
        self.register.change(key, lead)
        if lead.moves:
            self.tell_moves(lead)

    def restated(self, lead: Lead, retell: bool) -> None:
        """A lead was carried over to another version of the model: it is published anew, and with `retell` so is what
        it brings to its account."""
        self._anew[lead.subject.key] = retell
        self.changed(lead, Cause("model"))

    def switch(self, scoring: Scoring) -> None:
        """Score under another version of the model from now on. What has happened so far is told under the present one."""
        self.register.switch(scoring.leads, self._packed())
        self.scoring, self.plan = scoring, scoring.leads

    def tell_moves(self, lead: Lead, restated: bool = False) -> None:
        """Send the transitions made since the last look, as they are seen from now."""
        if lead.moves:
            topic, raw = self.scoring.names.transitions, lead.subject.key.encode()
            if self.hides is not None and self.hides(raw):
                lead.moves = []
                return
            for document in transitions(lead, "lead", lead.account_id, restated):
                self._outputs.append(transition_output(topic, document, raw))
                if document["cause"]["kind"] not in ("decay", "model"):
                    self._caused.append(self.timestamp)

    def retire(self, lead: Lead, cause: Cause) -> None:
        """A lead is one no more: take back what was published of it. What becomes of its key is up to the caller."""
        subject = lead.subject
        told = subject.published
        if told is not None:
            raw = subject.key.encode()
            if self.hides is None or not self.hides(raw):
                self._outputs.append(score_output(self.scoring.names.lead_scores, {}, raw))
            if told[-2] is not None and self.scoring.has_members:
                self._tell(Member(subject.key, told[-2], subject.clock, cause.kind, cause.event_id, None))
        subject.published = None

    def is_quiet(self) -> bool:
        """Whether nothing has come of records that is not drained."""
        return not (self._outputs or self.register.any_changed())

    # -- what is sent ---------------------------------------------------------------------------------------------------

    def send(self, output: Output) -> None:
        """Send a record along with what else comes of the records."""
        self._outputs.append(output)

    def send_link(self, to: str, body: Message, hops: int = 0) -> None:
        """Send a message to a key."""
        self._outputs.append(link_output(self.scoring.names.lead_inbox, to, body, self.timestamp, hops))

    def drain(self) -> Effects:
        """What came of the records and timers since the last drain."""
        self.wheel.thin(self.register.due)
        packed = self._packed()
        changes = [*self.register.take_marks(), *packed]  # of several changes of a key the last counts
        outputs, self._outputs = self._outputs, []
        caused, self._caused = self._caused, []
        return Effects(changes, outputs, caused)

    def _packed(self) -> list[tuple[bytes, bytes]]:
        """Publish the leads that have changed since the last look; their entries."""
        packed = []
        for key, lead in self.register.take_changed().items():
            self._publish(key, lead)
            due = next_change(lead) if key in self.quiet else lead.next_look()
            raw = key.encode()
            if due is not None:
                self.wheel.add(due, raw)
            packed.append((raw, pack(due, encode(self.plan, lead.subject, lead.card))))
        self._why.clear()
        self._anew.clear()
        self.quiet.clear()
        return packed

    def _publish(self, key: str, lead: Lead) -> None:
        """Send the score record and the contributions to the account, where they have changed."""
        subject, names = lead.subject, self.scoring.names
        home = lead.account_id
        standing = Standing(lead)
        said = standing.said()
        known = subject.published
        hidden = self.hides is not None and self.hides(key.encode())
        if not hidden and (known is None or known[:-2] != said or key in self._anew):
            subject.revision += 1
            document = score_record(lead, "lead", home, subject.revision, standing)
            self._outputs.append(score_output(names.lead_scores, document, key.encode()))
        shares = shares_of(self.scoring, lead) if home is not None and self.scoring.has_members else []
        told = known[-2:] if known is not None else [None, []]
        if self.scoring.has_members:
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
            self._tell(Member(key, left, lead.subject.clock, cause.kind, cause.event_id, None))
        fresh = [[share.score, share.value, share.counts] for share in shares]
        if home is not None and (left != home or told[1] != fresh or self._anew.get(key, False)):
            self._tell(Member(key, home, lead.subject.clock, cause.kind, cause.event_id, shares))

    def _tell(self, member: Member) -> None:
        self._outputs.append(
            message(
                self.scoring.names.account_inbox,
                messages.MEMBER,
                member.account_id,
                messages.to_bytes(member),
                member.at,
            )
        )
