"""The dead-letters topic, read to its end as of now, in chunks: memory does not grow with what lies there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from stream_app.broker import client_options
from stream_app.errors import KnownError
from stream_app.ops.letters.letter import Place
from stream_app.ops.topics_admin import partition_counts
from stream_app.streaming.lenient import read_any_header_names
from stream_app.topics import Manifest

Progress = Callable[[str, int, int], None]
"""Told what is done, how many offsets are behind, and how many there are in all."""

_CHUNK = 2_000


class LettersError(KnownError):
    """The topic is missing, or Kafka does not answer."""


class Reader:
    """Reads committed records. Made by `open_reader`; for one task at a time."""

    def __init__(self, consumer: AIOKafkaConsumer, counts: Mapping[str, int], progress: Progress) -> None:
        self._consumer = consumer
        self._progress = progress
        self.counts = counts
        """The partitions of the topics that exist."""

    async def spans(self, topic: str, since: int | None = None) -> dict[int, tuple[int, int]]:
        """By partition: the first offset kept (that arrived at `since`, ms, or later), and the end as of now."""
        places = [TopicPartition(topic, partition) for partition in range(self.counts[topic])]
        begins = await self._consumer.beginning_offsets(places)
        self._consumer.assign(places)
        ends = await self._consumer.end_offsets(places)
        if since is not None:
            found = await self._consumer.offsets_for_times(dict.fromkeys(places, since))
            begins = {place: found[place].offset if found.get(place) else ends[place] for place in places}
        return {place.partition: (begins[place], ends[place]) for place in places}

    async def records(
        self, topic: str, spans: Mapping[int, tuple[int, int]], what: str
    ) -> AsyncIterator[Sequence[Any]]:
        """All records of a topic within spans, chunk by chunk, those of a partition in order."""
        left = {TopicPartition(topic, part): span for part, span in spans.items() if span[0] < span[1]}
        if not left:
            return
        total = sum(end - begin for begin, end in left.values())
        behind = 0
        self._consumer.assign(list(left))
        for place, (begin, _) in left.items():
            self._consumer.seek(place, begin)
        while left:
            for place, records in (await self._consumer.getmany(timeout_ms=200, max_records=_CHUNK)).items():
                end = left[place][1] if place in left else 0
                wanted = records if not records or records[-1].offset < end else [r for r in records if r.offset < end]
                if wanted:
                    yield wanted
            for place, (begin, end) in list(left.items()):
                position = min(await self._consumer.position(place), end)
                behind += position - begin
                left[place] = (position, end)
                if position >= end:
                    del left[place]
                    self._consumer.pause(place)
            self._progress(what, behind, total)

    async def one(self, topic: str, place: Place) -> Any:
        """The record at a place. Raises `LettersError` where there is none."""
        spans = await self.spans(topic) if 0 <= place.partition < self.counts[topic] else {}
        begin, end = spans.get(place.partition, (0, 0))
        if begin <= place.offset < end:
            only = {place.partition: (place.offset, place.offset + 1)}
            async for records in self.records(topic, only, "reading"):
                return records[0]
        raise LettersError(f"there is no dead letter at {place}: 'dead-letters list --each' names those there are")


@asynccontextmanager
async def open_reader(bootstrap: str, manifest: Manifest, progress: Progress) -> AsyncIterator[Reader]:
    """A reader of a system's topics. Raises `KnownError` where Kafka does not answer or there are no dead letters."""
    counts = await partition_counts(bootstrap, manifest)
    topic = manifest["dead-letters"].name
    if topic not in counts:
        raise LettersError(f"there is no topic {topic} on {bootstrap}: say 'stream-app topics create' first")
    read_any_header_names()
    consumer = AIOKafkaConsumer(
        **client_options(bootstrap),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=1 << 20,
        fetch_max_bytes=8 << 20,
        fetch_max_wait_ms=100,
    )
    try:
        await consumer.start()
        yield Reader(consumer, counts, progress)
    except KafkaConnectionError:
        raise LettersError(f"Kafka does not answer at {bootstrap}") from None
    except KafkaError as error:
        raise LettersError(f"Kafka at {bootstrap} refuses: {error!r}") from error
    finally:
        await asyncio.sleep(0)  # aiokafka takes a task of its own that has not begun yet for its caller's end
        await consumer.stop()
