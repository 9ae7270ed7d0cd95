"""Records of a consumer as slices for a generation: what the projector and a rebuild have in common.

The rule: the store's position says where to read on, never the group's offset, so that a store that lost its last second,
or everything, is brought up to date all the same.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.errors import KnownError
from stream_app.serving.projection.base import Place, Projection, Slice
from stream_app.serving.projection.changes import STATES, TOPICS, NotOursError, change_of
from stream_app.streaming.processor import InputRecord
from stream_app.topics import Manifest

AT_ONCE = 4_000
"""Records taken from Kafka at once."""
SLICE = 50
"""Records a slice: the server does nothing else while it takes one."""
SLICE_BYTES = 256 * 1024

_log = logging.getLogger(__name__)


class ShrunkError(Exception):
    """A topic ends before the stored position: it was made anew, so what is stored is of another."""


def bases_read(manifest: Manifest, states: bool) -> dict[str, str]:
    """The topics that are read, their names on the broker to those in the manifest; `states`: changelogs too."""
    return {manifest[base].name: base for base in TOPICS if states or base not in STATES}


def new_consumer(bootstrap: str, security: Mapping[str, Any] | None, **more: Any) -> AIOKafkaConsumer:
    """A consumer of committed records that commits nothing by itself."""
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=2 << 20,
        fetch_max_bytes=16 << 20,
        fetch_max_wait_ms=100,
        **(security or {}),
        **more,
    )


class Feed:
    """Feeds one generation from the partitions that a consumer has."""

    def __init__(self, consumer: AIOKafkaConsumer, projection: Projection, bases: Mapping[str, str]) -> None:
        self.generation = -1
        self.taken = 0
        self.passed_over = 0
        self._consumer = consumer
        self._projection = projection
        self._bases = bases
        self._next: dict[TopicPartition, int] = {}

    @property
    def reached(self) -> dict[Place, int]:
        """The position that the store has of each partition."""
        return {(place.topic, place.partition): offset for place, offset in self._next.items()}

    async def aim(self, generation: int, places: Iterable[TopicPartition]) -> None:
        """Read on where a generation stands. Raises `ShrunkError`."""
        self.generation = generation
        stored = await self._projection.positions(generation)
        self._next = {place: stored.get((place.topic, place.partition), 0) for place in places}
        if not self._next:
            return
        ends = await self._consumer.end_offsets(list(self._next))
        begins = await self._consumer.beginning_offsets(list(self._next))
        for place, offset in self._next.items():
            if offset > ends[place]:
                raise ShrunkError(f"{place.topic}, partition {place.partition} ends at {ends[place]}, before {offset}")
            self._consumer.seek(place, max(offset, begins[place]))

    async def turn(self, wait_ms: int = 100) -> int:
        """Take what there is, or wait for it a little; how many records. Raises what `Projection.apply` raises."""
        if not self._next:
            return 0
        batches = await self._consumer.getmany(*self._next, timeout_ms=wait_ms, max_records=AT_ONCE)
        slices: list[Slice] = []
        next_ = dict(self._next)
        count = 0
        for place, records in batches.items():
            if place in next_ and records:
                slices += self._slices(place, next_[place], records)
                next_[place] = records[-1].offset + 1
                count += len(records)
        if not batches:
            slices += await self._markers(next_)
        await self._projection.apply(self.generation, slices)
        self._next = next_
        self.taken += count
        return count

    async def _markers(self, next_: dict[TopicPartition, int]) -> list[Slice]:
        """Slices of nothing: transaction markers take offsets, and only the consumer's position goes past them."""
        found = []
        for place, offset in next_.items():
            position = await self._consumer.position(place)
            if position > offset:
                found.append(Slice((place.topic, place.partition), offset, position))
                next_[place] = position
        return found

    def _slices(self, place: TopicPartition, begin: int, records: Sequence[InputRecord]) -> list[Slice]:
        base = self._bases[place.topic]
        name = place.topic, place.partition
        slices: list[Slice] = []
        some, size = [], 0
        for record in records:
            try:
                change = change_of(base, record)
            except NotOursError as error:
                self.passed_over += 1
                _log.warning("passed over: %s", error)
                change = None
            if change is not None:
                some.append(change)
                size += len(record.value or b"")
            if len(some) >= SLICE or size > SLICE_BYTES:
                slices.append(Slice(name, begin, record.offset + 1, some))
                begin, some, size = record.offset + 1, [], 0
        if begin <= records[-1].offset:
            slices.append(Slice(name, begin, records[-1].offset + 1, some))
        return slices


async def ends_of(consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> dict[Place, int]:
    """The present ends of partitions."""
    ends = await consumer.end_offsets(list(places))
    return {(place.topic, place.partition): end for place, end in ends.items()}


def places_of(partitions: Mapping[str, int], bases: Mapping[str, str]) -> list[TopicPartition]:
    """All partitions of the topics that are read. Raises `KnownError` where one is missing."""
    for name in bases:
        if name not in partitions:
            raise KnownError(
                f"there is no topic {name} on this broker: say 'stream-app topics create', or name the system's --prefix"
            )
    return [TopicPartition(name, number) for name in bases for number in range(partitions[name])]
