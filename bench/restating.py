"""What a new version of the model costs a running worker: `python -m bench.restating [--leads 50000] [--rate 100] [--seconds 10]`.

With `--rebuild` it is not published but rebuilt from all events beside the live one, by one more worker, and then switched to: the latencies
are those while it is built and while it is switched to; the longest of the latter is how long the switch holds an event up.

One worker, four partitions, the model `b2b-saas`, so many leads of four events each. Live events come at the given rate, each of a
lead of its own; the latency of one is from its sending to its lead's score record, as a reader of committed records has it.
It is measured for so many seconds, then a version with another weight for the pricing page is published, and measured again until every
lane says that all is restated. Prints both latencies (ms) and the leads restated a second, as JSON.
"""

import argparse
import asyncio
import itertools
import json
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream_app.engine.times import DAY, MINUTE, format_time
from stream_app.local.kafka import KafkaServer
from stream_app.modelfiles import model_text, read_model
from stream_app.publishing.publisher import Terms, open_publisher
from stream_app.publishing.reading import registry_at, settled
from stream_app.streaming.transaction import default_partition
from tests.lanes.kafka_tools import Row, fill
from tests.pipeline.system import COMMAND, System

PARTITIONS = 4
EVENTS = 4
LONGEST = 600.0


def backlog(leads: int, now: int) -> Iterator[Row]:
    """Four events a lead within the last 20 days, by time."""
    chance = random.Random(1)
    times = sorted(now - MINUTE - chance.randrange(20 * DAY) for _ in range(leads * EVENTS))
    for number, when in enumerate(times):
        yield view(f"u{chance.randrange(leads)}", number, when, chance.choice(["/pricing", "/", "/docs"]))


def view(user: str, number: int, when: int, path: str) -> Row:
    """A page view as a record of `web-events`."""
    told = {"event_id": f"e{number}", "type": "page_view", "time": format_time(when), "user_id": user}
    key = f"user:{user}".encode()
    return default_partition(key, PARTITIONS), when, key, orjson.dumps({**told, "properties": {"path": path}})


class Live:
    """Live events and their latencies."""

    def __init__(self, system: System, rate: int) -> None:
        self.system, self.rate = system, rate
        self.latencies: list[float] = []
        self._sent: dict[bytes, float] = {}

    async def send(self) -> None:
        """Send for ever, at the rate."""
        topic = self.system.topic("web-events")
        async with AIOKafkaProducer(bootstrap_servers=self.system.broker) as producer:
            due = time.monotonic()
            for number in itertools.count():
                partition, when, key, value = view(f"live{number}", 10**9 + number, _now(), "/pricing")
                self._sent[key] = time.monotonic()
                await producer.send(topic, value, key, partition, timestamp_ms=when)
                due += 1 / self.rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def receive(self) -> None:
        """Take the score records of their leads, for ever."""
        places = [TopicPartition(self.system.topic("lead-scores"), number) for number in range(PARTITIONS)]
        async with AIOKafkaConsumer(
            bootstrap_servers=self.system.broker, isolation_level="read_committed", fetch_max_wait_ms=20
        ) as reader:
            reader.assign(places)
            await reader.seek_to_end(*places)
            async for record in reader:
                if (sent := self._sent.pop(record.key, None)) is not None:
                    self.latencies.append(1000 * (time.monotonic() - sent))

    def taken(self) -> dict[str, float]:
        """The latencies since the last call."""
        found, self.latencies = self.latencies, []
        cuts = statistics.quantiles(found, n=100)
        return {"events": len(found), "p50": round(cuts[49], 1), "p99": round(cuts[98], 1), "max": round(max(found), 1)}


Result = dict[str, object]
Change = Callable[[System, Path, Live, int], Awaitable[Result]]


async def publish(system: System, model: Path, live: Live, leads: int) -> Result:
    """Publish a version, and wait until all is restated."""
    began = time.monotonic()
    async with open_publisher(system.broker, system.manifest) as publisher:
        await publisher.publish(read_model(str(model)), Terms(by="bench"))
    assert await settled(system.broker, system.manifest, 1, LONGEST)
    took = time.monotonic() - began
    return {"during": live.taken(), "seconds": round(took, 1), "leads_s": round(leads / took)}


async def rebuild(system: System, model: Path, live: Live, leads: int) -> Result:
    """Rebuild a version, switch to it, and wait until all is public."""
    words = ["model", "rebuild", str(model), "--jobs", "1", "--group", system.group, "--bootstrap", system.broker]
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(*COMMAND, *words, "--prefix", system.manifest.prefix)
    built = began
    try:
        while process.returncode is None:
            registry, _ = await registry_at(system.broker, system.manifest)
            if built == began and any(one.status != "running" for one in registry.generations):
                built, building = time.monotonic(), live.taken()
            await asyncio.sleep(0.1)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0
    took = time.monotonic() - built
    return {
        "events_s": round(leads * EVENTS / (built - began)),
        "building": building,
        "built_after": round(built - began, 1),
        "switching": live.taken(),
        "public_after": round(took, 1),
    }


async def measure(directory: Path, leads: int, rate: int, seconds: float, change: Change) -> Result:
    """Fill, measure, change the version, measure."""
    server = KafkaServer(directory / "kafka", heap="512m")
    server.start()
    text, _ = model_text("b2b-saas")
    old, new = directory / "old.yaml", directory / "new.yaml"
    old.write_text(text)
    new.write_text(
        text.replace(
            'where: {path: {glob: "/pricing*"}}}, points: 30', 'where: {path: {glob: "/pricing*"}}}, points: 45'
        )
    )
    try:
        system = await System(server.bootstrap, directory, old, clock="wall", partitions=PARTITIONS).create()
        await fill(system.broker, system.topic("web-events"), backlog(leads, _now()))
        with system.worker("w") as worker:
            await worker.ready(within=LONGEST)
            await system.caught_up(LONGEST, worker.said)
            await system.settled(_now() - MINUTE, LONGEST, worker.said)  # the timers of what the backlog left due, too
            live = Live(system, rate)
            tasks = [asyncio.create_task(live.receive()), asyncio.create_task(live.send())]
            await asyncio.sleep(seconds)
            before = live.taken()
            found = await change(system, new, live, leads)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert worker.stop() == 0, worker.said()[-2000:]
    finally:
        server.kill()
    return {"leads": leads, "rate": rate, "before": before, **found}


def _now() -> int:
    return time.time_ns() // 1_000_000


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leads", type=int, default=50_000)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rebuild", action="store_true")
    options = parser.parse_args()
    change = rebuild if options.rebuild else publish
    with tempfile.TemporaryDirectory() as directory:
        found = asyncio.run(measure(Path(directory), options.leads, options.rate, options.seconds, change))
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
