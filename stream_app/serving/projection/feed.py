"""Records of a consumer as slices for a generation: what the projector and a rebuild have in common.

The rule: the store's position says where to read on, never the group's offset, so that a store that lost its last second,
or everything, is brought up to date all the same.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.broker import client_options
from stream_app.errors import KnownError
from stream_app.serving.projection.base import Place, Projection, Slice
from stream_app.serving.projection.changes import STATES, TOPICS, Change, NotOursError, change_of
from stream_app.serving.projection.ranking import Rankings, UnknownVersionError
from stream_app.serving.projection.watch import Watch
from stream_app.streaming.processor import InputRecord
from stream_app.topics import Manifest

AT_ONCE = 2_000
"""Records taken from Kafka at once."""
SLICE = 40
"""Records a slice: the server does nothing else while it takes one. Score records make more than 32 KB then, which a server
reads one call at a time: of shorter ones it takes several before it looks at anybody else."""
SLICE_BYTES = 256 * 1024
AHEAD = 2
"""So many batches are under way to the store while the next is read."""

_log = logging.getLogger(__name__)


class ShrunkError(Exception):
    """A topic ends before the stored position: it was made anew, so what is stored is of another."""


def bases_read(manifest: Manifest, states: bool) -> dict[str, str]:
    """The topics that are read, their names on the broker to those in the manifest; `states`: changelogs too."""
    return {manifest[base].name: base for base in TOPICS if states or base not in STATES}


def new_consumer(bootstrap: str, **more: Any) -> AIOKafkaConsumer:
    """A consumer of committed records that commits nothing by itself."""
    return AIOKafkaConsumer(
        **client_options(bootstrap),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=2 << 20,
        fetch_max_bytes=16 << 20,
        fetch_max_wait_ms=100,
        **more,
    )


class Feed:
    """Feeds one generation from the partitions that a consumer has. While the store takes some records, the next are read."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        projection: Projection,
        bases: Mapping[str, str],
        rankings: Rankings,
        watch: Watch | None = None,
    ) -> None:
        self.generation = -1
        self.taken = 0
        self.passed_over = 0
        self._consumer = consumer
        self._projection = projection
        self._bases = bases
        self._rankings = rankings
        self._watch = watch
        self._applied_at = 0.0
        self._next: dict[TopicPartition, int] = {}
        self._reached: dict[TopicPartition, int] = {}
        self._under_way: deque[asyncio.Task[None]] = deque()

    @property
    def reached(self) -> dict[Place, int]:
        """The position that the store has of each partition."""
        return {(place.topic, place.partition): offset for place, offset in self._reached.items()}

    def left(self) -> dict[Place, int]:
        """Offsets that the store has not, of each partition, as far as the consumer knows."""
        found: dict[Place, int] = {}
        for place, reached in self._reached.items():
            if place in self._consumer.assignment():
                end = self._consumer.last_stable_offset(place)
                found[place.topic, place.partition] = max(0, (end or 0) - reached)
        return found

    async def aim(self, generation: int, places: Iterable[TopicPartition]) -> None:
        """Read on where a generation stands. Raises `ShrunkError`."""
        await self.stop()
        self.generation = generation
        stored = await self._projection.positions(generation)
        self._next = {place: stored.get((place.topic, place.partition), 0) for place in places}
        self._reached = dict(self._next)
        if not self._next:
            return
        ends = await self._consumer.end_offsets(list(self._next))
        begins = await self._consumer.beginning_offsets(list(self._next))
        for place, offset in self._next.items():
            if offset > ends[place]:
                raise ShrunkError(f"{place.topic}, partition {place.partition} ends at {ends[place]}, before {offset}")
            self._consumer.seek(place, max(offset, begins[place]))

    async def turn(self, wait_ms: int = 100, at_once: int = AT_ONCE) -> int:
        """Take what there is, at most `at_once`, or wait for it a little; how many records.

        Raises what `Projection.apply` raises of these or of the records before.
        """
        if not self._next:
            return 0
        batches = await self._consumer.getmany(*self._next, timeout_ms=wait_ms, max_records=at_once)
        slices: list[Slice] = []
        count = 0
        times: dict[Place, list[int]] = {}
        for place, records in batches.items():
            if place in self._next and records:
                if self._watch is not None:
                    times[place.topic, place.partition] = [record.timestamp for record in records]
                slices += await self._slices(place, self._next[place], records)
                self._next[place] = records[-1].offset + 1
                count += len(records)
        slices += await self._markers(batches)
        if slices:
            self._under_way.append(asyncio.create_task(self._apply(slices, dict(self._next), count, times)))
        await self._settle(AHEAD if batches else 0)
        return count

    async def settle(self) -> None:
        """Return when the store has all that was read. Raises what `Projection.apply` raises."""
        await self._settle(0)

    async def stop(self) -> None:
        """Forget what is under way: whether the store took it, its position tells."""
        tasks = list(self._under_way)
        self._under_way.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _settle(self, left: int) -> None:
        """Return when no more than so many batches are under way."""
        while len(self._under_way) > left:
            await self._under_way.popleft()

    async def _apply(
        self, slices: Sequence[Slice], reached: dict[TopicPartition, int], count: int, times: Mapping[Place, list[int]]
    ) -> None:
        began = time.monotonic()
        older = await self._projection.apply(self.generation, slices)
        ended = time.monotonic()
        began, self._applied_at = max(began, self._applied_at), ended  # its turn came when the batch before was done
        self._reached = reached
        self.taken += count
        if self._watch is not None:
            self._watch.applied(slices, older, times, ended - began)

    async def _markers(self, batches: Collection[TopicPartition]) -> list[Slice]:
        """Slices of nothing: transaction markers take offsets, and only the consumer's position goes past them."""
        found = []
        for place, offset in self._next.items():
            if place in batches:
                continue
            position = await self._consumer.position(place)
            if position > offset:
                found.append(Slice((place.topic, place.partition), offset, position))
                self._next[place] = position
        return found

    async def _slices(self, place: TopicPartition, begin: int, records: Sequence[InputRecord]) -> list[Slice]:
        base = self._bases[place.topic]
        name = place.topic, place.partition
        slices: list[Slice] = []
        some, size = [], 0
        for record in records:
            try:
                change = self._change(base, record)
            except UnknownVersionError as error:
                await self._rankings.learn(error.version)
                change = self._change(base, record)
            if change is not None:
                some.append(change)
                size += len(record.value or b"")
            if len(some) >= SLICE or size > SLICE_BYTES:
                slices.append(Slice(name, begin, record.offset + 1, some))
                begin, some, size = record.offset + 1, [], 0
                await asyncio.sleep(0)  # what is under way goes on
        if begin <= records[-1].offset:
            slices.append(Slice(name, begin, records[-1].offset + 1, some))
        return slices

    def _change(self, base: str, record: InputRecord) -> Change | None:
        try:
            return change_of(base, record, self._rankings.of)
        except NotOursError as error:
            self.passed_over += 1
            if self._watch is not None:
                self._watch.unreadable[base] += 1
            _log.warning("passed over: %s", error)
            return None


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
