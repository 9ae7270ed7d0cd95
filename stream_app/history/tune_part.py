"""One part of a history under one model whose ladder is there many times over, each with another threshold.

Scores don't depend on ladders: one pass tells what each threshold would have given. A copy of a ladder fares as the
ladder itself would, but for this: after an order of the CRM a lead may be looked at less than a unit sooner, and a late
order is obeyed before or after the event is judged. `tune` therefore replays what it has chosen once more, by itself.
"""

from dataclasses import replace
from functools import lru_cache

import msgspec

from stream_app.engine import ladders
from stream_app.engine.activity import Activity
from stream_app.engine.calendar import Calendar
from stream_app.engine.identity import lead_keys
from stream_app.engine.ladder_conditions import CompiledLadder
from stream_app.engine.ladders import Move
from stream_app.engine.model.load import load_model
from stream_app.engine.model.types import Ladder, Model
from stream_app.history.pool import Said
from stream_app.history.quiet import QuietWorld
from stream_app.history.whatif_part import events_at, no_collections
from stream_app.history.whatif_tally import count
from stream_app.runtime.lead import Lead, cause_of

_COPY = "\n"  # cannot be part of a ladder's name


class Trials(msgspec.Struct, frozen=True):
    """What is asked of every part: models as JSON documents, all but the thresholds alike; the first is the model."""

    path: str
    models: tuple[str, ...]
    ladder: str
    stage: str
    since: int
    until: int
    now: int


class Arrivals(msgspec.Struct):
    """Arrivals at the stage by week, a column for each model; and the time of the first event taken."""

    weeks: dict[int, list[int]] = {}
    first: int | None = None


def try_bars(setup: bytes, part: bytes, said: Said) -> bytes:
    """Replay one part (a `Work` of `pool`): an encoded `Trials` and the places of its events; an encoded `Arrivals`."""
    with no_collections():
        trials, model = _prepared(setup)
        run = _Run(trials, model)
        events_at(trials.path, part, said, run.apply)
        run.world.tick(trials.until)
        run.world.close()
        return msgspec.msgpack.encode(run.arrivals)


@lru_cache(maxsize=2)
def _prepared(setup: bytes) -> tuple[Trials, Model]:
    """The trials, and the one model that holds the ladders of all."""
    trials = msgspec.msgpack.decode(setup, type=Trials)
    models = [load_model(document, "the model") for document in trials.models]
    copies = [
        replace(_ladder(model, trials.ladder), name=f"{trials.ladder}{_COPY}{index}")
        for index, model in enumerate(models[1:], start=1)
    ]
    lead = models[0].lead
    return trials, replace(models[0], lead=replace(lead, ladders=(*lead.ladders, *copies)))


def _ladder(model: Model, name: str) -> Ladder:
    return next(ladder for ladder in model.lead.ladders if ladder.name == name)


class _World(QuietWorld):
    """Obeys the CRM on the copies of a ladder as on itself."""

    ladder = ""
    alone = False  # whether the model itself has no other ladder, so that an order need not name it
    copies: list[CompiledLadder]

    def apply(self, activity: Activity, now: int | None = None) -> str | None:
        if activity.channel != "crm" or activity.type != "stage_set":
            return super().apply(activity, now)
        properties = activity.properties
        if self.alone and properties.get("ladder") is None:
            activity = msgspec.structs.replace(activity, properties={**properties, "ladder": self.ladder})
        refused = super().apply(activity, now)
        if self.took and activity.properties.get("ladder") == self.ladder:
            self._obey(activity)
        return refused

    def _obey(self, activity: Activity) -> None:
        lead, stage = self.find(lead_keys(activity)[0]), activity.properties.get("stage")
        if not isinstance(lead, Lead) or not isinstance(stage, str):
            return
        cause, card = cause_of(activity), lead.card
        for one in self.copies:
            moves = ladders.obey(self.plan, lead.subject, one.name, stage, cause, activity.time, card, card.scores)
            if moves is not None:
                lead.obeyed(moves)
        self._gather(lead)


class _Run:
    def __init__(self, trials: Trials, model: Model) -> None:
        self.arrivals = Arrivals({})
        self._trials = trials
        self._size = len(trials.models)
        stages = [stage.name for stage in _ladder(model, trials.ladder).stages]
        self._index = {name: index for index, name in enumerate(stages)}
        self._stage = self._index[trials.stage]
        self._week = Calendar(model.timezone, "week")
        self.world = _World(model, self._moved)
        self.world.ladder = trials.ladder
        self.world.alone = len(model.lead.ladders) == self._size
        self.world.copies = [one for one in self.world.plan.ladders if _COPY in one.name]

    def apply(self, activity: Activity) -> None:
        """Take one event."""
        if self.world.apply(activity, self._trials.now) is None:
            if self.arrivals.first is None or activity.time < self.arrivals.first:
                self.arrivals.first = activity.time

    def _moved(self, lead: Lead, moves: list[Move]) -> None:
        for move in moves:
            name, _, number = move.ladder.partition(_COPY)
            if name != self._trials.ladder or move.cause.kind == "crm" or move.at < self._trials.since:
                continue
            if self._index[move.origin] < self._stage <= self._index[move.target]:
                count(self.arrivals.weeks, self._week.span(move.at)[0], int(number or 0), self._size)
