"""Lag, read from Kafka itself: the groups' committed offsets, the last stable offsets, and the oldest unread records.

The rule: nobody's word is taken. The end is the last stable offset, as readers of committed records see it; the age of what
is left is that of the very record that comes next, which is fetched; where nothing but transaction markers or aborted
records is left, nothing is left. Nothing is committed and no group is joined.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from stream_app.broker import client_options, demand_entry
from stream_app.errors import KnownError
from stream_app.ops.lag import Reading
from stream_app.ops.lag_groups import Group, describe, group_names, reads_any
from stream_app.topics import Manifest

EXACT = 1_000
"""Up to as many messages are counted one by one; of more, the offsets are."""
_FETCH_BYTES = 64 * 1024
_LOOK_SECONDS = 30.0


class LagError(KnownError):
    """Kafka does not answer, or refuses."""


@dataclass(slots=True)
class _Left:
    """What was found of one partition's unread records."""

    count: int = 0
    first: int | None = None
    oldest_at: int | None = None
    done: bool = False


class LagReader:
    """See the module. Made by `open_lag_reader`; for one task at a time."""

    def __init__(
        self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, bootstrap: str, manifest: Manifest
    ) -> None:
        self._admin, self._consumer, self._bootstrap, self._manifest = admin, consumer, bootstrap, manifest

    async def look(self, groups: Sequence[str] = ()) -> list[Reading]:
        """The named groups, or every group that reads a topic of this system; by group, topic and partition.

        Of a named group that has never read anything, the worker's inputs are listed, all of them unread. Raises `LagError`.
        """
        return await self._bounded(self._look(groups))

    async def left_behind(self, positions: Mapping[TopicPartition, int]) -> list[Reading]:
        """The same of one whose positions are not Kafka's to know, in all partitions of the topics of these. Raises `LagError`."""
        return await self._bounded(self._left_behind(positions))

    async def _bounded(self, look: Coroutine[Any, Any, list[Reading]]) -> list[Reading]:
        try:
            return await asyncio.wait_for(look, _LOOK_SECONDS)
        except TimeoutError:
            raise LagError(f"Kafka at {self._bootstrap} did not answer within {_LOOK_SECONDS:.0f} s") from None
        except KafkaError as error:
            raise LagError(f"Kafka at {self._bootstrap}: {error!r}") from error

    async def _look(self, names: Sequence[str]) -> list[Reading]:
        known = {topic.name for topic in self._manifest}
        found = [await describe(self._admin, name) for name in names or await group_names(self._admin)]
        readings: list[Reading] = []
        counts = await self._partitions(known)
        for group in found:
            if names or reads_any(group, known):
                topics = (group.topics & known) or self._inputs()
                places = [TopicPartition(topic, n) for topic in sorted(topics) for n in range(counts.get(topic, 0))]
                readings += await self._read(group, places)
        return readings

    async def _left_behind(self, positions: Mapping[TopicPartition, int]) -> list[Reading]:
        counts = await self._partitions({place.topic for place in positions})
        places = [TopicPartition(topic, number) for topic in sorted(counts) for number in range(counts[topic])]
        return await self._read(Group("", "unknown", frozenset(), frozenset(), positions), places)

    def _inputs(self) -> set[str]:
        return {topic.name for topic in self._manifest if topic.kind in ("event", "inbox")}

    async def _partitions(self, names: set[str]) -> dict[str, int]:
        """Of the topics that exist: asking for one by name could create it."""
        existing = set(await self._admin.list_topics()) & names
        described = await self._admin.describe_topics(sorted(existing)) if existing else []
        return {topic["topic"]: len(topic["partitions"]) for topic in described if topic["error_code"] == 0}

    async def _read(self, group: Group, places: list[TopicPartition]) -> list[Reading]:
        if not places:
            return []
        ends: Mapping[TopicPartition, int] = await self._consumer.end_offsets(places)
        firsts: Mapping[TopicPartition, int] = await self._consumer.beginning_offsets(places)
        begins = {place: max(firsts[place], group.committed.get(place, 0)) for place in places}
        left = await self._left({place: begins[place] for place in places if begins[place] < ends[place]}, ends)
        now = time.time_ns() // 1_000_000
        return [_reading(group, place, ends[place], left.get(place, _Left()), now) for place in places]

    async def _left(
        self, begins: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> dict[TopicPartition, _Left]:
        """Read on from the offsets until each partition's oldest record is known, and its end or `EXACT` records."""
        found = {place: _Left() for place in begins}
        if not found:
            return {}
        consumer = self._consumer
        consumer.assign(list(begins))
        for place, offset in begins.items():
            consumer.seek(place, offset)
        while waiting := [place for place, left in found.items() if not left.done]:
            batches = await consumer.getmany(*waiting, timeout_ms=50, max_records=EXACT * len(waiting))
            for place in waiting:
                _take(found[place], batches.get(place, ()), ends[place])
                if await consumer.position(place) >= ends[place]:
                    found[place].done = True
                elif found[place].count >= EXACT:
                    found[place].count, found[place].done = ends[place] - (found[place].first or 0), True
        return found


def _take(left: _Left, records: Iterable[Any], end: int) -> None:
    for record in records:
        if record.offset >= end:
            break
        if left.first is None:
            left.first, left.oldest_at = record.offset, record.timestamp
        left.count += 1


def _reading(group: Group, place: TopicPartition, end: int, left: _Left, now: int) -> Reading:
    return Reading(
        group=group.name,
        state=group.state,
        topic=place.topic,
        partition=place.partition,
        end=end,
        committed=group.committed.get(place),
        lag=left.count,
        oldest_at=left.oldest_at,
        owned=place in group.held,
        read_at=now,
    )


@asynccontextmanager
async def open_lag_reader(bootstrap: str, manifest: Manifest) -> AsyncIterator[LagReader]:
    """A reader of the lag of one system's groups. Raises `LagError` where Kafka does not answer."""
    admin = AIOKafkaAdminClient(**client_options(bootstrap))
    consumer = AIOKafkaConsumer(
        **client_options(bootstrap),
        isolation_level="read_committed",
        enable_auto_commit=False,
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=50,
    )
    try:
        try:
            await admin.start()
            await consumer.start()
            await asyncio.sleep(0)  # its tasks begin: one that is cancelled before it did would break `stop`
        except KafkaError:
            await demand_entry(bootstrap)
            raise LagError(f"Kafka does not answer at {bootstrap}") from None
        yield LagReader(admin, consumer, bootstrap, manifest)
    finally:
        await consumer.stop()
        await admin.close()
