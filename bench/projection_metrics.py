"""What a projector's metrics cost it: `python -m bench.projection_metrics [--updates 60000] [--pairs 10] [--json]`.

A Kafka and a Valkey of its own. In pairs, in this process, over the same score records as `bench.projection`: the projector's
feed without metrics, and with them, scraped over HTTP every second by another process, in turns which comes first. CPU is
this process's, the thread that answers included.
"""

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson
from redis.asyncio import Redis

from bench.projection import PREFIX, Bench, Run, fill, record
from stream_app.engine.times import parse_time
from stream_app.local.kafka import KafkaServer
from stream_app.local.valkey import ValkeyServer
from stream_app.ops.projector_metrics import observe_projector
from stream_app.ops.topics_admin import create_topics
from stream_app.serving.projection.base import Slice
from stream_app.serving.projection.changes import Change, Scored
from stream_app.serving.projection.feed import AT_ONCE, SLICE
from stream_app.serving.projection.store import open_store
from stream_app.serving.projection.watch import Watch
from stream_app.topics import load_manifest


def scrape(port: int, over: Any) -> list[float]:
    """The milliseconds of scrapes, one a second, until told to stop; in a process of its own."""
    took: list[float] = []
    while not over.wait(1.0):
        began = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            answer.read()
        took.append((time.perf_counter() - began) * 1e3)
    return took


async def run(bench: Bench, watch: Watch | None) -> Run:
    """The feed, into an empty server."""
    async with Redis.from_url(bench.url) as redis, open_store(bench.url, PREFIX) as store:
        return await bench.feed(redis, store, watch=watch)


async def measure(bench: Bench, pairs: int) -> list[dict[str, float]]:
    """The pairs."""
    topic = bench.manifest["lead-scores"]
    await create_topics(bench.bootstrap, bench.manifest)
    await fill(bench.bootstrap, topic.name, topic.partitions, bench.updates, bench.leads)
    found: list[dict[str, float]] = []
    context = get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(1, context) as other:
        await run(bench, None)  # to warm up
        for number in range(pairs):
            rates: dict[str, Run] = {}
            scrapes: list[float] = []
            for kind in ("without", "with") if number % 2 else ("with", "without"):
                if kind == "without":
                    rates[kind] = await run(bench, None)
                    continue
                over, watch = manager.Event(), Watch()
                with observe_projector(watch, "127.0.0.1", 0) as served:
                    asking = other.submit(scrape, served.port, over)
                    rates[kind] = await run(bench, watch)
                    over.set()
                    scrapes = await asyncio.to_thread(asking.result, 30)
            bare, counted = rates["without"], rates["with"]
            found.append({"without": bare.rate, "with": counted.rate})
            found[-1] |= {"cpu_us": bare.client_us, "with_cpu_us": counted.client_us}
            found[-1]["scrape_ms"] = statistics.median(scrapes) if scrapes else 0.0
            print({name: round(value, 2) for name, value in found[-1].items()}, file=sys.stderr)
    return found


def counting(rounds: int = 200) -> float:
    """CPU microseconds a record that counting alone takes, in batches of as many as are taken at once."""
    chance, now = random.Random(1), time.time_ns() // 1_000_000
    changes: list[Change] = []
    for number in range(AT_ONCE):
        document = record(number, 1, chance)
        at = parse_time(document["at"])
        changes.append(
            Scored(
                number, "lead", document["lead"], 1, at, orjson.dumps(document), {"total": 1.0}, (), None, None, True
            )
        )
    slices = [Slice(("t", 0), at, at + SLICE, changes[at : at + SLICE]) for at in range(0, AT_ONCE, SLICE)]
    stamps, watch = [now - number % 500 for number in range(AT_ONCE)], Watch()
    took = []
    for _ in range(rounds):
        began = time.process_time_ns()
        watch.applied(slices, [], {("t", 0): list(stamps)}, 0.01)
        took.append((time.process_time_ns() - began) / AT_ONCE / 1e3)
    return statistics.median(took)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--updates", type=int, default=60_000)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    print(f"counting alone: {counting():.2f} us a record", file=sys.stderr)
    with (
        tempfile.TemporaryDirectory() as folder,
        KafkaServer(Path(folder) / "kafka", heap="512m") as kafka,
        ValkeyServer(Path(folder) / "valkey", persist=False) as valkey,
    ):
        bench = Bench(kafka.bootstrap, valkey.url, load_manifest("bench-"), given.updates, 20_000)
        pairs = asyncio.run(measure(bench, given.pairs))
    if given.json:
        json.dump(pairs, sys.stdout, indent=2)
        return
    for name, one, other in (("CPU an update", "with_cpu_us", "cpu_us"), ("updates/s", "with", "without")):
        shares = sorted(pair[one] / pair[other] - 1 for pair in pairs)
        print(f"{name}, with metrics: {statistics.median(shares):+.1%} (all: {', '.join(f'{x:+.1%}' for x in shares)})")


if __name__ == "__main__":
    main()
