"""Some leads scored twice from the same events: as they were scored then, under each version while it was in force, and as
one model would have scored them from the first event on.

The rule: both sides take the same steps in the same order, but for what is condemned on one of them, and a lead that one side has carried to a time the other carries
there too, so at every step the two can be held against each other. A step is an event, a version that goes live, or the end.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from stream_app.engine.activity import Activity
from stream_app.engine.identity import lead_keys
from stream_app.engine.model.types import Model
from stream_app.engine.published import Standing, cells, named
from stream_app.engine.times import parse_time
from stream_app.history.followed import FollowedWorld
from stream_app.history.progress import Progress
from stream_app.history.taking_over import Replayed
from stream_app.ingest.condemned import Condemned
from stream_app.publishing.generation import Generation
from stream_app.runtime.lead import Lead
from stream_app.worker.publications import Mode

Document = dict[str, Any]
_EVERY = 500  # steps between two words on how far it is


@dataclass(frozen=True)
class Version:
    """A version goes live: its `number` in the sequence of publications (0: the workers' own file), the time (ms) from
    which it is in force, what became of the transitions, who published it and why. `generation` is the one that took the live
    one's place with it, None where everybody was restated."""

    number: int
    at: int
    model: Model
    mode: Mode = "emit"
    by: str = ""
    note: str = ""
    generation: Generation | None = None


class End(NamedTuple):
    """Nothing more is known after this time (ms)."""

    at: int


Step = Activity | Version | End


@dataclass(frozen=True)
class Past:
    """What there is to be scored. `steps` gives them anew each time it is called, in the order in which they were taken.

    `first` is the version in force at the beginning, `today` the model that is held against what was. `follow` are all keys
    of the person, `lead` the one that the others have come to belong to. `until` is how far it is known, `now` the present:
    what claims to be later counts for nothing. `condemned` are the sources that count for nothing now.
    """

    first: Version
    today: Model
    steps: Callable[[], Iterator[Step]]
    count: int
    lead: str
    follow: frozenset[str]
    until: int
    now: int
    condemned: Sequence[Condemned] = ()


class Side(NamedTuple):
    """A lead at a time, on one side: what a score record would say."""

    scores: dict[str, float]
    grades: dict[str, str]
    bands: dict[str, str]
    stages: dict[str, str]

    def differing(self, other: "Side") -> list[str]:
        """The names of what is not the same on another side."""
        pairs: list[tuple[dict[str, Any], dict[str, Any]]] = list(zip(self, other, strict=True))
        return [
            name
            for mine, theirs in pairs
            for name in dict.fromkeys((*mine, *theirs))
            if mine.get(name) != theirs.get(name)
        ]


class Sides(NamedTuple):
    """A lead at a time, on both sides; None where there is no such lead."""

    then: Side | None
    today: Side | None


class Made(NamedTuple):
    """The transitions that a step has made."""

    then: list[Document]
    today: list[Document]


class Refused(NamedTuple):
    """The condemned source of which a step's event is, on each side; None where it counts."""

    then: Condemned | None
    today: Condemned | None


class Tracks:
    """See the module. `version` is the one in force, `refused` says whether the last step was refused."""

    def __init__(self, past: Past) -> None:
        self.version = past.first
        self.then = FollowedWorld(past.first.model, past.follow)
        self.today = FollowedWorld(past.today, past.follow, past.condemned)
        self.refused = Refused(None, None)
        self._past = past
        self._taken = 0

    def apply(self, step: Step) -> dict[str, int]:
        """Take a step; the clocks of the followed leads that were touched, on either side."""
        self.refused = Refused(None, None)
        if isinstance(step, Version):
            self._go_live(step)
        elif isinstance(step, End):
            for world in (self.then, self.today):
                world.bring(self._past.follow, step.at)
        else:
            self._take(step)
        self._taken += 1
        return self._evened()

    def _take(self, event: Activity) -> None:
        for world in (self.then, self.today):
            world.apply(event, self._past.now)
        self.refused = Refused(self.then.refused, self.today.refused)
        if self.today.refused is not None and event.time <= self._past.now:
            self.today.name(event, False, self.then.leads)
        if self.then.refused is not None:  # it moves nothing, but is looked at
            self.then.touched |= self._past.follow & {self.then.resolve(key) for key in lead_keys(event)}

    def _go_live(self, version: Version) -> None:
        # A system whose time passes only with the events restates each lead at its own clock.
        at = version.at if version.at <= self._past.until else None
        if version.generation is not None:
            self.then = self._taken_over(version, version.generation, at)
        elif version.model.version != self.then.model.version:
            self.then = self.then.under(version.model, at, version.mode)
        for world in (self.then, self.today):
            if at is not None:
                world.tick(at)
            world.touched |= self._past.follow & world.leads.keys()
        self.version = version

    def _taken_over(self, version: Version, generation: Generation, at: int | None) -> FollowedWorld:
        """The world that a generation, which has taken the same steps, puts in the place of that of then."""
        world = Replayed(version.model, self._past.follow, generation)
        steps = islice(self._past.steps(), self._taken)
        world.replay((step for step in steps if isinstance(step, Activity)), self._past.now)
        world.take_over(self.then, at, version.mode)
        return world

    def _evened(self) -> dict[str, int]:
        clocks: dict[str, int] = {}
        for world in (self.then, self.today):
            for key in world.touched:
                if key in world.leads:
                    clocks[key] = max(clocks.get(key, 0), world.leads[key].subject.clock)
        for world in (self.then, self.today):
            for key, clock in clocks.items():
                world.bring((key,), clock)
            world.touched.clear()
        return clocks

    @property
    def until(self) -> int:
        """How far the past is known (ms)."""
        return self._past.until

    def made(self) -> Made:
        """The transitions of the followed leads since they were last taken."""
        return Made(self.then.take_transitions(), self.today.take_transitions())

    def peek(self, key: str, at: int) -> tuple[Lead | None, Lead | None]:
        """Copies of a lead at a time that is not before its clock."""
        return self.then.peek(key, at), self.today.peek(key, at)

    def sides(self, key: str, at: int) -> Sides:
        """What would be published of a lead at a time that is not before its clock."""
        then, today = self.peek(key, at)
        return Sides(side_of(then), side_of(today))


def side_of(lead: Lead | None) -> Side | None:
    """What would be published of a lead."""
    if lead is None:
        return None
    plan, stands = lead.plan, Standing(lead)
    grades, bands = cells(plan, stands.scores)
    return Side(
        named(plan, stands.rounded),
        {cell.name: name for cell, name in zip(plan.grades, grades, strict=True) if name is not None},
        {cell.name: name for cell, name in zip(plan.bands, bands, strict=True) if name is not None},
        dict(zip((ladder.name for ladder in plan.ladders), stands.stages, strict=True)),
    )


@dataclass
class Survey:
    """What a first way through the steps finds, so that a second one knows where to look.

    `clocks` are those of the followed leads that a step touches, by the step's number; `falls` the moves that time alone
    makes on the way to a step, on either side: lead and time (ms), in order.
    """

    past: Past
    clocks: dict[int, dict[str, int]] = field(default_factory=dict)
    falls: dict[int, list[tuple[str, int]]] = field(default_factory=dict)
    links: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def is_person(self, key: str, number: int) -> bool:
        """Whether the lead that a key is at a step is, or comes to be, the person's."""
        for _ in range(len(self.links) + 1):
            following = next((link for link in self.links.get(key, ()) if link[0] >= number), None)
            if following is None:
                return key == self.past.lead
            number, key = following
        return False


def survey(past: Past, progress: Progress) -> Survey:
    """Go through all steps once."""
    tracks, found, seen = Tracks(past), Survey(past), set[tuple[str, int]]()
    for number, step in enumerate(past.steps()):
        clocks = tracks.apply(step)
        if clocks:
            found.clocks[number] = clocks
        falls = {(move["lead"], parse_time(move["at"])) for move in _by_time(tracks.made())} - seen
        if falls:
            found.falls[number] = sorted(falls, key=lambda fall: fall[::-1])
            seen |= falls
        for key, to in tracks.then.links:
            found.links.setdefault(key, []).append((number, to))
        tracks.then.links.clear()
        if number % _EVERY == 0:
            progress("looking", number, past.count)
    return found


def _by_time(made: Made) -> Iterable[Document]:
    return (move for moves in made for move in moves if move["cause"]["kind"] == "decay")
