"""Events to Kafka, in batches, idempotently, in order.

The rule of this module: an event's partition is that of its strongest key under Kafka's own murmur2, and its record's
timestamp is the event's time, because a lane merges its topics by it.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.partitioner import murmur2

from stream_app.broker import client_options
from stream_app.engine.activity import Activity
from stream_app.engine.identity import lead_keys
from stream_app.errors import KnownError
from stream_app.ops.topics_admin import partition_counts
from stream_app.topics import Manifest, Topic

_BATCH_BYTES = 256 * 1024
_KEYS_REMEMBERED = 100_000


class ProduceError(KnownError):
    """Kafka did not take the events."""


class EventSender:
    """Sends events. Made by `open_sender`; for one task at a time."""

    def __init__(self, producer: AIOKafkaProducer, manifest: Manifest, partitions: Mapping[str, int]) -> None:
        self._producer = producer
        self._manifest = manifest
        self._partitions = partitions
        self._open: dict[tuple[str, int], Any] = {}
        self._sent: set[asyncio.Future[Any]] = set()
        self._hashes: dict[bytes, int] = {}
        self._failure: BaseException | None = None

    async def send(self, activity: Activity, raw: bytes) -> Topic:
        """Put an event into the batch of its partition, which leaves when it is full or at `flush`.

        `raw` is the record's value: the event's JSON, as it came. Returns the topic that it goes to. Raises
        `ProduceError` where Kafka did not take an earlier one.
        """
        topic = self._manifest.topic_of(channel=activity.channel, about_account=activity.is_account_event)
        key = record_key(activity)
        place = topic.name, self._hash(key) % self._partitions[topic.name]
        batch = self._open.get(place)
        if batch is None:
            batch = self._open[place] = self._producer.create_batch()
        if batch.append(timestamp=activity.time, key=key, value=raw) is None:
            await self._submit(place)
            batch = self._open[place] = self._producer.create_batch()
            if batch.append(timestamp=activity.time, key=key, value=raw) is None:
                raise ProduceError(f"event {activity.event_id} does not fit into a batch")
        return topic

    async def flush(self) -> None:
        """Send what is open, and wait until Kafka has acknowledged everything. Raises `ProduceError`."""
        for place in list(self._open):
            await self._submit(place)
        if self._sent:
            await asyncio.wait(self._sent)
        self._demand()

    async def _submit(self, place: tuple[str, int]) -> None:
        self._demand()
        batch = self._open.pop(place)
        try:
            future = await self._producer.send_batch(batch, place[0], partition=place[1])
        except KafkaError as error:
            raise ProduceError(f"Kafka did not take the events: {error!r}") from error
        self._sent.add(future)
        future.add_done_callback(self._done)

    def _done(self, future: "asyncio.Future[Any]") -> None:
        self._sent.discard(future)
        if not future.cancelled() and self._failure is None:
            self._failure = future.exception()

    def _demand(self) -> None:
        if self._failure is not None:
            raise ProduceError(f"Kafka did not take the events: {self._failure!r}") from self._failure

    def _hash(self, key: bytes) -> int:
        """Kafka's positive murmur2 of a key; leads come again, so the latest are remembered."""
        found = self._hashes.get(key)
        if found is None:
            if len(self._hashes) >= _KEYS_REMEMBERED:
                self._hashes.clear()
            found = self._hashes[key] = murmur2(key) & 0x7FFFFFFF
        return found


def record_key(activity: Activity) -> bytes:
    """The record's key: the strongest key of the lead (`user:...`), or the account's id for an account event."""
    keys = lead_keys(activity)
    return (keys[0] if keys else activity.account_id or "").encode()


@asynccontextmanager
async def open_sender(
    bootstrap: str, manifest: Manifest, *, compression: str | None = "lz4"
) -> AsyncIterator[EventSender]:
    """A sender to the broker, closed at the end; what was not flushed then is not sent.

    Raises `KnownError` where the broker does not answer or refuses, or an event topic is missing: one that the broker made by
    itself would have the wrong settings.
    """
    partitions = await partition_counts(bootstrap, manifest)
    for topic in manifest.events():
        if topic.name not in partitions:
            raise ProduceError(f"there is no topic {topic.name} on {bootstrap}: say 'stream-app topics create' first")
    producer = AIOKafkaProducer(
        **client_options(bootstrap),
        enable_idempotence=True,
        max_batch_size=_BATCH_BYTES,
        compression_type=compression,
    )
    try:
        await producer.start()
        yield EventSender(producer, manifest, partitions)
    except KafkaConnectionError:
        raise ProduceError(f"Kafka does not answer at {bootstrap}") from None
    except KafkaError as error:
        raise ProduceError(f"Kafka at {bootstrap} refuses: {error!r}") from error
    finally:
        await producer.stop()
