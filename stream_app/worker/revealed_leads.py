"""Leads that were taken over from another generation, made public one by one (see `revealing`).

Whoever was a lead and is none any more is taken back: a tombstone where its key is another lead's by now, else an empty lead,
so that those who were told of its stage hear of its end.
"""

from stream_app.runtime.lead import Lead
from stream_app.worker.before import Before, before_key, go_on_from
from stream_app.worker.entries import Freed, Kept, Marker
from stream_app.worker.outbox import score_output
from stream_app.worker.partition import Partition
from stream_app.worker.revealing import Revealing
from stream_app.worker.succession import Succession
from stream_app.worker.versions import public_moves


class RevealedLeads:
    """The leads of a partition, as `revealing` sees them."""

    def __init__(self, partition: Partition, succession: Succession, revealing: Revealing) -> None:
        self._partition = partition
        self._register = partition.register
        self._succession = succession
        self._revealing = revealing

    def arm(self) -> None:
        """Hide, reveal, or do neither, as the lane's phase asks for."""
        self._partition.hides = self._revealing.hides if self._revealing.hiding else None
        self._register.reveal = self._reveal if self._succession.revealing else None

    def begin(self) -> None:
        """From now on what was taken over is public: nobody may be at hand who was looked at before."""
        self._partition.switch(self._partition.scoring)
        self._revealing.begin()
        self.arm()

    def look(self, raw: bytes) -> None:
        """See `Revealing`."""
        self._register.find(raw.decode())

    def _reveal(self, key: str, found: Lead | Marker | None) -> Lead | Marker | None:
        raw = key.encode()
        before = self._revealing.of(raw)
        if before is None:
            return found
        self._register.put(before_key(raw), None)
        if isinstance(found, Kept):
            return self._marked(key, found, before)
        if found is None and before.published is None:
            return self._freed(key, before)
        lead = found if isinstance(found, Lead) else self._register.new(key)
        self._go_on(lead, before)
        return lead

    def _go_on(self, lead: Lead, before: Before) -> None:
        succession = self._succession
        go_on_from(lead, before, succession.since, succession.reason, succession.touched(lead.subject))
        mode = self._succession.publication.mode
        subject, said = lead.subject, before.published
        told = subject.published[-2:] if subject.published is not None else [None, []]
        subject.published = None if said is None else [*said[:-2], *told]  # the account's table is the other one's, too
        if public_moves(lead, mode):
            self._partition.tell_moves(lead, mode == "restated")
        self._partition.restated(lead, True)
        self._partition.quiet.add(subject.key)

    def _marked(self, key: str, marker: Marker, before: Before) -> Marker:
        """A key that stands for no lead: what was public of it as one is taken back."""
        if before.published is not None:
            topic = self._partition.scoring.names.lead_scores
            self._partition.send(score_output(topic, {}, key.encode()))
        before.counted_by(marker)
        self._register.mark(key, marker)
        return marker

    def _freed(self, key: str, before: Before) -> Freed:
        """A key of which nothing is known but how far it has counted."""
        freed = Freed()
        before.counted_by(freed)
        self._register.mark(key, freed)
        return freed

    def forget(self, key: str) -> Before | None:
        """Take back what was public of a lead that is erased while it is hidden; what that was."""
        before = self._revealing.of(key.encode())
        if before is not None:
            self._register.put(before_key(key.encode()), None)
            if before.published is not None:
                topic = self._partition.scoring.names.lead_scores
                self._partition.send(score_output(topic, {}, key.encode()))
        return before
