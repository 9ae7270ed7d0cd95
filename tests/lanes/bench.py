"""The small job, measured: one half-life score a lead, a message when 50 is crossed.

    python -m tests.lanes.bench --events 600000 [--broker HOST:PORT] [--rate N] [--store rocksdb]

Without `--rate`: a backlog, worked off by one worker; events/s from its first to its last commit, CPU seconds per million
events. With it: that many events a second are sent for `--seconds`; the time from sending to seeing the message.
"""

import argparse
import asyncio
import json
import logging
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from stream_app.local.kafka import KafkaServer
from stream_app.streaming.processor import Effects, InputRecord, Output, Processor, StateReader
from stream_app.streaming.worker import run_worker
from tests.lanes.kafka_tools import fill, lag, make_topics, table
from tests.lanes.worker_main import settings_from

PARTITIONS = 4
LEADS = 50_000
TOPICS = ("web", "email", "social")
"""The three inputs."""


class HalfLife(Processor):
    """State: count, score and its time. Written with as little ado as the peers' jobs."""

    def __init__(self, partition: int, state: StateReader, every: int) -> None:
        self.partition, self.state, self.every = partition, state, every
        self.cache: dict[bytes, dict[str, Any]] = {}
        self.outputs: list[Output] = []

    def restore(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Nothing to prepare."""

    def process(self, records: Sequence[InputRecord]) -> int:
        cache, get, loads = self.cache, self.state.get, orjson.loads
        for record in records:
            event, key = loads(record.value or b""), record.key or b""
            state = cache.get(key)
            if state is None:
                old = get(key)
                state = cache[key] = loads(old) if old else {"n": 0, "s": 0.0, "t": 0}
            at = event["timestamp"]
            before = state["s"]
            after = before * 0.5 ** (max(0, at - state["t"]) / 86400) + 5
            state["n"] += 1
            state["s"] = after
            state["t"] = at
            if before < 50 <= after or (self.every and event["sent"]):
                value = orjson.dumps({"lead": event["lead_id"], "score": after, "sent": event["sent"]})
                self.outputs.append(Output("out", key, value, (), record.timestamp, self.partition))
        return len(records)

    def advance(self, to_ms: int, budget: int) -> bool:
        return False

    def reached(self) -> int:
        return -1

    def next_due(self) -> int | None:
        return None

    def drain(self) -> Effects:
        dumps = orjson.dumps
        effects = Effects([(key, dumps(state)) for key, state in self.cache.items()], self.outputs)
        self.cache, self.outputs = {}, []
        return effects


def work(given: dict[str, Any]) -> None:
    """The worker process."""
    logging.basicConfig(level=logging.WARNING)
    logging.getLogger("stream_app.streaming.lane").setLevel(logging.INFO)

    def factory(agent: str, partition: int, state: StateReader) -> HalfLife:
        return HalfLife(partition, state, given["every"])

    run_worker(settings_from(given), factory)


def event(chance: random.Random, number: int, now: float) -> tuple[str, int, bytes, bytes]:
    """Topic, partition, key, value."""
    lead = chance.randrange(LEADS)
    value = {
        "event_id": f"{number:026d}",
        "lead_id": f"user:{lead}",
        "timestamp": 1_700_000_000 + number,
        "type": "page_view",
        "properties": {"path": "/pricing", "dwell_seconds": 31},
        "sent": now,
    }
    return chance.choice(TOPICS), lead % PARTITIONS, b"user:%d" % lead, orjson.dumps(value)


async def load(broker: str, events: int) -> None:
    """Fill the topics with a backlog."""
    chance = random.Random(7)
    rows: dict[str, list[tuple[int, int, bytes, bytes]]] = {topic: [] for topic in TOPICS}
    for number in range(events):
        topic, partition, key, value = event(chance, number, 0.0)
        rows[topic].append((partition, 1_700_000_000_000 + number * 1000, key, value))
    for topic, some in rows.items():
        await fill(broker, topic, some)


def settings(broker: str, app: str, options: argparse.Namespace) -> dict[str, Any]:
    """The worker's settings."""
    agent = {"name": "lead", "topics": TOPICS, "changelog": f"{app}-changelog", "table": "leads"}
    return {
        "broker": broker,
        "app": app,
        "partitions": PARTITIONS,
        "agents": [agent],
        "data_dir": tempfile.mkdtemp(),
        "store": options.store,
        "every": bool(options.rate),
        "pacing": json.loads(options.pacing),
        "counting": {},
    }


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def backlog(broker: str, app: str, options: argparse.Namespace) -> None:
    """Throughput."""
    given = settings(broker, app, options)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.lanes.bench", "--work", json.dumps(given)
    )
    left, began, used = options.events, 0.0, 0.0
    while left:
        await asyncio.sleep(0.2)
        now, left = time.monotonic(), await lag(broker, app, TOPICS, PARTITIONS)
        if not began and left < options.events:
            began, first = now, left
            used = cpu_seconds(process.pid)
    seconds, done = now - began, first
    cpu = cpu_seconds(process.pid) - used
    memory = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    process.terminate()
    await process.wait()
    counts = [orjson.loads(value)["n"] for value in (await table(broker, f"{app}-changelog", PARTITIONS)).values()]
    print(
        f"{done / seconds:,.0f} events/s, {1e6 * cpu / done:.1f} CPU s per million, {memory >> 20} MiB, "
        f"{'counts right' if sum(counts) == options.events else 'COUNTS WRONG'}",
        flush=True,
    )


