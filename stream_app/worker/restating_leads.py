"""Leads carried over to another version of the model (see `restating`)."""

from collections.abc import Callable

from stream_app.engine.encoding import encode, tag_of
from stream_app.runtime.lead import Lead
from stream_app.streaming.processor import Output, StateReader
from stream_app.streaming.settings import LEAD
from stream_app.worker.composition import Scoring
from stream_app.worker.partition import Partition
from stream_app.worker.register import opened
from stream_app.worker.restating import Entries, Restating, is_version
from stream_app.worker.versions import Version, Versions, carried_scores, differing_shares, public_moves


class RestatedLeads:
    """The leads of a partition, as `restating` sees them. `switched` is called when another version is in force."""

    def __init__(self, partition: Partition, state: StateReader, switched: Callable[[], None]) -> None:
        self.versions = Versions(partition.scoring, LEAD, partition.number, state)
        self.frame = Restating(self.versions, self, state)
        self._partition = partition
        self._switched = switched
        self._retell: dict[bytes | None, bool] = {}  # by the tag of a version that leads stand under
        partition.register.restate = self.restated
        self.switch(self.versions.current.scoring)

    def switch(self, scoring: Scoring) -> None:
        """See `Subjects`."""
        self._partition.switch(scoring)
        self._retell.clear()
        self._switched()

    def entries(self, state: Entries) -> Entries:
        """See `Subjects`."""
        return (one for one in state if not is_version(one[0]))

    def staged(self) -> Entries:
        """See `Subjects`."""
        return self.entries(self._partition.register.staged())

    def entry(self, raw: bytes) -> bytes | None:
        """See `Subjects`."""
        register = self._partition.register
        return None if register.at_hand(raw.decode()) is not None else register.entry(raw)

    def look(self, raw: bytes) -> None:
        """See `Subjects`. It is quiet, so it is worth looking ahead to when it is due next."""
        key = raw.decode()
        self._partition.register.find(key)
        self._partition.quiet.add(key)

    def send(self, output: Output) -> None:
        """See `Subjects`."""
        self._partition.send(output)

    def restated(self, state: bytes) -> Lead:
        """The lead of a stored state, carried over to the version in force."""
        chain, tag = self.versions.chain, tag_of(state)
        place = self.versions.origin(tag)
        if place < 0:  # that of a worker's file: nothing is known of it
            lead = opened(chain[-1].scoring.leads, state)
            lead.restate(lead.card.scores)
            self._tell(lead, chain[-1])
        else:
            lead = opened(chain[place].scoring.leads, state)
            for version in chain[place + 1 :]:
                lead = self._carried(lead, version)
        if tag not in self._retell:
            self._retell[tag] = place < 0 or differing_shares(chain[place].scoring, chain[-1].scoring)
        self._partition.restated(lead, self._retell[tag])
        return lead

    def _carried(self, lead: Lead, version: Version) -> Lead:
        """A lead under the version that followed its own."""
        if lead.subject.clock < version.at:
            lead.advance(version.at)
            self._partition.tell_moves(lead)
        plan = version.scoring.leads
        twin = opened(plan, encode(lead.plan, lead.subject))
        twin.restate(carried_scores(lead, plan))
        self._tell(twin, version)
        return twin

    def _tell(self, lead: Lead, version: Version) -> None:
        if public_moves(lead, version.mode):
            self._partition.tell_moves(lead, version.mode == "restated")
