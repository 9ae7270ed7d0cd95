"""What tests of the engine share: models from a few lines, events in one line, worlds fed with random histories."""

import json
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from stream_app.engine.activity import Activity
from stream_app.engine.encoding import card_of, decode_with_card, encode
from stream_app.engine.model.load import load_model
from stream_app.engine.model.types import Model
from stream_app.engine.plan import Plan
from stream_app.engine.state import Subject
from stream_app.engine.times import parse_time
from stream_app.ingest import Refusal
from stream_app.ingest.ndjson import read_events
from stream_app.runtime.lead import Lead
from stream_app.runtime.world import World
from tests.reference.cases import model_text
from tests.reference.random_wide import widen
from tests.reference.strategies import generate

Json = dict[str, Any]
HOUR = 3_600_000
DAY = 24 * HOUR


def model_of(document: str | Json) -> Model:
    """A model from its YAML or its document."""
    return load_model(document if isinstance(document, str) else model_text(_written_out(document)), "model.yaml")


def _written_out(part: Any) -> Any:
    """A copy in which nothing is shared: a model may have no YAML aliases."""
    if isinstance(part, dict):
        return {name: _written_out(value) for name, value in part.items()}
    return [_written_out(value) for value in part] if isinstance(part, list) else part


def event(event_id: str, time: str, kind: str = "view", **more: Any) -> Json:
    """An event of `user:u` on the web, as producers send it; `more` replaces and adds fields."""
    told: Json = {"event_id": event_id, "type": kind, "time": time, "channel": "web"}
    if not {"email", "anonymous_id", "account_id", "user_id"} & set(more):
        told["user_id"] = "u"
    return told | more


def crm(event_id: str, time: str, kind: str, **properties: Any) -> Json:
    """A CRM event of `user:u`."""
    return event(event_id, time, kind, channel="crm", properties=properties)


def activities(events: Iterable[Json]) -> list[Activity]:
    """Events as the edge reads them; those it refuses are left out."""
    raw = b"\n".join(json.dumps(one).encode() for one in events)
    return [line.event for line in read_events(BytesIO(raw), "events") if not isinstance(line.event, Refusal)]


def world_of(model: Model, events: Iterable[Json], until: str | int | None = None) -> World:
    """A world that has taken some events in order, ticked to `until`."""
    world = World(model)
    for activity in activities(events):
        world.apply(activity)
    if until is not None:
        world.tick(parse_time(until) if isinstance(until, str) else until)
    return world


def moves(world: World) -> list[str]:
    """Each transition so far in a line: ladder, stages, time, cause."""
    return [
        f"{made['ladder']}: {made['from']} -> {made['to']} at {made['at']} by {made['cause']['kind']}"
        for made in world.transitions
    ]


def scored(world: World, key: str = "user:u") -> Json:
    """The unrounded scores of a lead or account."""
    found = world.find(key)
    assert found is not None
    raw: Json = world.score(found)["raw"]
    return raw


def random_story(seed: int, *, accounts: bool = False) -> tuple[Json, list[Json], int]:
    """A random model with a random history, and a time not before any of it."""
    model, events, until = widen(generate(seed), seed)
    if not accounts:
        model = {name: part for name, part in model.items() if name != "account"}
    return model, events, max(until, max(parse_time(one["time"]) for one in events) + 1)


def reopened(plan: Plan, lead: Lead, *, with_card: bool) -> Lead:
    """The lead that its encoded state gives back."""
    raw = encode(plan, lead.subject, lead.card if with_card else None)
    subject, kept = decode_with_card(plan, raw)
    twin = Lead(plan, subject, lead.sight)
    if kept is not None:
        twin.resume(card_of(plan, subject, twin.view, kept))
    return twin


def new_lead(plan: Plan, key: str = "user:u") -> Lead:
    """A lead of which nothing is known."""
    return Lead(plan, Subject(key, len(plan.trackers)))


def take(lead: Lead, activity: Activity) -> None:
    """Apply an accepted event to a lead, as the worker does."""
    new = lead.subject.clock < 0
    lead.advance(activity.time)
    before = lead.before(new)
    lead.add(activity)
    lead.settle(activity, before)
