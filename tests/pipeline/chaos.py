"""Faults in the middle of a month's scoring, in the manner of Kafka Streams' EosTestDriver, held to the offline replay.

    python -m tests.pipeline.chaos --seed 1 --faults 14 [--sabotage]

Three supervised workers (two with their state in memory, one in RocksDB) work a backlog off. Each fault lands when all
lanes are at work, some of the backlog is done and some is left (asserted); the next waits until more was done.
"""

import argparse
import asyncio
import json
import random
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from stream_app.local.kafka import KafkaServer
from stream_app.ops.topics_admin import create_topics
from stream_app.topics import Manifest, Topic
from tests.lanes.kafka_tools import COMPACT, fill, lag
from tests.lanes.process import WorkerProcess, until
from tests.pipeline.story import poison, touches, wanderers, write
from tests.pipeline.system import System
from tests.pipeline.touchpoints import END, MODEL, PARTITIONS, replayed
from tests.pipeline.verdict import problems

FAULTS = (
    "kill",
    "stop",
    "freeze",
    "broker restart",
    "broker kill",
    "kill, and join while recovering",
    "kill and wipe the data",
)
BY_ITSELF = 70
"""The exit code of a worker that could not go on."""


def _compacting(topic: Topic) -> Topic:
    """Changelogs are compacted whenever the broker looks; the rest is as the manifest has it."""
    if topic.kind != "changelog":
        return topic
    eager = {**COMPACT, "min.compaction.lag.ms": "0", "max.compaction.lag.ms": "3000"}
    return replace(topic, config={**topic.config, **eager})


@dataclass
class ChaosSystem(System):
    """A system whose progress is known without transactions too. `plain` takes them out."""

    plain: bool = False

    async def create(self) -> Self:
        """Make the topics."""
        topics = Manifest(tuple(map(_compacting, self.manifest)), self.manifest.prefix, self.manifest.fallback)
        await create_topics(self.broker, topics)
        return self

    async def lag(self) -> int:
        """See System."""
        return await self.left([topic.name for topic in self.manifest if topic.kind in ("event", "inbox")])

    async def left(self, topics: Sequence[str]) -> int:
        """How many offsets of some topics are not committed."""
        return await lag(self.broker, self.group + "-shadow" if self.plain else self.group, topics, self.partitions)


class Worker(WorkerProcess):
    """A worker that is started again; each life has a log of its own."""

    def __init__(self, system: ChaosSystem, name: str, store: str, slow: Path) -> None:
        settings = {
            "broker": system.broker,
            "prefix": system.manifest.prefix,
            "group": system.group,
            "partitions": system.partitions,
            "model": str(system.model_file),
            "data_dir": str(system.directory / f"{name}.data"),
            "store": store,
            "slow": str(slow),
            "plain": system.plain,
        }
        super().__init__(system.directory, name, settings, "tests.pipeline.chaos_worker")
        self.name, self.lives, self.slow = name, 0, slow

    def start(self) -> Self:
        """Start it (again)."""
        self.lives += 1
        self.log = self.log.with_name(f"{self.name}-{self.lives}.log")
        return super().start()

    @property
    def lanes(self) -> set[str]:
        """What it has, as far as it says."""
        return self.assigned() - {"-"} if self.running else set()