async def latency(broker: str, app: str, options: argparse.Namespace) -> None:
    """Event to visible message."""
    given = settings(broker, app, options)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.lanes.bench", "--work", json.dumps(given)
    )
    reader = AIOKafkaConsumer("out", bootstrap_servers=broker, isolation_level="read_committed", fetch_max_wait_ms=50)
    await reader.start()
    await asyncio.sleep(6)
    took: list[float] = []
    sent: list[int] = []
    chance, end = random.Random(3), time.time() + options.seconds

    async def send() -> None:
        number = 0
        async with AIOKafkaProducer(bootstrap_servers=broker, linger_ms=0) as producer:
            while (now := time.time()) < end:
                batches: dict[tuple[str, int], Any] = {}
                spot = TOPICS[number % 3]
                for _ in range(max(1, options.rate // 100)):
                    number += 1
                    _, partition, key, value = event(chance, number, now if number % 10 == 0 else 0.0)
                    batch = batches.setdefault((spot, partition), producer.create_batch())
                    batch.append(timestamp=int(now * 1000), key=key, value=value)
                for (topic, partition), batch in batches.items():
                    await producer.send_batch(batch, topic, partition=partition)
                await asyncio.sleep(max(0.0, max(0.01, 1 / options.rate) - (time.time() - now)))
        sent.append(number)

    async def read() -> None:
        while time.time() < end + 2:
            for records in (await reader.getmany(timeout_ms=200)).values():
                now = time.time()
                sents = (orjson.loads(record.value)["sent"] for record in records)
                took.extend(now - at for at in sents if at)

    await asyncio.gather(send(), read())
    await reader.stop()
    cpu = cpu_seconds(process.pid)
    process.terminate()
    await process.wait()
    took = sorted(took[len(took) // 5 :])
    p50, p99 = (1000 * took[int(len(took) * part)] for part in (0.5, 0.99))
    print(
        f"{sent[0] / options.seconds:,.0f}/s, {len(took)} samples: p50 {p50:.0f} ms, p99 {p99:.0f} ms, {cpu:.1f} CPU s",
        flush=True,
    )


async def measure(broker: str, options: argparse.Namespace) -> None:
    """One round after the other on the same backlog."""
    names = [f"app{round_}" for round_ in range(options.rounds)]
    await make_topics(broker, [*TOPICS, "out"], PARTITIONS, [f"{name}-changelog" for name in names])
    if not options.rate:
        await load(broker, options.events)
    for name in names:
        await (latency if options.rate else backlog)(broker, name, options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=600_000)
    parser.add_argument("--rate", type=int, default=0)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--broker")
    parser.add_argument("--store", default="memory")
    parser.add_argument("--pacing", default="{}")
    parser.add_argument("--work")
    options = parser.parse_args()
    if options.work:
        work(json.loads(options.work))
        return
    if options.broker:
        asyncio.run(measure(options.broker, options))
        return
    with tempfile.TemporaryDirectory() as directory:
        server = KafkaServer(Path(directory), heap="512m")
        server.start()
        try:
            asyncio.run(measure(server.bootstrap, options))
        finally:
            server.kill()


if __name__ == "__main__":
    main()
