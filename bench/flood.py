"""What a flood of bad events costs the good ones: `python -m bench.flood [--pairs 3] [--good 60000] [--bad 400000]`.

One worker, four partitions. Good events lie on three of them; in every second run the fourth holds nothing but bad events, of
several kinds, more than can be refused meanwhile. Prints good events a second, and a second of the worker's
processor time, of both runs of each pair, and dead letters a second, as JSON. The worker's model is the small one of the tests.
"""

import argparse
import asyncio
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from stream_app.engine.times import parse_time
from stream_app.local.kafka import KafkaServer
from stream_app.streaming.transaction import default_partition
from tests.lanes.kafka_tools import Row, fill
from tests.pipeline.desk import event
from tests.pipeline.models import TEXT
from tests.pipeline.system import ScoringWorker, System

START = parse_time("2026-03-02T09:20:00Z")
PARTITIONS = 4
LEADS = 2_000
LONGEST = 300.0


def good(count: int) -> Iterator[Row]:
    """Events of leads whose partition is not the first."""
    names = (f"u{number}" for number in itertools.count())
    leads = [name for name in itertools.islice(names, 4 * LEADS) if default_partition(f"user:{name}".encode(), 4)]
    for number in range(count):
        name, when = leads[number % len(leads)], START + number * 100
        key = f"user:{name}".encode()
        yield default_partition(key, 4), when, key, orjson.dumps(event(number, when, user=name))


def bad(count: int) -> Iterator[Row]:
    """Bad events of the kinds that producers make, on the first partition."""
    one = event(0, START, user="ann")
    raws = [
        orjson.dumps(one | {"colour": "red"}),
        orjson.dumps(one | {"time": "2026-03-02"}),
        orjson.dumps({name: value for name, value in one.items() if name != "event_id"}),
        orjson.dumps(one | {"properties": {"a": {"b": 1}}}),
        b"nonsense",
        b"\xff\xfe\x00",
    ]
    for number in range(count):
        yield 0, START + number, b"user:u%d" % (number % 5_000), raws[number % len(raws)]


async def committed(admin: AIOKafkaAdminClient, system: System) -> list[int]:
    """How far each partition of the web events is."""
    try:
        found = await admin.list_consumer_group_offsets(system.group)
    except GroupCoordinatorNotAvailableError:
        found = {}
    places = [TopicPartition(system.topic("web-events"), partition) for partition in range(PARTITIONS)]
    return [max(0, found[place].offset) if place in found else 0 for place in places]


async def run(broker: str, folder: Path, goods: int, bads: int) -> dict[str, float]:
    """One run: good events a second, and what was refused in that time."""
    model = folder / "small.yaml"
    model.write_text(TEXT)
    system = await System(broker, folder, model, partitions=PARTITIONS).create()
    topic = system.topic("web-events")
    await fill(broker, topic, good(goods))
    await fill(broker, topic, bad(bads))
    async with AIOKafkaConsumer(bootstrap_servers=broker) as reader:
        places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
        found = await reader.end_offsets(places)
        ends = [found[place] for place in places]
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        with system.worker("a") as worker:
            deadline = time.monotonic() + LONGEST
            while not any((before := await committed(admin, system))[1:]):
                await _pause(deadline, worker.said)
            began, cpu = time.monotonic(), _cpu(worker)
            while (now := await committed(admin, system))[1:] != ends[1:]:
                await _pause(deadline, worker.said)
            seconds, cpu = time.monotonic() - began, _cpu(worker) - cpu
            left = ends[0] - now[0]
            assert not bads or left, "the flood was over before the good events were: more --bad"
            worker.stop()
    finally:
        await admin.close()
    goods = sum(now[1:]) - sum(before[1:])
    return {
        "good_a_second": round(goods / seconds),
        "good_a_cpu_second": round(goods / cpu),
        "dead_letters_a_second": round((now[0] - before[0]) / seconds),
        "seconds": round(seconds, 2),
        "flood_left": left,
    }


def _cpu(worker: ScoringWorker) -> float:
    """The seconds of processor time that a worker has taken."""
    assert worker.process is not None
    fields = Path(f"/proc/{worker.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _pause(deadline: float, said: object) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError(str(said() if callable(said) else said)[-2000:])
    await asyncio.sleep(0.02)


async def main() -> None:
    """Pairs of runs on a broker of our own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--good", type=int, default=60_000)
    parser.add_argument("--bad", type=int, default=400_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = KafkaServer(Path(folder) / "kafka", heap="512m")
        server.start()
        try:
            pairs = []
            for _ in range(args.pairs):
                quiet = await run(server.bootstrap, Path(folder), args.good, 0)
                flood = await run(server.bootstrap, Path(folder), args.good, args.bad)
                pairs.append((quiet, flood))
                print(json.dumps({"quiet": quiet, "flood": flood}), flush=True)
        finally:
            server.kill()
    for name in ("good_a_second", "good_a_cpu_second"):
        parts = [flood[name] / quiet[name] for quiet, flood in pairs]
        print(json.dumps({name: [round(part, 2) for part in parts], "median": round(statistics.median(parts), 2)}))


if __name__ == "__main__":
    asyncio.run(main())
