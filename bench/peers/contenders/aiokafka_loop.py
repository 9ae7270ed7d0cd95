"""A loop over aiokafka: state in a dict, a send of it per message to a changelog, a commit a second. At least once."""

import asyncio
import signal
import time

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.peers.job import STATE, THRESHOLD, Task, after_event, crossing, task_of_arguments

COMMIT_S = 1.0


async def work(task: Task) -> None:
    """Until SIGTERM."""
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    consumer = AIOKafkaConsumer(
        *task.inputs,
        bootstrap_servers=task.broker,
        group_id=task.group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    async with AIOKafkaProducer(bootstrap_servers=task.broker) as producer, consumer:
        leads: dict[bytes, tuple[float, int]] = {}
        committed = time.monotonic()
        while not stopping.is_set():
            for records in (await consumer.getmany(timeout_ms=100)).values():
                for record in records:
                    event, key = orjson.loads(record.value), record.key
                    at = event["properties"]["at"]
                    before, then = leads.get(key, (0.0, 0))
                    after = after_event(before, then, at)
                    leads[key] = (after, at)
                    await producer.send(task.changelog, STATE.pack(after, at), key, record.partition)
                    if before < THRESHOLD <= after:
                        value = crossing(key.decode(), event["event_id"], after)
                        await producer.send(task.output, orjson.dumps(value), key)
            if time.monotonic() - committed >= COMMIT_S:
                await producer.flush()
                await consumer.commit()
                committed = time.monotonic()
        await producer.flush()
        await consumer.commit()


if __name__ == "__main__":
    asyncio.run(work(task_of_arguments()))
