"""The events that every contender reads, byte for byte the same, and what must come of them.

A lead's events are all on one topic, in one partition and in the order of their times: nobody's result depends on how
topics are merged. Some leads are busy and many are quiet, so that some cross 50, some of them several times. In every partition
of every topic, eleven events of a lead of its own come first, and eleven of another last: those leads' messages mark the
beginning and the end.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import orjson

from bench.peers.job import THRESHOLD, after_event
from stream_app.engine.times import HOUR, format_time
from stream_app.streaming.transaction import default_partition

PARTITIONS = 4
LEADS = 50_000
CHANNELS = ("web", "email", "social")
"""The inputs, in the order of the topics that carry them."""
SPAN = HOUR
RUN_UP = 11
"""As many events of a lead within some milliseconds make it cross 50."""

BEGIN, END = "begin", "end"

_PAGES = ("/pricing", "/docs", "/blog/a", "/blog/b", "/features", "/")


@dataclass(frozen=True, slots=True)
class Event:
    """A record: where it goes and what it holds. `time` is also its timestamp (ms)."""

    channel: int
    partition: int
    time: int
    key: bytes
    value: bytes


@dataclass(slots=True)
class Expected:
    """What a plain loop makes of the events: score by event id of each crossing, and each lead's last score."""

    events: int = 0
    crossings: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)


def home(user: int | str) -> tuple[bytes, int]:
    """Key and partition of a user, as the default partitioner of Java's client has it."""
    key = f"user:{user}".encode()
    return key, default_partition(key, PARTITIONS)


def mark(kind: str, channel: int, partition: int) -> str:
    """The user of a mark, in its partition."""
    names = (f"{kind}-{channel}-{partition}-{number}" for number in count())
    return next(name for name in names if home(name)[1] == partition)


def make_value(ident: str, channel: int, user: str, time: int, chance: random.Random) -> bytes:
    """An event of the project's own format, which the small job understands too: it reads `properties.at`."""
    properties: dict[str, object] = {"at": time}
    if channel == 0:
        type_ = "page_view"
        properties |= {"path": chance.choice(_PAGES), "dwell_seconds": chance.randrange(120)}
    elif channel == 1:
        type_ = chance.choice(("sent", "open", "open", "click"))
        properties |= {"email_id": f"n{chance.randrange(1, 8)}"}
    else:
        type_ = chance.choice(("like", "share", "comment"))
        properties |= {"network": "x"}
    event = {
        "event_id": ident,
        "channel": CHANNELS[channel],
        "type": type_,
        "time": format_time(time),
        "user_id": user,
        "properties": properties,
    }
    return orjson.dumps(event)


def make_events(number: int, start: int, expected: Expected) -> Iterator[Event]:
    """About `number` events from `start` (ms) on, in the order of time; what they lead to goes into `expected`."""
    chance = random.Random(7)
    idents = count()
    states: dict[bytes, tuple[float, int]] = {}

    def event(user: str, channel: int, key: bytes, partition: int, time: int) -> Event:
        ident = f"{next(idents):026d}"
        before, then = states.get(key, (0.0, 0))
        after = after_event(before, then, time)
        states[key] = (after, time)
        if before < THRESHOLD <= after:
            expected.crossings[ident] = after
        expected.events += 1
        return Event(channel, partition, time, key, make_value(ident, channel, user, time, chance))

    def marks(kind: str, time: int) -> Iterator[Event]:
        for channel in range(len(CHANNELS)):
            for partition in range(PARTITIONS):
                user = mark(kind, channel, partition)
                for late in range(RUN_UP):
                    yield event(user, channel, *home(user), time + late)

    yield from marks(BEGIN, start)
    homes: dict[int, tuple[bytes, int]] = {}
    step = (SPAN - 2000) / max(1, number)
    for turn in range(number - 2 * RUN_UP * len(CHANNELS) * PARTITIONS):
        lead = int(LEADS * chance.random() ** 2)
        if lead not in homes:
            homes[lead] = home(lead)
        yield event(str(lead), lead % len(CHANNELS), *homes[lead], start + 1000 + int(turn * step))
    yield from marks(END, start + SPAN - 2 * RUN_UP)
    expected.scores = {key.decode(): score for key, (score, _) in states.items()}
