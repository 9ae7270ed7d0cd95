"""A seeded month of people who move between companies, for `tests/pipeline/models.py`, and one company of thousands."""

import itertools
import json
import random
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from stream_app.engine.model.types import Model
from stream_app.engine.times import DAY, format_time, parse_time
from stream_app.history.replay import Refused, finish, ordered, replay
from stream_app.ingest.ndjson import read_events
from stream_app.runtime.world import World
from stream_app.streaming.transaction import default_partition

START = parse_time("2026-03-02T09:20:00Z")
GATHERED = START + 28 * DAY
END = START + 29 * DAY
"""Less than the model's lateness after the start."""
LARGE = "large"
DEPARTMENTS = ("it", "sales", "law", "board")

Event = dict[str, Any]


def crowd(count: int) -> list[Event]:
    """The first views of so many people of one company, all in one unit, after everything else."""
    return [
        _event(
            f"crowd-{number}", GATHERED + number % 1000, "web", "page_view", user_id=f"crowd-{number}", account_id=LARGE
        )
        for number in range(count)
    ]


def month(seed: int, events: int) -> list[Event]:
    """People of few companies, by time: they do something, move to another company, turn out to be one; things happen to
    their companies."""
    chance = random.Random(seed)
    made = [_touch(chance, number) for number in range(events)]
    made += [_linked(person, START + 20 * DAY + person) for person in range(0, 60, 5)]
    made.sort(key=lambda event: str(event["time"]))
    return made


def _touch(chance: random.Random, number: int) -> Event:
    time = START + round(chance.random() * 28 * DAY)
    if chance.random() < 0.05:
        facts = {"employees": chance.choice([5, 50, 500, None]), "growth": chance.choice([0.1, 0.3])}
        kind = chance.choice(["funding", "update"])
        return _event(f"e{number}", time, "account", kind, account_id=_company(chance), account_facts=facts)
    person = chance.randrange(60)
    event = _event(f"e{number}", time, "web", "page_view", **_keys(chance, person, time))
    if chance.random() < 0.2:
        event |= {"facts": {"department": chance.choice(DEPARTMENTS), "job_title": chance.choice(["chief", "clerk"])}}
    if chance.random() < 0.2:
        event |= {"account_id": _company(chance)}
    return event


def _company(chance: random.Random) -> str:
    return f"company-{chance.randrange(5)}"


def _keys(chance: random.Random, person: int, time: int) -> Event:
    """Every fifth person is unknown by name until twenty days are over."""
    if person % 5 == 0 and time < START + 20 * DAY and chance.random() < 0.5:
        return {"anonymous_id": f"visitor-{person}"}
    return {"user_id": f"person-{person}"}


def _linked(person: int, time: int) -> Event:
    keys = {"anonymous_id": f"visitor-{person}", "user_id": f"person-{person}"}
    return _event(f"link-{person}", time, "web", "identify", **keys)


def _event(ident: str, time: int, channel: str, kind: str, **more: Any) -> Event:
    return {"event_id": ident, "time": format_time(time), "channel": channel, "type": kind, **more}


def ends(partitions: int) -> Iterator[Event]:
    """An event of `END` for every partition of leads, whose account lies in the same partition of accounts."""
    for partition in range(partitions):
        lead, account = _named("end-{}", "user:", partition, partitions), _named("ends-{}", "", partition, partitions)
        yield _event(f"end-{partition}", END, "web", "page_view", user_id=lead, account_id=account)


def _named(pattern: str, prefix: str, partition: int, partitions: int) -> str:
    names = map(pattern.format, itertools.count())
    return next(name for name in names if default_partition((prefix + name).encode(), partitions) == partition)


def foretold(model: Model, events: list[Event]) -> dict[str, Event]:
    """The final score records by lead and account, once leads have seen what became of their accounts' scores."""
    world = World(model)
    lines = read_events(BytesIO(b"\n".join(json.dumps(event).encode() for event in events)), "events")

    def refused(refusal: Refused) -> None:
        raise AssertionError(refusal)

    replay(world, ordered(lines, "time"), now=None, transition=lambda _: None, refused=refused)
    finish(world, END, lambda _: None)
    for lead in world.leads.values():
        lead.look()
    return {record.get("lead") or record["account_id"]: record for record in world.scores()}
