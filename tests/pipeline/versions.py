"""Versions of the small model that differ by edits which restate, and histories to publish them in."""

import itertools
import json
import random
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from stream_app.engine.model.load import load_model
from stream_app.engine.model.types import Model
from stream_app.engine.times import DAY, format_time, parse_time
from stream_app.history.replay import Refused, finish, ordered, replay
from stream_app.ingest.ndjson import read_events
from stream_app.runtime.world import World
from stream_app.streaming.transaction import default_partition
from tests.pipeline.models import TEXT

START = parse_time("2026-03-02T09:20:00Z")
END = START + 45 * DAY
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
COUNTING = [
    ("limit: {times: 2, per: day}", "limit: {times: 1, per: week}"),
    ("on: {channel: social}, window: 3d", "on: {channel: [social, email]}, window: 9d"),
    ("on: {channel: web, type: page_view}, points: 10", "on: {channel: [web, email]}, points: 10"),
]
"""Edits that count from now on, unless everything is rebuilt."""
COMBINED = "combined:\n"
OWN = "combined:\n  total_of_own: {weights: {interest: 2, fit: 1}}\n"


def edited_text(*numbers: int, plain: bool = False) -> str:
    """The small model with some edits, each of which restates. `plain`: leads see no score of their account."""
    text = TEXT.replace(COMBINED, OWN)
    if plain:
        text = text.replace(", account.score: 0.1", "")
    for number in numbers:
        old, new = EDITS[number]
        assert old in text, old
        text = text.replace(old, new)
    return text


def rebuilt_text(chance: random.Random, plain: bool = False) -> str:
    """The small model with edits of both kinds."""
    numbers = [number for number, (old, _) in enumerate(EDITS) if not plain or "account.score" not in old]
    text = edited_text(*chance.sample(numbers, 3), plain=plain)
    for old, new in chance.sample(COUNTING, 2):
        text = text.replace(old, new)
    return text


def edited(*numbers: int, plain: bool = False) -> Model:
    """The same, read."""
    return load_model(edited_text(*numbers, plain=plain), "edited.yaml")


def history(chance: random.Random, count: int, leads: int = 9, accounts: int = 4) -> list[dict[str, Any]]:
    """Events of some leads and accounts, by time."""
    events: list[dict[str, Any]] = []
    for number in range(count):
        told: dict[str, Any] = {"event_id": f"e{number}", "time": format_time(START + chance.randrange(29 * DAY))}
        if chance.random() < 0.1:
            told |= {"channel": "account", "type": "funding", "account_id": f"a{chance.randrange(accounts)}"}
        else:
            channel, kind = chance.choice(KINDS)
            told |= {"channel": channel, "type": kind, "user_id": f"u{chance.randrange(leads)}"}
            if chance.random() < 0.3:
                told["facts"] = {
                    "job_title": chance.choice(["chief", "clerk"]),
                    "department": chance.choice(["it", "hr"]),
                }
            if chance.random() < 0.4:
                told["account_id"] = f"a{chance.randrange(accounts)}"
        if "account_id" in told and chance.random() < 0.3:
            told["account_facts"] = {"employees": chance.choice([5, 500]), "growth": chance.choice([0.1, 0.3])}
        events.append(told)
    return sorted(events, key=lambda one: str(one["time"]))


def ends(partitions: int) -> list[dict[str, Any]]:
    """An event at `END` for every partition of leads, whose account lies in the same partition of accounts."""
    return [
        {
            "event_id": f"end-{partition}",
            "time": format_time(END),
            "channel": "web",
            "type": "page_view",
            "user_id": _named("end-{}", "user:", partition, partitions),
            "account_id": _named("ends-{}", "", partition, partitions),
        }
        for partition in range(partitions)
    ]


def _named(pattern: str, prefix: str, partition: int, partitions: int) -> str:
    names = map(pattern.format, itertools.count())
    return next(name for name in names if default_partition((prefix + name).encode(), partitions) == partition)


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


def parts(record: dict[str, Any]) -> Any:
    """What of a score record is a function of what is known, not of the way there."""
    return (
        record["scores"],
        {name: round(value, 9) for name, value in record["raw"].items()},
        record["grades"],
        record["bands"],
        {reason["rule"]: round(reason["points"], 9) for reason in record["reasons"]},
    )