class Chaos:
    """Three workers and a broker, and what can happen to them. `done` tells what did."""

    def __init__(self, system: ChaosSystem, server: KafkaServer, seed: int) -> None:
        self.system, self.server, self.chance = system, server, random.Random(seed)
        self.slow = system.directory / "slow"
        self.slow.touch()
        stores = ("memory", "rocksdb", "memory")
        self.workers = [Worker(system, f"w{number}", store, self.slow) for number, store in enumerate(stores)]
        self.loaded = 0
        self.down: set[Worker] = set()
        self.done: list[str] = []
        self.ends: Counter[str] = Counter()

    # -- the frame ------------------------------------------------------------------------------------------------------

    async def load(self, events: Path) -> list[str]:
        """Fill the topics; the keys of what must become dead letters."""
        rows = list(poison())
        await fill(self.system.broker, self.system.topic("web-events"), rows)
        await self.system.produce(events)
        self.loaded = await self.left()
        return [row[2].decode() for row in rows]

    async def left(self) -> int:
        """How much of the backlog is not done."""
        return await self.system.left([topic.name for topic in self.system.manifest.events() if topic.reader == "lead"])

    def keep_running(self) -> None:
        """What a supervisor does. A worker that ended by itself must have said so by its exit code."""
        for worker in self.workers:
            if worker.running or worker in self.down:
                continue
            code = None if worker.process is None else worker.process.returncode
            if code is not None:
                assert code in (0, BY_ITSELF, -signal.SIGKILL), f"exit code {code}: {worker.said()[-3000:]}"
                self.ends[{0: "stopped", BY_ITSELF: "by itself"}.get(code, "killed")] += 1
            worker.start()

    async def wait(self, holds: Callable[[], Awaitable[bool]], within: float, what: str) -> None:
        """Return when a condition holds, starting again what ends meanwhile."""

        async def supervised() -> bool:
            self.keep_running()
            return await holds()

        await until(supervised, within, lambda: what + "\n" + "\n".join(one.said()[-1500:] for one in self.workers))

    async def at_work(self, among: Iterable[Worker]) -> None:
        """Return when some workers have all lanes between them, each at least one, and the backlog has shrunk since."""
        crew, number = list(among), 2 * PARTITIONS

        async def manned() -> bool:
            lanes = [worker.lanes for worker in crew]
            return all(lanes) and sum(map(len, lanes)) == len(set().union(*lanes)) == number

        await self.wait(manned, 90, f"the lanes are not all with {[worker.name for worker in crew]}")
        before = await self.left()

        async def shrunk() -> bool:
            return await self.left() < before

        await self.wait(shrunk, 60, f"no progress from a lag of {before}")

    async def run(self, faults: Iterable[str]) -> None:
        """Faults one after the other, then the rest of the backlog at full speed."""
        try:
            for kind in faults:
                await self.at_work(self.workers)
                left = await self.left()
                assert 0 < left < self.loaded, f"lag {left} of {self.loaded} before {kind}: make the backlog longer"
                print(f"lag {left} of {self.loaded}: {kind}", file=sys.stderr, flush=True)
                self.done.append(kind)
                # Progress was seen just now: not always right after a commit.
                await asyncio.sleep(self.chance.uniform(0, 0.5))
                await self.fault(kind, self.chance.choice(self.workers))
            assert await self.left() > 0, "the backlog was gone before the last fault was over: make it longer"
            self.slow.unlink()

            async def none_left() -> bool:
                return await self.system.lag() == 0 and await self.system.lag() == 0

            await self.wait(none_left, 180, "the backlog is not worked off")
            await self.system.settled(END, 60)
            for worker in self.workers:
                assert worker.stop(within=12) == 0, worker.said()[-3000:]
        finally:
            for worker in self.workers:
                worker.kill()

    # -- the faults -----------------------------------------------------------------------------------------------------

    async def fault(self, kind: str, victim: Worker) -> None:
        """Do it."""
        if kind == "kill":
            victim.kill()
        elif kind == "stop":
            assert victim.stop(within=12) == 0, victim.said()[-3000:]
        elif kind == "freeze":
            await self.freeze(victim)
        elif kind == "broker restart":
            self.server.stop()
            self.server.start()
        elif kind == "broker kill":
            self.server.kill()
            self.server.start()
        elif kind == "kill, and join while recovering":
            await self.join_late(victim)
        elif kind == "kill and wipe the data":
            for worker in self.workers:
                worker.kill()
                shutil.rmtree(worker.settings["data_dir"], ignore_errors=True)

    async def freeze(self, victim: Worker) -> None:
        """Stop a process until others have all its lanes and work there; it must find out when it goes on."""
        heirs = [worker for worker in self.workers if worker is not victim]
        victim.send(signal.SIGSTOP)
        await self.at_work(heirs)
        told = victim.said().count(" assigned: ")
        self.down.add(victim)
        victim.send(signal.SIGCONT)

        async def found_out() -> bool:
            return not victim.running or victim.said().count(" assigned: ") > told

        await self.wait(found_out, 60, f"{victim.name} goes on as if nothing had been")
        self.ends["zombies that ended" if not victim.running else "zombies that joined anew"] += 1
        self.down.discard(victim)

    async def join_late(self, victim: Worker) -> None:
        """Kill a worker, let a fourth join while it is recovering, and let that go again in the middle of the work."""
        guest = Worker(self.system, f"guest{len(self.done)}", "memory", self.slow)
        victim.kill()
        lives = victim.lives

        async def recovering() -> bool:
            return victim.lives > lives and " assigned: " in victim.said()

        with guest:
            await self.wait(recovering, 60, f"{victim.name} gets no lanes")
            await self.at_work([*self.workers, guest])
            assert guest.stop(within=12) == 0, guest.said()[-3000:]


def drawn(seed: int, count: int) -> list[str]:
    """So many faults in a seeded order: each kind comes once before any comes again."""
    chance, faults = random.Random(seed), list[str]()
    while len(faults) < count:
        faults += chance.sample(FAULTS, len(FAULTS))
    return faults[:count]


def prepare(directory: Path, seed: int, events: int) -> tuple[Path, dict[str, list[Any]]]:
    """The backlog, and what the replay makes of it."""
    file = directory / "events.ndjson"
    write(file, touches(seed, events))
    expected = replayed(file)
    assert len(expected["transitions"]) > events // 20, "a story in which too little happens"
    return file, expected


async def chaos(
    server: KafkaServer,
    directory: Path,
    backlog: tuple[Path, dict[str, list[Any]]],
    faults: Iterable[str],
    *,
    seed: int,
    sabotage: bool = False,
) -> tuple[Chaos, list[str]]:
    """One run, and what was wrong in the end."""
    system = await ChaosSystem(server.bootstrap, directory, MODEL, partitions=PARTITIONS, plain=sabotage).create()
    made = Chaos(system, server, seed)
    file, expected = backlog
    dead = await made.load(file)
    await made.run(faults)
    events = [json.loads(line) for line in file.read_bytes().splitlines()]
    return made, await problems(system, expected, dead, END, wanderers(events))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=14)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--only", choices=FAULTS, help="this fault again and again")
    parser.add_argument("--sabotage", action="store_true")
    options = parser.parse_args()
    faults = [options.only] * options.faults if options.only else drawn(options.seed, options.faults)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        backlog = prepare(directory, options.seed, options.events)
        server = KafkaServer(directory / "kafka", heap="512m")
        server.start()
        try:
            run = chaos(server, directory, backlog, faults, seed=options.seed, sabotage=options.sabotage)
            made, wrong = asyncio.run(run)
        finally:
            server.kill()
    print(f"seed {options.seed}: {len(made.done)} faults {dict(Counter(made.done))}, ends {dict(made.ends)}")
    print("\n".join(wrong) if wrong else "right")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
