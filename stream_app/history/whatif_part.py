"""One part of a history under two models at once, event by event: who arrives at which stage under which of them.

A lead *arrives* at a stage when it moves up to it or past it, but not by order of the CRM: that is no model's doing. It
is *gained* if it arrives in the time looked at under B, and under A neither arrives in it nor stands there when it
begins; *lost* the other way round.
"""

import gc
import mmap
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from stream_app.engine.activity import Activity
from stream_app.engine.calendar import Calendar
from stream_app.engine.ladders import Move
from stream_app.engine.model.load import load_model
from stream_app.engine.published import rounded_scores
from stream_app.history.past import places
from stream_app.history.pool import Said
from stream_app.history.quiet import QuietWorld
from stream_app.history.whatif_tally import MOST_VALUES, OTHERS, UNKNOWN, Mover, ScoreTally, StageTally, Tally, count
from stream_app.ingest import Refusal, parse_event
from stream_app.runtime.lead import Lead

OWNER = "owner"
DELTAS = 5  # rules told of a lead
_SAY = 500
_LARGEST = 10**15


class Question(msgspec.Struct, frozen=True):
    """What is asked of every part. Models are their documents as JSON; times are milliseconds."""

    path: str
    models: tuple[str, str]
    ladder: str
    stages: tuple[str, ...]
    by: tuple[str, ...]  # facts, and `OWNER`
    since: int  # arrivals before do not count
    until: int
    now: int


class _Seen(msgspec.Struct):
    """What is remembered of a lead under one model: where it stood when the time began; by stage, when it arrived, and
    what its rules differed by at the first arrival."""

    stood: int = 0
    arrivals: dict[int, list[int]] = {}
    deltas: dict[int, dict[str, float]] = {}

    def add(self, other: "_Seen") -> None:
        self.stood = max(self.stood, other.stood)
        for stage, times in other.arrivals.items():
            known = self.arrivals.get(stage)
            if known is None or times[0] < known[0]:
                self.deltas[stage] = other.deltas.get(stage, {})
            self.arrivals[stage] = sorted((known or []) + times)


def try_part(setup: bytes, part: bytes, said: Said) -> bytes:
    """Replay one part (a `Work` of `pool`): an encoded `Question` and the places of its events; an encoded `Tally`."""
    question = msgspec.msgpack.decode(setup, type=Question)
    with no_collections():
        trial = _Trial(question)
        trial.run(part, said)
        found = msgspec.msgpack.encode(trial.tally())
        for side in trial.sides:
            side.world.close()
        return found


