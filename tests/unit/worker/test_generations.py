"""A table rebuilt beside the live one takes its place (decision 40): scores are those of a replay, and nobody hears twice."""

import random
from typing import Any

import pytest

from stream_app.engine.model.load import load_model
from stream_app.engine.model.types import Model
from stream_app.engine.times import DAY, parse_time
from stream_app.ingest.condemned import Condemned
from stream_app.worker.before import BEFORE
from stream_app.worker.succession import standing_in
from stream_app.worker.versions import VERSIONS
from tests.pipeline.desk import Desk
from tests.pipeline.public import faults
from tests.pipeline.succession import beside, settle, take_over, takeover_of
from tests.pipeline.tables import accounts_at, leads_at
from tests.pipeline.versions import END, START, TOPICS, edited_text, history, parts, rebuilt_text, replayed

PARTITIONS = 3


def sent(desk: Desk, one: dict[str, Any]) -> None:
    """Send an event where it belongs."""
    key = f"user:{one['user_id']}" if "user_id" in one else one["account_id"]
    desk.send(TOPICS[one["channel"]], one, key=key, timestamp=parse_time(one["time"]))


def tables(desk: Desk, model: Model) -> dict[str, Any]:
    """The score records of leads and accounts at the end, as the tables have them under a model."""
    found: dict[str, Any] = {}
    scoring = desk.scoring.under(model)
    for (agent, _), lane in desk.lanes.items():
        at = leads_at if agent == "lead" else accounts_at
        found |= at(scoring, {key: entry for key, entry in lane.state.items() if not key.startswith(VERSIONS)}, END)
    return found


def steady(desk: Desk, number: int) -> None:
    """Every lane is under a generation, and nothing waits to be made public."""
    for lane in desk.lanes.values():
        standing = standing_in(lane.state)
        assert standing is not None
        assert (standing.number, standing.phase, standing.takeover) == (number, "steady", None)
        assert [key for key, _ in lane.state.items() if key.startswith(BEFORE)] == []


def check_public(desk: Desk, version: str) -> None:
    """What readers were told (see `faults`)."""
    for base, subject in (("lead-scores", "lead"), ("account-scores", "account")):
        assert faults(desk.records(desk.manifest[base].name), desk.transitions(subject), version) == []


@pytest.mark.parametrize("seed", range(8))
def test_a_rebuilt_generation_takes_over(seed: int) -> None:
    """S405: with lanes that are killed on the way, events that come meanwhile, and edits that count from now on: afterwards
    all scores are those of a replay of all events under the new version."""
    chance = random.Random(seed)
    events = history(chance, 110)
    first = load_model(edited_text(), "first.yaml")
    second = load_model(rebuilt_text(chance), "second.yaml")
    live = Desk(first, partitions=PARTITIONS)
    side = beside(live, second)
    begins, takes = sorted(chance.sample(range(20, 110), 2))
    for place, one in enumerate(events):
        sent(live, one)
        while chance.random() < 0.6 and live.nibble(chance):
            pass
        if place >= begins:
            while chance.random() < 0.7 and side.nibble(chance):
                pass
        if place == takes:
            side.run(7)
            settle(side)
            for following in events[place + 1 : place + 4]:  # once more in their turn: duplicates
                sent(live, following)
            takeover = takeover_of(side, second, 1, chance.choice(["emit", "restated"]))
            take_over(live, side, takeover, chance)
    live.run(7)
    for days in (30, 37, 45):
        live.advance(START + days * DAY, budget=4)
        if chance.random() < 0.5:
            live.restart(side)
    steady(live, 1)
    world, _ = replayed(second, events)
    expected = {record.get("lead") or record["account_id"]: parts(record) for record in world.scores()}
    assert {key: parts(record) for key, record in tables(live, second).items()} == expected
    check_public(live, second.version)


def bots(chance: random.Random, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Some events of a condemned address; a few leads have no others."""
    for one in events:
        if "user_id" in one and (chance.random() < 0.15 or one["user_id"] == "u1"):
            one["properties"] = {"ip": f"203.0.113.{chance.randrange(256)}"}
        elif "user_id" not in one and chance.random() < 0.3:
            one["properties"] = {"ip": "203.0.113.9"}
    return events


@pytest.mark.parametrize("seed", range(8))
def test_a_condemned_source_is_taken_back(seed: int) -> None:
    """Only the leads and accounts that it had touched are rebuilt; scores are then those of a replay without its events, and
    what it goes on sending is refused."""
    chance = random.Random(seed)
    model = load_model(edited_text(plain=True), "model.yaml")
    events = bots(chance, history(chance, 110))
    network = [Condemned("ip", "203.0.113.0/24")]
    live = Desk(model, partitions=PARTITIONS)
    side = beside(live, model, condemned=network)
    begins, takes = sorted(chance.sample(range(20, 110), 2))
    for place, one in enumerate(events):
        sent(live, one)
        while chance.random() < 0.6 and live.nibble(chance):
            pass
        if place >= begins:
            while chance.random() < 0.7 and side.nibble(chance):
                pass
        if place == takes:
            side.run(7)
            settle(side)
            for following in events[place + 1 : place + 6]:  # once more in their turn: duplicates
                sent(live, following)
            terms = takeover_of(side, model, 1, reason="quarantine: ip", condemned=network)
            take_over(live, side, terms, chance)
    live.run(7)
    live.advance(END, budget=4)
    steady(live, 1)
    world, _ = replayed(model, [one for one in events if not condemned(one)])
    expected = {record.get("lead") or record["account_id"]: parts(record) for record in world.scores()}
    actual = {key: parts(record) for key, record in tables(live, model).items()}
    assert {key: actual[key] for key in expected} == expected
    assert all(not any(actual[key][0].values()) for key in actual.keys() - expected.keys() if key != "user:u1")
    causes = [one["cause"] for made in live.transitions().values() for one in made if one["cause"]["kind"] == "model"]
    assert {cause.get("reason") for cause in causes} <= {"quarantine: ip", None}
    check_public(live, model.version)


def condemned(event: dict[str, Any]) -> bool:
    """Whether an event is of the condemned address."""
    return "ip" in event.get("properties", {})
