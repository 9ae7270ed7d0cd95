"""What the projection costs: `python -m bench.projection [--updates 100000] [--leads 20000] [--pairs 3] [--json]`.

A Kafka and a Valkey of its own on free ports. In pairs, one after the other, in this process: a plain loop (the same consumer,
an HSET of each record in pipelines, no guard, no list) and the projector's feed, each into an empty server, over the same score
records of the default model. Then the feed twice more, as fast as it goes and at 20,000 a second, while another process looks
rows and pages up, 200 a second; lookups when nothing is projected say what is the machine's. CPU is this process's and the
server's own.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaProducer, TopicPartition
from redis.asyncio import Redis

from stream_app.engine.times import format_time, parse_time
from stream_app.local.kafka import KafkaServer
from stream_app.local.valkey import ValkeyServer
from stream_app.ops.topics_admin import create_topics
from stream_app.serving.projection.base import Query
from stream_app.serving.projection.changes import owner_facet, stage_facet
from stream_app.serving.projection.feed import AT_ONCE, Feed, new_consumer
from stream_app.serving.projection.ranking import Rankings
from stream_app.serving.projection.store import Store, open_store
from stream_app.serving.projection.watch import Watch
from stream_app.topics import Manifest, load_manifest

START = parse_time("2026-03-02T09:00:00Z")
LOOKUPS_A_SECOND = 200
ALONE_S = 3.0
STEADY = 20_000
PREFIX = "bench:"
MQL = stage_facet("lifecycle", "mql")


@dataclass(frozen=True)
class Run:
    """Updates a second, and CPU microseconds an update of this process and of the server."""

    rate: float
    client_us: float
    server_us: float


@dataclass(frozen=True)
class Looked:
    """How many lookups there were, and their milliseconds."""

    count: int
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True)
class Pair:
    """One run of each, alone; the feed beside lookups, as fast as it goes and at a steady rate; and lookups alone."""

    plain: Run
    feed: Run
    asked: Run
    flat_out: Looked
    steady: Looked
    alone: Looked

    @property
    def share(self) -> float:
        """The feed's rate as a share of the plain loop's."""
        return self.feed.rate / self.plain.rate


def record(number: int, revision: int, chance: random.Random) -> dict[str, Any]:
    """A score record of the default model, of ordinary size."""
    at = format_time(START + revision * 60_000)
    engagement = (number * 7919 + revision * 3 + chance.randrange(3)) % 100
    total = engagement // 2 + number % 50
    rules = ("pricing_page", "demo_request", "webinar", "email_click", "title")
    return {
        "lead": f"user:u-{number}",
        "account_id": f"acct-{number // 10}",
        "model": {"id": "b2b-saas", "version": "3" * 64},
        "at": at,
        "scores": {"fit": 60, "engagement": engagement, "total": total},
        "raw": {"fit": 60.0, "engagement": engagement + 0.25, "total": total + 0.125},
        "grades": {"profile": "B4"},
        "bands": {"temperature": "hot" if total > 50 else "cold"},
        "stages": {"lifecycle": "mql" if total > 40 else "awareness", "level": "bronze"},
        "seq": {"lifecycle": 1, "level": 0},
        "reasons": [{"rule": rule, "score": "engagement", "points": 15.0, "count": 1, "last_at": at} for rule in rules],
        "revision": revision,
        "suppressed": False,
        "owner": f"owner-{number % 50}",
    }


async def fill(bootstrap: str, topic: str, partitions: int, updates: int, leads: int) -> None:
    """Updates of random leads, their revisions growing."""
    chance = random.Random(1)
    revisions = [0] * leads
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=20, max_batch_size=500_000) as producer:
        waiting: list[Any] = []
        for _ in range(updates):
            number = chance.randrange(leads)
            revisions[number] += 1
            value = orjson.dumps(record(number, revisions[number], chance))
            waiting.append(await producer.send(topic, value, b"user:u-%d" % number, partition=number % partitions))
        await asyncio.gather(*waiting)


class Meter:
    """Measures a run from its making on."""

    def __init__(self, redis: Redis, server_cpu: float) -> None:
        self._redis, self._server = redis, server_cpu
        self._cpu, self._began = time.process_time(), time.perf_counter()

    @classmethod
    async def start(cls, redis: Redis) -> Self:
        """A meter that begins now, on a server that is empty."""
        await redis.flushall()  # a server of our own
        return cls(redis, await cls.server_cpu(redis))

    @staticmethod
    async def server_cpu(redis: Redis) -> float:
        """The CPU seconds that the server has used."""
        known = await redis.info("cpu")
        return float(known["used_cpu_user"] + known["used_cpu_sys"])

    async def run(self, updates: int) -> Run:
        """What it took."""
        took, cpu = time.perf_counter() - self._began, time.process_time() - self._cpu
        server = await self.server_cpu(self._redis) - self._server
        return Run(updates / took, cpu / updates * 1e6, server / updates * 1e6)


async def plain(bootstrap: str, redis: Redis, places: Sequence[TopicPartition], updates: int) -> Run:
    """The plain loop."""
    consumer = new_consumer(bootstrap)
    await consumer.start()
    try:
        consumer.assign(places)
        for place in places:
            consumer.seek(place, 0)
        meter, done = await Meter.start(redis), 0
        while done < updates:
            batches = await consumer.getmany(timeout_ms=200, max_records=AT_ONCE)
            pipeline = redis.pipeline(transaction=False)
            for records in batches.values():
                for one in records:
                    pipeline.hset("plain:" + one.key.decode(), "value", one.value)
                done += len(records)
            await pipeline.execute()
        return await meter.run(done)
    finally:
        await consumer.stop()


@dataclass(frozen=True)
class Bench:
    """Where it is measured, and with how many of what."""

    bootstrap: str
    url: str
    manifest: Manifest
    updates: int
    leads: int

    @property
    def places(self) -> list[TopicPartition]:
        """The partitions with the records."""
        topic = self.manifest["lead-scores"]
        return [TopicPartition(topic.name, number) for number in range(topic.partitions)]

    async def feed(self, redis: Redis, store: Store, rate: int | None = None, watch: Watch | None = None) -> Run:
        """The projector's feed, at most so many updates a second; counted where there is a watch."""
        consumer = new_consumer(self.bootstrap)
        await consumer.start()
        try:
            consumer.assign(self.places)
            rankings = Rankings(frozenset(["total"]))
            made = Feed(consumer, store, {self.manifest["lead-scores"].name: "lead-scores"}, rankings, watch)
            meter = await Meter.start(redis)
            await made.aim(await store.begin(), self.places)
            began, read = time.perf_counter(), 0
            while made.taken < self.updates:
                read += await made.turn(at_once=AT_ONCE if rate is None else rate // 100)
                if rate is not None:
                    await asyncio.sleep(max(0.0, began + read / rate - time.perf_counter()))
            await made.settle()
            return await meter.run(made.taken)
        finally:
            await consumer.stop()

    async def beside_lookups(
        self, other: ProcessPoolExecutor, over: Any, run: Callable[[], Awaitable[Any]]
    ) -> tuple[Looked, Any]:
        """The lookups that another process makes while something runs, and what that came to."""
        over.clear()
        asking = other.submit(lookups, self.url, PREFIX, self.leads, over)
        try:
            came = await run()
        finally:
            over.set()
        took = sorted(await asyncio.wrap_future(asking))
        return Looked(len(took), took[len(took) // 2], took[len(took) * 99 // 100], took[-1]), came


def lookups(url: str, prefix: str, leads: int, until: Any) -> list[float]:
    """The milliseconds of rows and pages, asked for at a steady rate until told to stop; in a process of its own."""
    return asyncio.run(_lookups(url, prefix, leads, until))


async def _lookups(url: str, prefix: str, leads: int, until: Any) -> list[float]:
    chance = random.Random(2)
    took: list[float] = []
    async with open_store(url, prefix) as store:
        while not (await store.generations()).live:
            await asyncio.sleep(0.001)
        began = time.perf_counter()
        while not until.is_set():
            asked = time.perf_counter()
            match len(took) % 4:
                case 1:
                    await store.page(Query("lead", "total", [MQL], 20))
                case 3:
                    await store.page(Query("lead", "total", [MQL, owner_facet("owner-7")], 20))
                case _:
                    await store.row("lead", f"user:u-{chance.randrange(leads)}")
            took.append((time.perf_counter() - asked) * 1e3)
            await asyncio.sleep(max(0.0, began + len(took) / LOOKUPS_A_SECOND - time.perf_counter()))
    return took


async def measure(bench: Bench, pairs: int) -> list[Pair]:
    """The pairs."""
    topic = bench.manifest["lead-scores"]
    await create_topics(bench.bootstrap, bench.manifest)
    await fill(bench.bootstrap, topic.name, topic.partitions, bench.updates, bench.leads)
    found = []
    context = get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(1, context) as other:
        over = manager.Event()
        async with Redis.from_url(bench.url) as redis, open_store(bench.url, PREFIX) as store:
            for _ in range(pairs):
                bare = await plain(bench.bootstrap, redis, bench.places, bench.updates)
                whole = await bench.feed(redis, store)
                await redis.flushall()  # lookups wait for the generation that is to come
                flat_out, asked = await bench.beside_lookups(other, over, lambda: bench.feed(redis, store))
                await redis.flushall()
                steady, _ = await bench.beside_lookups(other, over, lambda: bench.feed(redis, store, STEADY))
                alone, _ = await bench.beside_lookups(other, over, lambda: asyncio.sleep(ALONE_S))
                found.append(Pair(bare, whole, asked, flat_out, steady, alone))
                print(found[-1], file=sys.stderr)
    return found


ROWS: dict[str, Callable[[Pair], float]] = {
    "plain HSET loop, updates/s": lambda pair: pair.plain.rate,
    "projector, updates/s": lambda pair: pair.feed.rate,
    "the second of the first, %": lambda pair: 100 * pair.share,
    "plain loop's process, CPU us an update": lambda pair: pair.plain.client_us,
    "its server": lambda pair: pair.plain.server_us,
    "projector's process, CPU us an update": lambda pair: pair.feed.client_us,
    "its server ": lambda pair: pair.feed.server_us,
    "projector beside lookups, updates/s": lambda pair: pair.asked.rate,
    "lookups' p50 meanwhile, ms": lambda pair: pair.flat_out.p50_ms,
    "lookups' p99 meanwhile, ms": lambda pair: pair.flat_out.p99_ms,
    f"lookups' p50 beside {STEADY:,} updates/s, ms": lambda pair: pair.steady.p50_ms,
    f"lookups' p99 beside {STEADY:,} updates/s, ms": lambda pair: pair.steady.p99_ms,
    "lookups' p99 beside nothing, ms": lambda pair: pair.alone.p99_ms,
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=100_000)
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        KafkaServer(Path(folder) / "kafka", heap="512m") as kafka,
        ValkeyServer(Path(folder) / "valkey", persist=False) as valkey,
    ):
        bench = Bench(kafka.bootstrap, valkey.url, load_manifest("bench-"), given.updates, given.leads)
        pairs = asyncio.run(measure(bench, given.pairs))
    if given.json:
        json.dump([asdict(pair) for pair in pairs], sys.stdout, indent=2)
        return
    for words, value in ROWS.items():
        values = [value(pair) for pair in pairs]
        print(f"{words}: {statistics.median(values):,.1f} ({min(values):,.1f}-{max(values):,.1f})")


if __name__ == "__main__":
    main()
