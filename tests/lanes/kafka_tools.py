"""Topics to fill and to read, for the lane's tests."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError

KEEP = {"retention.ms": "-1", "message.timestamp.before.max.ms": "9223372036854775807"}

COMPACT = {"cleanup.policy": "compact", "segment.ms": "3000", "min.cleanable.dirty.ratio": "0.01"}
"""Compacted at every opportunity, which a broker takes every 15 s."""


async def make_topics(broker: str, names: Iterable[str], partitions: int, compacted: Iterable[str] = ()) -> None:
    """Create topics that keep old timestamps."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    try:
        wanted = [NewTopic(name, partitions, 1, topic_configs=KEEP) for name in names]
        wanted += [NewTopic(name, partitions, 1, topic_configs=COMPACT) for name in compacted]
        await admin.create_topics(wanted)
    finally:
        await admin.close()


Row = tuple[int, int, bytes, bytes]
"""Partition, timestamp, key, value."""


async def fill(broker: str, topic: str, rows: Iterable[Row], **options: Any) -> None:
    """Send rows in order, batched."""
    async with AIOKafkaProducer(bootstrap_servers=broker, max_batch_size=500_000, **options) as producer:
        batches: dict[int, Any] = {}
        sent: list[asyncio.Future[Any]] = []
        for partition, timestamp, key, value in rows:
            batch = batches.get(partition)
            if batch is None or batch.append(timestamp=timestamp, key=key, value=value) is None:
                if batch is not None:
                    batch.close()
                    sent.append(await producer.send_batch(batch, topic, partition=partition))
                batch = batches[partition] = producer.create_batch()
                batch.append(timestamp=timestamp, key=key, value=value)
        for partition, batch in batches.items():
            sent.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*sent)


async def read_all(broker: str, topic: str, partitions: int) -> list[Any]:
    """Every committed record of a topic, partition after partition, as ConsumerRecords."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    found: list[Any] = []
    try:
        for partition in range(partitions):
            place = TopicPartition(topic, partition)
            consumer.assign([place])
            await consumer.seek_to_beginning(place)
            end = (await consumer.end_offsets([place]))[place]
            while await consumer.position(place) < end:
                for records in (await consumer.getmany(place, timeout_ms=200)).values():
                    found.extend(records)
        return found
    finally:
        await consumer.stop()


async def table(broker: str, changelog: str, partitions: int) -> dict[bytes, bytes]:
    """A changelog's last values, without the lane's own records."""
    values: dict[bytes, bytes] = {}
    for record in await read_all(broker, changelog, partitions):
        if record.value is None:
            values.pop(record.key, None)
        elif not record.key.startswith(b"\x00"):
            values[record.key] = record.value
    return values


async def lag(broker: str, group: str, topics: Sequence[str], partitions: int) -> int:
    """How many offsets the group has not committed yet."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, isolation_level="read_committed")
    await admin.start()
    await consumer.start()
    try:
        places = [TopicPartition(topic, partition) for topic in topics for partition in range(partitions)]
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(places)
        try:
            committed = await admin.list_consumer_group_offsets(group)
        except GroupCoordinatorNotAvailableError:
            committed = {}  # nobody ever used a group here
        return sum(end - max(0, committed[place].offset if place in committed else 0) for place, end in ends.items())
    finally:
        await consumer.stop()
        await admin.close()
