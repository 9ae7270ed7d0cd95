"""Messages to the leads of a partition: news of their accounts, links, erasures, versions of the model, generations.

The rule: a record of the inbox whose header says one of our kinds is a message and dealt with here; all others are events.
"""

from stream_app.engine.ladders import Cause
from stream_app.runtime.lead import Lead
from stream_app.streaming.processor import Clock, InputRecord
from stream_app.worker import messages
from stream_app.worker.erasing import Erasing
from stream_app.worker.linking import Linking
from stream_app.worker.links import LINKS, Erase, hops_of, read_link
from stream_app.worker.messages import AccountSeen
from stream_app.worker.partition import Partition
from stream_app.worker.publications import MODEL
from stream_app.worker.restating_leads import RestatedLeads
from stream_app.worker.succession import KINDS, Succession
from stream_app.worker.versions import public_moves


class Hearing:
    """See the module."""

    def __init__(
        self, partition: Partition, linking: Linking, restated: RestatedLeads, succession: Succession, clock: Clock
    ) -> None:
        self._partition = partition
        self._linking = linking
        self._erasing = Erasing(partition)
        self._restated = restated
        self._succession = succession
        self._clock = clock

    def take(self, record: InputRecord) -> bool:
        """Whether a record of the inbox is a message; then it is dealt with. Raises `Refusal` for what nobody of ours wrote."""
        if self._succession.stale(record):
            self._partition.counts["stale"] += 1
            return True
        kind = messages.header(record.headers, messages.KIND)
        if kind == messages.ACCOUNT:
            self._see_account(messages.read_account_seen(record.value or b""))
        elif kind == LINKS:
            self._link(record)
        elif kind == MODEL:
            if self._restated.frame.take(record.value, self._clock):
                self._partition.counts["model"] += 1
        elif kind is not None and kind in KINDS:
            self._succession.take(kind, record)
        else:
            return False
        return True

    def _link(self, record: InputRecord) -> None:
        key, message = (record.key or b"").decode("utf-8", "replace"), read_link(record.value)
        if isinstance(message, Erase):
            self._erasing.take(key, message, hops_of(record.headers))
        else:
            self._linking.take(key, message, hops_of(record.headers))

    def _see_account(self, seen: AccountSeen) -> None:
        """The lead's account has changed: advance to that time, see the change, evaluate."""
        lead = self._partition.register.find(seen.lead)
        if not isinstance(lead, Lead):
            return
        subject = lead.subject
        if lead.account_id != seen.account_id:
            if subject.published is not None and subject.published[-2] == seen.account_id:
                # Away since the last drain, which the account does not know: should it come back, it is not told anew.
                subject.account = (seen.account_id, seen.view)
            return
        lead.advance(seen.at)
        self._partition.tell_moves(lead)
        before = lead.card.scores
        subject.account = (seen.account_id, seen.view)
        lead.look()
        cause = Cause(seen.cause, seen.event_id)
        lead.evaluate(cause, before)
        if seen.cause == "model" and public_moves(lead, mode := self._restated.versions.current.mode):
            self._partition.tell_moves(lead, mode == "restated")
        self._partition.changed(lead, cause)
