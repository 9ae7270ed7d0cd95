"""A seeded month of touches, closed, so that the right answer is known: every lead has a known account at any time, and most
have one key. Every fourth is a visitor first, and has a name on a day of its own."""

import itertools
import json
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from stream_app.engine.times import format_time, parse_time
from stream_app.streaming.transaction import default_partition
from tests.lanes.kafka_tools import Row
from tests.pipeline.touchpoints import PARTITIONS, sentinels

START = parse_time("2018-07-01T00:00:00Z")
DAYS = 31
TOUCHES = (
    ("web", "Paid Search"),
    ("web", "Online Display"),
    ("email", "Online Video"),
    ("social", "Facebook"),
    ("social", "Instagram"),
    ("crm", "Paid Search"),
)
ORDER = ("web", "email", "social", "crm")
"""That of the topics in schemas/topics.yaml, which decides between events of the same time."""
BAD = (b"\xff{not JSON", b'{"event_id": "large", "note": "' + b"x" * 40_000 + b'"}')
"""Undecodable, and longer than an event may be."""


def touches(seed: int, events: int) -> list[dict[str, Any]]:
    """So many events for `examples/touchpoints-model.yaml`, by time, and an end for every partition.

    A lead has fifty of them, so that it goes up and down; an account has ten leads, some of which come and go.
    """
    chance = random.Random(seed)
    leads = max(10, events // 50)
    accounts = leads // 10
    made = [_touch(chance, number, chance.randrange(leads), accounts) for number in range(events)]
    made.sort(key=lambda event: (event["time"], ORDER.index(event["channel"]), event["event_id"]))
    return [*made, *sentinels()]


def _touch(chance: random.Random, number: int, lead: int, accounts: int) -> dict[str, Any]:
    channel, medium = chance.choices(TOUCHES, (4, 4, 4, 4, 4, 1))[0]
    time = START + chance.randrange(DAYS * 86_400) * 1000
    properties: dict[str, Any] = {"medium": medium}
    if channel == "crm":
        properties |= {"outcome": "won", "value": chance.randrange(1, 9)}
    return {
        "event_id": f"touch-{number:06d}",
        "channel": channel,
        "type": "outcome" if channel == "crm" else "impression",
        "time": format_time(time),
        **_keys(lead, time),
        "account_id": f"acct-{_account(lead, time, accounts)}",
        "properties": properties,
    }


def _keys(lead: int, time: int) -> dict[str, str]:
    """Who it is as far as is known: of a visitor all events carry its id, and from some day on its name too."""
    user = f"lead-{lead}"
    if lead % 4:
        return {"user_id": user}
    named = START + (2 + lead // 4 % 20) * 86_400_000
    return {"anonymous_id": _visitor(lead)} | ({"user_id": user} if time >= named else {})


@cache
def _visitor(lead: int) -> str:
    """A visitor's id; every second one belongs to the partition of the name it will have, the others to another one."""
    home = _home(f"user:lead-{lead}")
    names = map(f"visitor-{lead}-{{}}".format, itertools.count())
    return next(name for name in names if (_home(f"anon:{name}") == home) is (lead % 8 == 0))


def _home(key: str) -> int:
    return default_partition(key.encode(), PARTITIONS)


def wanderers(events: list[dict[str, Any]]) -> set[str]:
    """The leads that are told of from two partitions: which event comes first there is up to the workers, so are the
    stages that they pass through. Their scores are not."""
    keys = {
        f"user:{e['user_id']}": f"anon:{e['anonymous_id']}" for e in events if "user_id" in e and "anonymous_id" in e
    }
    return {key for user, anon in keys.items() if _home(user) != _home(anon) for key in (user, anon)}


def _account(lead: int, time: int, accounts: int) -> int:
    """Where a lead works: every third one moves to another company, on a day of its own, and half of those go back."""
    first, moves = lead % accounts, START + (4 + lead % 12) * 86_400_000
    if lead % 3 or time < moves or (lead % 2 and time >= moves + 8 * 86_400_000):
        return first
    return (first + 1) % accounts


def write(file: Path, events: list[dict[str, Any]]) -> None:
    """One event a line."""
    file.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")


def poison() -> Iterator[Row]:
    """What must stand at the head of every partition, by the time of the first event; every one has a key of its own."""
    for number, (partition, value) in enumerate(itertools.product(range(PARTITIONS), BAD)):
        yield partition, START, b"poison-%d" % number, value
