"""One app on one broker: topics of its own, a seeded backlog, and the right answer."""

import itertools
import json
import random
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lanes.kafka_tools import Row, fill, lag, make_topics, read_all, table
from tests.lanes.process import WorkerProcess, until

PARTITIONS = 4
START_MS = 1_700_000_000_000
_numbers = itertools.count()


@dataclass
class Scenario:
    """Names are unique in a test session. `rows` by topic, in the order sent."""

    broker: str
    directory: Path
    name: str = ""
    inputs: tuple[str, ...] = ("web", "email", "social")
    store: str = "memory"
    module: str = "tests.lanes.worker_main"
    group: str = ""
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.name = self.name or f"lane{next(_numbers)}"

    def topic(self, short: str) -> str:
        """A topic's name."""
        return f"{self.name}-{short}"

    @property
    def topics(self) -> list[str]:
        """The inputs' names, in order."""
        return [self.topic(short) for short in self.inputs]

    async def create(self, *outputs: str) -> None:
        """Make the topics."""
        names = [*self.topics, *map(self.topic, ("out", *outputs))]
        await make_topics(self.broker, names, PARTITIONS, [self.topic("changelog")])

    async def load(self, events: int, keys: int, seed: int = 1, shuffle_ms: int = 0) -> None:
        """Fill the inputs: keys spread over partitions, events over topics, timestamps rising (or shuffled a little)."""
        chance = random.Random(seed)
        rows: dict[str, list[Row]] = {short: [] for short in self.inputs}
        for number in range(events):
            key = chance.randrange(keys)
            when = START_MS + number * 7 - (chance.randrange(shuffle_ms) if shuffle_ms else 0)
            rows[chance.choice(self.inputs)].append((key % PARTITIONS, when, b"user:%d" % key, b"e%d" % number))
        for short, some in rows.items():
            self.rows.setdefault(short, []).extend(some)
            await fill(self.broker, self.topic(short), some)

    def worker(self, name: str, counting: Mapping[str, Any] | None = None, **settings: Any) -> WorkerProcess:
        """A worker of this app, not started."""
        agent = {
            "name": "lead",
            "topics": self.topics,
            "changelog": self.topic("changelog"),
            "table": "leads",
        }
        given = {
            "broker": self.broker,
            "app": self.name,
            "partitions": PARTITIONS,
            "agents": [agent],
            "data_dir": str(self.directory / "data"),
            "store": self.store,
            "counting": {"out": self.topic("out"), **(counting or {})},
            "limits": {"session_timeout": 2.0},
        }
        return WorkerProcess(self.directory, name, given | settings, self.module)

    async def lag(self) -> int:
        """Offsets not yet committed."""
        return await lag(self.broker, self.group or self.name, self.topics, PARTITIONS)

    async def caught_up(self, within: float = 60.0) -> None:
        """Return when everything is committed."""

        async def none_left() -> bool:
            return await self.lag() == 0

        await until(none_left, within)

    def expected(self) -> dict[bytes, tuple[int, int]]:
        """Count and hash per key, of all events in the order of (timestamp, topic, position)."""
        order = {short: number for number, short in enumerate(self.inputs)}
        events = sorted(
            (row[1], order[short], place, row[2], row[3])
            for short, rows in self.rows.items()
            for place, row in enumerate(rows)
        )
        state: dict[bytes, tuple[int, int]] = {}
        for _, _, _, key, value in events:
            count, digest = state.get(key, (0, 0))
            state[key] = (count + 1, zlib.crc32(value, digest))
        return state

    async def actual(self) -> dict[bytes, tuple[int, int]]:
        """Count and hash per key, as the changelog has them."""
        values = await table(self.broker, self.topic("changelog"), PARTITIONS)
        states = {key: json.loads(value) for key, value in values.items()}
        return {key: (state["n"], state["hash"]) for key, state in states.items()}

    async def told(self, short: str = "out") -> dict[bytes, list[Any]]:
        """What was sent to an output, per key in order."""
        found: dict[bytes, list[Any]] = {}
        for record in await read_all(self.broker, self.topic(short), PARTITIONS):
            found.setdefault(record.key, []).append(json.loads(record.value))
        return found

    def expected_told(self, every: int = 10) -> dict[bytes, list[Any]]:
        """What `out` must hold."""
        return {
            key: [{"n": n} for n in range(every, count + 1, every)]
            for key, (count, _) in self.expected().items()
            if count >= every
        }

    async def check_counts(self) -> None:
        """Every event counted once; for events that were sent while workers read, whose order is their arrival's."""
        counts = {key: count for key, (count, _) in (await self.actual()).items()}
        assert counts == {key: count for key, (count, _) in self.expected().items()}

    async def check(self) -> None:
        """Every event counted once and in order, every message sent once and in order."""
        differ("state", await self.actual(), self.expected())
        differ("messages", await self.told(), self.expected_told())


def differ(what: str, actual: Mapping[bytes, Any], expected: Mapping[bytes, Any]) -> None:
    """AssertionError with the first few keys that are not as expected."""
    wrong = sorted(key for key in actual.keys() | expected.keys() if actual.get(key) != expected.get(key))
    first = ", ".join(f"{key!r}: {actual.get(key)} not {expected.get(key)}" for key in wrong[:3])
    assert not wrong, f"{what}: {len(wrong)} of {len(expected)} keys are wrong: {first}"
