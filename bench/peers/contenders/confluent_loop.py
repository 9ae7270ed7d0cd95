"""A loop over confluent-kafka (librdkafka): state in a dict, a record of it per message in a changelog, a commit a
second. At least once. With `poll` as a second argument it takes one message at a time, as the client's own examples do.
"""

import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import orjson
from confluent_kafka import Consumer, Producer  # type: ignore[import-not-found,import-untyped,unused-ignore]

from bench.peers.job import STATE, THRESHOLD, Task, after_event, crossing, task_of_arguments

COMMIT_S = 1.0
BATCH = 500
WAIT_S = 0.01  # consume() waits as long for a batch to fill: with more, the loop is late when there is little to do


def reader(consumer: Consumer, one_by_one: bool) -> Callable[[], list[Any]]:
    """What is there to read, after a short wait: a batch, or a message."""

    def poll() -> list[Any]:
        record = consumer.poll(WAIT_S)
        return [] if record is None else [record]

    return poll if one_by_one else lambda: list(consumer.consume(BATCH, WAIT_S))


def work(task: Task, one_by_one: bool) -> None:
    """Until SIGTERM."""
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    producer = Producer({"bootstrap.servers": task.broker, "queue.buffering.max.messages": 1_000_000})
    consumer = Consumer(
        {
            "bootstrap.servers": task.broker,
            "group.id": task.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe(task.inputs)
    read = reader(consumer, one_by_one)
    leads: dict[bytes, tuple[float, int]] = {}
    committed, new = time.monotonic(), False
    while not stopping:
        for record in read():
            if record.error():
                raise RuntimeError(str(record.error()))
            event, key, new = orjson.loads(record.value()), record.key(), True
            at = event["properties"]["at"]
            before, then = leads.get(key, (0.0, 0))
            after = after_event(before, then, at)
            leads[key] = (after, at)
            producer.produce(task.changelog, STATE.pack(after, at), key, record.partition())
            if before < THRESHOLD <= after:
                value = crossing(key.decode(), event["event_id"], after)
                producer.produce(task.output, orjson.dumps(value), key)
        producer.poll(0)
        if new and time.monotonic() - committed >= COMMIT_S:
            producer.flush()
            consumer.commit(asynchronous=False)
            committed, new = time.monotonic(), False
    producer.flush()
    if new:
        consumer.commit(asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    work(task_of_arguments(), sys.argv[2:] == ["poll"])