@contextmanager
def no_collections() -> Iterator[None]:
    """A world at work leaves no garbage, and `close` ends it: a collection would only look at everybody."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def events_at(path: str, part: bytes, said: Said, take: Callable[[Activity], None]) -> int:
    """Hand out the events of a part, in their order; how many of its lines were none."""
    unreadable = done = 0
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as bytes_:
        for offset, length in places(part):
            try:
                take(parse_event(bytes_[offset : offset + length].strip(), channel=None))
            except Refusal:
                unreadable += 1
            done += 1
            if done % _SAY == 0:
                said(_SAY)
    said(done % _SAY)
    return unreadable


class _Side:
    """One of the two models."""

    def __init__(self, document: str, question: Question) -> None:
        self.model = load_model(document, "the model")
        self.world = QuietWorld(self.model, self._moved)
        self.refused = 0
        self.seen: dict[str, _Seen] = {}
        self.fresh: list[tuple[str, int, list[float]]] = []  # lead, stage, contributions of first arrivals
        self._ladder = question.ladder
        self._since = question.since
        names = [
            stage.name for ladder in self.model.lead.ladders if ladder.name == self._ladder for stage in ladder.stages
        ]
        self._index = {name: index for index, name in enumerate(names)}
        self._wanted = [self._index[name] for name in question.stages]

    def _moved(self, lead: Lead, moves: list[Move]) -> None:
        for move in moves:
            if move.ladder == self._ladder:
                seen = self.seen.setdefault(lead.subject.key, _Seen(0, {}, {}))
                self._take(seen, lead.subject.key, move)

    def _take(self, seen: _Seen, key: str, move: Move) -> None:
        low, high = self._index[move.origin], self._index[move.target]
        if move.at < self._since:
            seen.stood = sum(stage <= high for stage in self._wanted)
            return
        if move.cause.kind == "crm":
            return
        for stage, index in enumerate(self._wanted):
            if low < index <= high:
                times = seen.arrivals.setdefault(stage, [])
                if not times:
                    self.fresh.append((key, stage, move.after.contributions))
                times.append(move.at)

    def points(self, contributions: list[float]) -> dict[str, float]:
        """Contributions by rule."""
        return {rule.id: points for rule, points in zip(self.world.plan.rules, contributions, strict=True) if points}

    def settled(self, resolve: Callable[[str], str]) -> dict[str, _Seen]:
        """What was seen, by the keys that leads go by in the end."""
        found: dict[str, _Seen] = {}
        for key, seen in self.seen.items():
            name = resolve(key)
            if name in found:
                found[name].add(seen)
            else:
                found[name] = seen
        return found


class _Trial:
    def __init__(self, question: Question) -> None:
        self.question = question
        self.sides = [_Side(document, question) for document in question.models]
        self.counts = Tally({}, {})
        self._week = Calendar(self.sides[1].model.timezone, "week")

    def run(self, part: bytes, said: Said) -> None:
        """Apply all events of the part to both worlds, then let time pass to the end of the history."""
        self.counts.events = sum(1 for _ in places(part))
        unreadable = events_at(self.question.path, part, said, self._apply)
        for side in self.sides:
            side.refused += unreadable
            side.world.tick(self.question.until)
        self._note_deltas()

    def _apply(self, activity: Activity) -> None:
        taken = False
        for side in self.sides:
            refused = side.world.apply(activity, self.question.now) is not None
            side.refused += refused
            taken |= not refused
        if taken and (self.counts.first is None or activity.time < self.counts.first):
            self.counts.first = activity.time
        if self.sides[0].fresh or self.sides[1].fresh:
            self._note_deltas()

    def _note_deltas(self) -> None:
        """Of each lead that just arrived: by how much each rule differs between the models."""
        for place, side in enumerate(self.sides):
            other = self.sides[1 - place]
            for key, stage, contributions in side.fresh:
                here, there = side.points(contributions), {}
                lead = other.world.find(key)
                if isinstance(lead, Lead):
                    there = other.points(lead.card.contributions)
                sign = 1 if place == 1 else -1
                differ = {
                    rule: sign * (here.get(rule, 0.0) - there.get(rule, 0.0)) for rule in here.keys() | there.keys()
                }
                largest = sorted(differ.items(), key=lambda item: (-abs(item[1]), item[0]))[:DELTAS]
                side.seen[key].deltas[stage] = {rule: round(value, 9) for rule, value in largest if abs(value) > 1e-9}
            side.fresh.clear()

    def tally(self) -> Tally:
        """What came of it."""
        counts, worlds = self.counts, [side.world for side in self.sides]
        counts.refused = [side.refused for side in self.sides]
        counts.leads = [len(world.leads) for world in worlds]
        seen = [side.settled(worlds[1].resolve) for side in self.sides]
        for position, stage in enumerate(self.question.stages):
            counts.stages[stage] = self._stage(position, seen)
        self._scores(counts.scores)
        return counts

    def _stage(self, stage: int, seen: list[dict[str, _Seen]]) -> StageTally:
        tally = StageTally({}, segments=[{} for _ in self.question.by], gained=[], lost=[])
        for key in seen[0].keys() | seen[1].keys():
            both = [one.get(key) or _Seen(0, {}, {}) for one in seen]
            arrivals = [one.arrivals.get(stage, []) for one in both]
            if not arrivals[0] and not arrivals[1]:
                continue
            values = self._values(key)
            for place, times in enumerate(arrivals):
                for time in times:
                    count(tally.weeks, self._week.span(time)[0], place, 2)
                if times:
                    tally.leads[place] += 1
                    self._segment(tally, values, place)
            self._compare(tally, key, stage, both, values)
        return tally

    def _compare(self, tally: StageTally, key: str, stage: int, both: list[_Seen], values: list[str]) -> None:
        before, after = (one.arrivals.get(stage) for one in both)
        if before and after:
            shift = after[0] - before[0]
            tally.both += 1
            tally.sooner += shift < 0
            tally.later += shift > 0
            tally.shifts += shift
            return
        place, times = (1, after) if after else (0, before)
        assert times is not None
        if both[1 - place].stood <= stage:
            mover = Mover(key, times[0], values, both[place].deltas.get(stage, {}))
            (tally.gained if place == 1 else tally.lost).append(mover)
            self._segment(tally, values, 2 if place == 1 else 3)

    def _segment(self, tally: StageTally, values: list[str], place: int) -> None:
        for counts, value in zip(tally.segments, values, strict=True):
            count(counts, value if value in counts or len(counts) < MOST_VALUES else OTHERS, place, 4)

    def _values(self, key: str) -> list[str]:
        """What a lead has of each segment, at the end; nothing of a key that was freed and did not come back."""
        lead = self.sides[1].world.find(key) or self.sides[0].world.find(key)
        if not isinstance(lead, Lead):
            return [UNKNOWN] * len(self.question.by)
        return [_text(lead.subject.mark(OWNER) if name == OWNER else lead.view.get(name)) for name in self.question.by]

    def _scores(self, tallies: dict[str, ScoreTally]) -> None:
        """How the scores of all leads lie at the end."""
        before, after = (_published(side.world) for side in self.sides)
        for key in before.keys() | after.keys():
            one, other = before.get(key, {}), after.get(key, {})
            for name in one.keys() | other.keys():
                tally = tallies.setdefault(name, ScoreTally({}))
                values = one.get(name), other.get(name)
                for place, value in enumerate(values):
                    if value is not None:
                        count(tally.values, int(max(-_LARGEST, min(_LARGEST, value // 1))), place, 2)
                if values[0] is not None and values[1] is not None:
                    tally.both += 1
                    tally.up += values[1] > values[0]
                    tally.down += values[1] < values[0]
                    tally.change += values[1] - values[0]


def _published(world: QuietWorld) -> dict[str, Mapping[str, float | None]]:
    plan = world.plan
    return {
        key: dict(zip(plan.score_names, rounded_scores(plan, lead.card.scores), strict=True))
        for key, lead in world.leads.items()
    }


def _text(value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
