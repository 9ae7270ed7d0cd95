"""A running system under another version of its model (S9 of the specification: "publishing restates every lead at once")."""

import json
import random
from collections.abc import Iterable
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest

from stream_app.engine.model.load import load_model
from stream_app.engine.model.types import Model
from stream_app.engine.times import DAY, HOUR, MINUTE, format_time, parse_time
from stream_app.history.replay import Refused, finish, ordered, replay
from stream_app.ingest.ndjson import read_events
from stream_app.runtime.world import World
from stream_app.worker.publications import Publication, publication, publication_bytes
from stream_app.worker.versions import LONGEST, VERSIONS
from tests.pipeline.desk import Desk, event
from tests.pipeline.models import TEXT
from tests.pipeline.tables import accounts_at, leads_at

START = parse_time("2026-03-02T09:20:00Z")
END = START + 45 * DAY
PARTITIONS = 3
TOPICS = {"web": "web-events", "email": "email-events", "social": "social-events", "account": "account-events"}
KINDS = [("web", "page_view"), ("web", "page_view"), ("email", "open"), ("social", "like")]
EDITS = [
    ("points: 10, decay: {half_life: 2d}", "points: 17, decay: {half_life: 6d}"),
    ("total: {ge: 30}", "total: {ge: 22}"),
    ("tiers: {1: 3, 3: 12}", "tiers: {1: 8, 3: 9}"),
    ("account.score: 0.1", "account.score: 0.25"),
    ("rollup: {score: interest, sum: true, per_member: 40}", "rollup: {score: total_of_own, max: true}"),
    ("breadth: {fact: department", "breadth: {fact: job_title"),
    ("{growth: {ge: 0.2}}, points: 5", "{growth: {ge: 0.1}}, points: 30"),
    ("{stage: sql,", "{stage: opportunity,"),
    ("interest: {clamp: [0, 100], precision: 1}", "interest: {clamp: [0, 60], precision: 0}"),
]
COMBINED = "combined:\n"
OWN = "combined:\n  total_of_own: {weights: {interest: 2, fit: 1}}\n"


def edited(*numbers: int) -> Model:
    """The small model with some edits, each of which restates."""
    text = TEXT.replace(COMBINED, OWN)
    for number in numbers:
        old, new = EDITS[number]
        assert old in text, old
        text = text.replace(old, new)
    return load_model(text, "edited.yaml")


def history(chance: random.Random, count: int) -> list[dict[str, Any]]:
    """Events of some leads and accounts, by time."""
    events: list[dict[str, Any]] = []
    for number in range(count):
        told: dict[str, Any] = {"event_id": f"e{number}", "time": format_time(START + chance.randrange(29 * DAY))}
        if chance.random() < 0.1:
            told |= {"channel": "account", "type": "funding", "account_id": f"a{chance.randrange(4)}"}
        else:
            channel, kind = chance.choice(KINDS)
            told |= {"channel": channel, "type": kind, "user_id": f"u{chance.randrange(9)}"}
            if chance.random() < 0.3:
                told["facts"] = {
                    "job_title": chance.choice(["chief", "clerk"]),
                    "department": chance.choice(["it", "hr"]),
                }
            if chance.random() < 0.4:
                told["account_id"] = f"a{chance.randrange(4)}"
        if "account_id" in told and chance.random() < 0.3:
            told["account_facts"] = {"employees": chance.choice([5, 500]), "growth": chance.choice([0.1, 0.3])}
        events.append(told)
    return sorted(events, key=lambda one: str(one["time"]))


def replayed(model: Model, events: Iterable[dict[str, Any]]) -> tuple[World, list[Any]]:
    """The offline replay under one version."""
    world, moves = World(model), list[Any]()

    def refused(refusal: Refused) -> None:
        raise AssertionError(refusal)

    lines = read_events(BytesIO(b"\n".join(json.dumps(one).encode() for one in events)), "events")
    replay(world, ordered(lines, "time"), now=None, transition=moves.append, refused=refused)
    finish(world, END, moves.append)
    for lead in world.leads.values():
        lead.look()
    return world, moves


def sent(desk: Desk, one: dict[str, Any]) -> None:
    """Send an event where it belongs."""
    key = f"user:{one['user_id']}" if "user_id" in one else one["account_id"]
    desk.send(TOPICS[one["channel"]], one, key=key, timestamp=parse_time(one["time"]))


def scores(desk: Desk, model: Model) -> dict[str, Any]:
    """The score records of leads and accounts at the end, as the tables have them under a model."""
    found: dict[str, Any] = {}
    scoring = desk.scoring.under(model)
    for (agent, _), lane in desk.lanes.items():
        at = leads_at if agent == "lead" else accounts_at
        found |= at(scoring, {key: entry for key, entry in lane.state.items() if not key.startswith(VERSIONS)}, END)
    return found


def parts(record: dict[str, Any]) -> Any:
    """What of a score record is a function of what is known, not of the way there."""
    return (
        record["scores"],
        {name: round(value, 9) for name, value in record["raw"].items()},
        record["grades"],
        record["bands"],
        {reason["rule"]: round(reason["points"], 9) for reason in record["reasons"]},
    )


@pytest.mark.parametrize("seed", range(14))
def test_final_scores_are_those_of_a_replay_under_the_new_version(seed: int) -> None:
    """Whatever is restated when: by events, in the background, with restarts in between, over several versions."""
    chance = random.Random(seed)
    events = history(chance, 150)
    first = edited()
    desk, number, versions = Desk(first, partitions=PARTITIONS), 0, [first]
    publishing = sorted(chance.sample(range(20, 150), chance.choice([1, 1, 2, 3])))
    for place, one in enumerate(events):
        if place in publishing:
            number += 1
            versions.append(edited(*chance.sample(range(len(EDITS)), 4)))
            desk.publish(versions[-1], number, parse_time(one["time"]), chance.choice(["emit", "restated", "hold"]))
        sent(desk, one)
        if chance.random() < 0.5:
            while chance.random() < 0.8 and desk.nibble(chance):
                pass
        if chance.random() < 0.05:
            desk.restart()
    desk.run(7)
    for days in (30, 37, 45):
        desk.advance(START + days * DAY, budget=4)
        if chance.random() < 0.5:
            desk.restart()
    last = versions[-1]
    world, _ = replayed(last, events)
    expected = {record.get("lead") or record["account_id"]: parts(record) for record in world.scores()}
    assert {key: parts(record) for key, record in scores(desk, last).items()} == expected
    published = {**desk.latest("lead-scores"), **desk.latest("account-scores")}
    assert {record["model"]["version"] for record in published.values()} == {last.version}
    check_paths(desk)
    assert {
        len([key for key, _ in lane.state.items() if key.startswith(VERSIONS)]) for lane in desk.lanes.values()
    } == {2}


def check_paths(desk: Desk) -> None:
    """Transitions are numbered without a gap, and no id comes twice."""
    for subject in ("lead", "account"):
        for made in desk.transitions(subject).values():
            for ladder in {one["ladder"] for one in made}:
                assert [one["seq"] for one in made if one["ladder"] == ladder] == [
                    number + 1 for number in range(sum(one["ladder"] == ladder for one in made))
                ]
            for one, other in pairwise(made):
                assert one["at"] <= other["at"]
    ids = [record.json()["id"] for record in desk.records("transitions")]
    assert len(ids) == len(set(ids))
