"""Records out of a running system's topics, in bulk and once through: committed ones only, to the end as it is now.

The rule: reading disturbs nobody. There is no consumer group, nothing is committed, and what is held in memory is what
was asked for, never a partition. A topic that is missing is named with its remedy before anything is read.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from stream_app.broker import client_options
from stream_app.errors import KnownError
from stream_app.ops.topics_admin import TopicsError, partition_counts
from stream_app.streaming.processor import InputRecord as Record
from stream_app.streaming.transaction import default_partition
from stream_app.topics import Manifest

Progress = Callable[[str, int, int], None]
"""What is being read, how many offsets are done, and how many there are."""

Wanted = Mapping[tuple[str, int], frozenset[bytes]]
"""Keys to find, by topic (its name on the broker) and partition."""

_AT_ONCE = 20_000


class TopicReader:
    """See the module. Made by `open_reader`; for one task at a time."""

    def __init__(
        self, consumer: AIOKafkaConsumer, manifest: Manifest, partitions: Mapping[str, int], progress: Progress
    ) -> None:
        self.manifest = manifest
        self._consumer = consumer
        self._partitions = partitions
        self._progress = progress

    def partitions(self, base: str) -> list[TopicPartition]:
        """All partitions of a topic, by its name in the manifest. Raises `KnownError` where the topic is missing."""
        name = self.manifest[base].name
        if name not in self._partitions:
            raise KnownError(
                f"there is no topic {name} on this broker: say 'stream-app topics create', or name the system's --prefix"
            )
        return [TopicPartition(name, number) for number in range(self._partitions[name])]

    def place(self, base: str, key: str) -> tuple[str, int]:
        """The topic's name and the partition in which a key's records lie."""
        places = self.partitions(base)
        return places[0].topic, default_partition(key.encode(), len(places))

    async def firsts(self, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """The first offset that each partition still holds."""
        found: dict[TopicPartition, int] = await self._consumer.beginning_offsets(places)
        return found

    async def ends(self, places: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Where partitions end at present."""
        found: dict[TopicPartition, int] = await self._consumer.end_offsets(list(places))
        return found

    async def scan(
        self, places: Iterable[TopicPartition], what: str
    ) -> AsyncIterator[tuple[TopicPartition, Sequence[Record]]]:
        """All committed records of partitions, a batch of one partition at a time, in the order of its offsets."""
        waiting = sorted(set(places))
        consumer = self._consumer
        if not waiting:
            return
        consumer.assign(waiting)
        begins, ends = await consumer.beginning_offsets(waiting), await consumer.end_offsets(waiting)
        for place in waiting:
            consumer.seek(place, begins[place])
        total = sum(ends[place] - begins[place] for place in waiting)
        positions = dict(begins)
        while waiting := [place for place in waiting if positions[place] < ends[place]]:
            for place, records in (await consumer.getmany(*waiting, timeout_ms=200, max_records=_AT_ONCE)).items():
                yield place, [record for record in records if record.offset < ends[place]]
            for place in waiting:
                # Transaction markers take offsets: only the position tells when the end is reached.
                positions[place] = min(await consumer.position(place), ends[place])
            self._progress(what, sum(positions[place] - begins[place] for place in begins), total)

    async def find(self, wanted: Wanted, what: str) -> dict[tuple[str, bytes], list[Record]]:
        """The records of the wanted keys, by topic and key, oldest first; tombstones included."""
        found: dict[tuple[str, bytes], list[Record]] = {}
        async for record in self._wanted(wanted, what):
            found.setdefault((record.topic, record.key or b""), []).append(record)
        return found

    async def latest(self, wanted: Wanted, what: str) -> dict[tuple[str, bytes], Record]:
        """The last record of each wanted key, by topic and key; without those that a tombstone removed."""
        found: dict[tuple[str, bytes], Record] = {}
        async for record in self._wanted(wanted, what):
            found[record.topic, record.key or b""] = record
        return {place: record for place, record in found.items() if record.value is not None}

    async def _wanted(self, wanted: Wanted, what: str) -> AsyncIterator[Record]:
        async for place, records in self.scan((TopicPartition(*place) for place in wanted), what):
            keys = wanted[place]
            for record in records:
                if record.key in keys:
                    yield record


def gather(places: Iterable[tuple[tuple[str, int], str]]) -> dict[tuple[str, int], frozenset[bytes]]:
    """What `TopicReader.find` wants, from pairs of a key's place and the key."""
    keys: dict[tuple[str, int], set[bytes]] = {}
    for place, key in places:
        keys.setdefault(place, set()).add(key.encode())
    return {place: frozenset(found) for place, found in keys.items()}


@asynccontextmanager
async def open_reader(
    bootstrap: str,
    manifest: Manifest,
    progress: Progress = lambda what, done, total: None,
) -> AsyncIterator[TopicReader]:
    """A reader of one system's topics. Raises `KnownError` where the broker does not answer or a topic that is read is missing."""
    try:
        partitions = await partition_counts(bootstrap, manifest)
    except TopicsError as error:
        raise KnownError(
            f"{error}: 'stream-app up' starts one here; --bootstrap or KAFKA_BROKER names another"
        ) from None
    consumer = AIOKafkaConsumer(
        **client_options(bootstrap),
        isolation_level="read_committed",
        enable_auto_commit=False,
        max_partition_fetch_bytes=8 << 20,
        fetch_max_bytes=32 << 20,
        fetch_max_wait_ms=100,
    )
    try:
        await consumer.start()
        await asyncio.sleep(0)  # its tasks begin: one that is cancelled before it did would break `stop`
        yield TopicReader(consumer, manifest, partitions, progress)
    except KafkaConnectionError:
        raise KnownError(f"Kafka no longer answers at {bootstrap}") from None
    except KafkaError as error:
        raise KnownError(f"Kafka at {bootstrap} refuses: {error}") from error
    finally:
        await consumer.stop()
