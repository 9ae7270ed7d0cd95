"""`stream-app worker` with short time-outs, small transactions and a clock that jumps: `python -m tests.pipeline.chaos_worker JSON`.

The composition is the command's own (stream_app/worker/main.py). While the file `slow` exists, the lead agent takes its
time over each record and over leads that are restated, and every transaction over each batch, so that faults land in the middle. `plain` takes the transaction out, to show that the check can fail.
"""

import asyncio
import json
import logging
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from stream_app.modelfiles import read_model
from stream_app.streaming import transaction
from stream_app.streaming.app import wall_clock
from stream_app.streaming.processor import InputRecord, Processor, StateReader
from stream_app.streaming.settings import LEAD, Limits, Pacing
from stream_app.streaming.worker import run_worker
from stream_app.topics import load_manifest
from stream_app.worker.composition import compose
from stream_app.worker.leads import NOW
from stream_app.worker.main import WorkerOptions, processors, settings_of
from stream_app.worker.taking_over import migrations
from tests.lanes.sabotage import Plain

DAY = 86_400_000
LIMITS = Limits(session_timeout=2.0, transaction_timeout=5.0)
PACING = Pacing(slice_records=5, transaction_records=20, buffer_records=100)
PAUSE = 0.006
"""Seconds a record, while `slow` exists."""


GAP = 0.03
"""Seconds between two batches of a transaction, while `slow` exists."""


def jumping_clock() -> int:
    """The wall's time, or a day before, or a day behind it. With the event clock nothing may come of that."""
    return wall_clock() + random.choice((-DAY, 0, DAY))


def slow_producer(kind: type[AIOKafkaProducer], slow: Path) -> type[AIOKafkaProducer]:
    """A producer that lets a kill come between the batches of a transaction."""

    class Slow(kind):  # type: ignore[misc]
        async def send_batch(self, *words: Any, **options: Any) -> Any:
            if slow.exists():
                await asyncio.sleep(GAP)
            return await super().send_batch(*words, **options)

    return Slow


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    given: dict[str, Any] = json.loads(sys.argv[1])
    manifest, slow = load_manifest(given["prefix"], given["partitions"]), Path(given["slow"])
    vars(transaction)["AIOKafkaProducer"] = slow_producer(Plain if given["plain"] else AIOKafkaProducer, slow)
    scoring = compose(read_model(given["model"]), manifest, by_events=True)
    scored = processors(scoring, jumping_clock)

    def factory(agent: str, partition: int, state: StateReader) -> Processor:
        processor = scored(agent, partition, state)
        process, advance = processor.process, processor.advance

        def slowly(records: Sequence[InputRecord]) -> int:
            if slow.exists():
                time.sleep(PAUSE * len(records))
            return process(records)

        def by_and_by(to_ms: int, budget: int) -> bool:
            if slow.exists() and processor.next_due() == NOW:
                time.sleep(PAUSE * budget)
            return advance(to_ms, budget)

        if agent == LEAD:
            vars(processor)["process"], vars(processor)["advance"] = slowly, by_and_by
        return processor

    options = WorkerOptions(
        broker=given["broker"],
        app=given["group"],
        data_dir=Path(given["data_dir"]),
        clock="event",
        store=given["store"],
    )
    settings = replace(settings_of(options, manifest), limits=LIMITS, pacing=PACING)
    run_worker(
        settings, factory, migrations=migrations(scoring), clock=jumping_clock, ready=lambda: print("READY", flush=True)
    )


if __name__ == "__main__":
    main()
