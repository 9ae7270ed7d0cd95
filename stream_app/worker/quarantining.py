"""Events of condemned sources in a lane: refused, and where a side generation is built, their leads are marked.

The rule: a condemned event changes no score, fact or link. Every key that it names is told, in the partition of each, so that
a takeover finds all leads that such an event had touched, whether or not any other event makes them known.
"""

from stream_app.engine.activity import Activity
from stream_app.engine.ladders import Cause
from stream_app.ingest import Refusal
from stream_app.ingest.condemned import Condemned
from stream_app.runtime.lead import Lead
from stream_app.streaming.processor import InputRecord
from stream_app.worker.entries import Alias, Erased, Kept
from stream_app.worker.links import event_output, hops_of
from stream_app.worker.partition import Partition
from stream_app.worker.succession import QUARANTINED


def refuse(source: Condemned) -> Refusal:
    """The refusal of an event of a condemned source."""
    return Refusal("quarantined", f"its source is condemned: {source}")


class Marking:
    """See the module."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition

    def mark(
        self, record: InputRecord, activity: Activity, keys: tuple[str, ...], sent_to: str | None, channel: str | None
    ) -> None:
        """Mark the leads of an event's keys; of one that was sent along, that of the key it was sent to."""
        for key in (sent_to,) if sent_to is not None else keys:
            if not self._partition.is_home(key):
                self._send(record, key, channel)
                continue
            found = self._partition.register.find(key)
            if isinstance(found, Alias):
                self._send(record, found.to, channel)
            elif not isinstance(found, Erased):
                self._mark(key, found, activity)

    def _mark(self, key: str, found: Lead | Kept | None, activity: Activity) -> None:
        partition = self._partition
        if isinstance(found, Lead):
            lead = found
        else:
            lead = partition.register.new(key)
            partition.advanced(lead, activity.time, found)
        if QUARANTINED not in lead.subject.marks:
            lead.subject.marks[QUARANTINED] = (activity.time, activity.event_id, True)
            partition.changed(lead, Cause("activity", activity.event_id))

    def account_of(self, activity: Activity, keys: tuple[str, ...]) -> str | None:
        """The account that an event would have told facts of; None for none that is known."""
        if activity.account_id is not None or not activity.account_facts:
            return activity.account_id if activity.account_facts else None
        found = self._partition.register.find(keys[0]) if self._partition.is_home(keys[0]) else None
        return found.account_id if isinstance(found, Lead) else None

    def _send(self, record: InputRecord, key: str, channel: str | None) -> None:
        inbox = self._partition.scoring.names.lead_inbox
        hops = hops_of(record.headers) if record.topic == inbox else 0
        self._partition.send(event_output(inbox, record, key, channel, hops + 1, []))
