"""Topics to make, fill, read and remove, and a reader that watches an output as it becomes visible."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from bench.peers.events import CHANNELS, PARTITIONS, Event
from stream_app.topics import load_manifest

_BATCH = 500_000
_POLL_MS = 50


@asynccontextmanager
async def _admin(broker: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker, request_timeout_ms=30_000)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def make_topics(broker: str, names: Mapping[str, Mapping[str, str]]) -> None:
    """Create topics with their settings."""
    wanted = [NewTopic(name, PARTITIONS, 1, topic_configs=dict(config)) for name, config in names.items()]
    async with _admin(broker) as admin:
        await admin.create_topics(wanted)


async def remove_topics(broker: str, kept: Sequence[str]) -> None:
    """Delete every topic but those whose names begin with one of these: what one run left must not weigh on the next."""
    async with _admin(broker) as admin:
        names = [name for name in await admin.list_topics() if not name.startswith(("__", *kept))]
        if names:
            await admin.delete_topics(names)


def input_topics(prefix: str) -> dict[str, Mapping[str, str]]:
    """The topics of the channels under a prefix, with the manifest's settings."""
    manifest = load_manifest(prefix, PARTITIONS)
    topics = [manifest.topic_of(channel=channel, about_account=False) for channel in CHANNELS]
    return {topic.name: topic.config for topic in topics}


async def load(broker: str, topics: Sequence[str], events: Iterable[Event]) -> None:
    """Send events in order, in large batches."""
    async with AIOKafkaProducer(bootstrap_servers=broker, max_batch_size=_BATCH) as producer:
        batches: dict[tuple[int, int], Any] = {}
        sent: list[asyncio.Future[Any]] = []

        async def send(place: tuple[int, int]) -> None:
            sent.append(await producer.send_batch(batches.pop(place), topics[place[0]], partition=place[1]))

        for event in events:
            place = event.channel, event.partition
            batch = batches.setdefault(place, producer.create_batch())
            if batch.append(timestamp=event.time, key=event.key, value=event.value) is None:
                await send(place)
                batch = batches[place] = producer.create_batch()
                batch.append(timestamp=event.time, key=event.key, value=event.value)
        for place in list(batches):
            await send(place)
        await asyncio.gather(*sent)


async def read_all(broker: str, topics: Sequence[str]) -> list[tuple[bytes, bytes | None]]:
    """Key and value of every committed record."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, isolation_level="read_committed", enable_auto_commit=False)
    await consumer.start()
    found: list[tuple[bytes, bytes | None]] = []
    try:
        places = [TopicPartition(topic, partition) for topic in topics for partition in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        deadline = time.monotonic() + 60
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            if time.monotonic() > deadline:
                raise KafkaError(f"{', '.join(topics)} could not be read to the end")
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.extend((record.key, record.value) for record in records)
        return found
    finally:
        await consumer.stop()


@dataclass
class Watcher:
    """Reads a topic, read committed, from its first record on. An async context manager."""

    broker: str
    topic: str

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self.broker,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_POLL_MS,
        )
        await self._consumer.start()
        self._consumer.assign([TopicPartition(self.topic, partition) for partition in range(PARTITIONS)])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def poll(self) -> list[bytes]:
        """What has become visible; after a short wait, nothing."""
        found = await self._consumer.getmany(timeout_ms=_POLL_MS)
        return [record.value for records in found.values() for record in records]
