"""A replay in the place of a world that went on from day to day, as a generation of tables takes the live one's (decision 40).

The rule: what is known of a lead is the replay's, where it stands is what readers were told. From there it goes on under the
version, but for a lead that a newly condemned source had named: that stands where the replay has it.
"""

from collections.abc import Iterable

from stream_app.engine.activity import Activity
from stream_app.engine.ladders import Cause
from stream_app.engine.model.types import Model
from stream_app.engine.moment import Scores
from stream_app.engine.state import NEVER
from stream_app.history.followed import FollowedWorld
from stream_app.ingest.condemned import Quarantine
from stream_app.publishing.generation import Generation
from stream_app.runtime.lead import Lead
from stream_app.worker.publications import Mode
from stream_app.worker.versions import carried_scores


class Replayed(FollowedWorld):
    """What a generation makes of events, from the first on. Afterwards, `take_over`."""

    def __init__(self, model: Model, follow: frozenset[str], generation: Generation) -> None:
        super().__init__(model, follow, generation.condemned)
        self._generation = generation

    def replay(self, events: Iterable[Activity], now: int) -> None:
        """Take events, as they were at a time (ms): what claims to be later counts for nothing."""
        added = Quarantine(self._generation.added)
        for activity in events:
            self.apply(activity, now)
            if self.refused is not None and activity.time <= now + self.model.max_future_skew:
                self.name(activity, added.of(activity) is not None)

    def take_over(self, old: FollowedWorld, at: int | None, mode: Mode) -> None:
        """Take a world's place, which is of no use any more, at a time (None: at each lead's own clock)."""
        if at is not None:
            old.tick(at)
            self.tick(at)
        self._know(old)
        for key, was in old.leads.items():
            self.bring(self._follow & {key}, was.subject.clock)
        self.transitions = old.transitions
        new_links = self._follow & (self.aliases.keys() - old.aliases.keys())
        self.links = old.links + [(key, self.resolve(key)) for key in sorted(new_links)]
        for key in sorted(self._follow & self.leads.keys()):
            self._go_on(key, old, mode)
        self.touched = set(self._follow & self.leads.keys())

    def _know(self, old: FollowedWorld) -> None:
        """Know whom readers know, and nobody of whom condemned sources alone had told since."""
        for key in self._follow & self.leads.keys() - old.leads.keys():
            if self.leads[key].subject.latest == NEVER:
                del self.leads[key]
        for key in self._follow & old.leads.keys() - self.leads.keys() - self.aliases.keys():
            self._advanced(key, old.leads[key].subject.clock, [])
        ended = {key: old.leads[key].subject for key in old.leads.keys() & self.aliases.keys()}
        kept = {**self._kept, **old._kept, **ended}
        self._kept = {key: subject for key, subject in kept.items() if key not in self.leads}

    def _go_on(self, key: str, old: FollowedWorld, mode: Mode) -> None:
        """Let a lead go on from what readers know of it, and tell the moves."""
        was = old.leads.get(key)
        before: Scores = [None] * len(self.plan.score_names) if was is None else carried_scores(was, self.plan)
        if was is None or self.named.get(key):
            lead = self.leads[key]
            cause = Cause("model", None, self._generation.reason or None)
            lead.announce(self._told(key, old), cause, before)
        else:
            subject = self.leads[key].subject
            subject.ladders = {name: state.copy() for name, state in was.subject.ladders.items()}
            subject.settled = was.subject.settled
            lead = self._open(self.leads[key], self)
            lead.restate(before)
        self._restated(lead, mode)

    def _open(self, lead: Lead, world: FollowedWorld) -> Lead:
        """A copy of a lead of some world, as one of this."""
        copy = self.leads[lead.subject.key] = self.copied(lead, world)
        self._accounts.place(copy)
        return copy

    def _told(self, key: str, old: FollowedWorld) -> dict[str, tuple[str, int]]:
        """Where readers know a lead to stand, and how far its transitions have counted, by ladder."""
        was = old.leads.get(key)
        if was is not None:
            return {name: (state.stage, state.seq) for name, state in was.subject.ladders.items()}
        kept = old._kept.get(key)
        first = {ladder.name: ladder.stages[0].name for ladder in self.plan.ladders}
        return {name: (first.get(name, ""), state.seq) for name, state in (kept.ladders if kept else {}).items()}
