"""Reading what the system publishes, as any program outside would, and how far its workers have come."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord

from stream_app.broker import client_options
from stream_app.demo.board import Board, Document
from stream_app.ingest.dead_letters import CODE
from stream_app.topics import Manifest

_READ: Final = ("transitions", "lead-scores", "account-scores", "dead-letters")
_PROGRESS_EVERY_S: Final = 0.4


class Watch:
    """Fills a board from the topics. Made by `open_watch`; `read` and `follow` run beside each other, for ever."""

    def __init__(
        self,
        board: Board,
        manifest: Manifest,
        group: str,
        consumer: AIOKafkaConsumer,
        admin: AIOKafkaAdminClient,
        started: float,
    ) -> None:
        self.board = board
        self._manifest = manifest
        self._group = group
        self._consumer = consumer
        self._admin = admin
        self._started = started
        self._inputs = [
            TopicPartition(topic.name, partition)
            for agent in ("lead", "account")
            for topic in manifest.inputs(agent)
            for partition in range(topic.partitions)
        ]
        self._events = {topic.name for topic in manifest.events()}

    @property
    def now(self) -> float:
        """Seconds since the demo was started."""
        return time.monotonic() - self._started

    async def read(self, transition: Callable[[Document], None]) -> NoReturn:
        """Take records as they are committed; `transition` hears of every transition, after the board."""
        while True:
            for records in (await self._consumer.getmany(timeout_ms=200, max_records=2_000)).values():
                for record in records:
                    self._take(record, transition)

    async def follow(self) -> NoReturn:
        """Compare what there is to read with what the workers have committed, a few times a second."""
        while True:
            await self.measure()
            await asyncio.sleep(_PROGRESS_EVERY_S)

    async def measure(self) -> None:
        """Compare once."""
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(self._inputs)
        committed: dict[TopicPartition, Any] = await self._admin.list_consumer_group_offsets(self._group)
        done = {place: max(0, found.offset) for place, found in committed.items()}
        scored = sum(offset for place, offset in done.items() if place.topic in self._events)
        lag = sum(max(0, ends[place] - done.get(place, 0)) for place in self._inputs)
        self.board.progress(scored, lag, self.now)

    def _take(self, record: ConsumerRecord, transition: Callable[[Document], None]) -> None:
        topic = self._manifest.named(record.topic)
        key = (record.key or b"").decode("utf-8", "replace")
        match topic.base if topic is not None else "":
            case "transitions":
                document = orjson.loads(record.value)
                if "ladder" in document:  # else it says that somebody was erased
                    self.board.transition(document, self.now)
                    transition(document)
            case "lead-scores":
                self.board.lead(key, orjson.loads(record.value) if record.value is not None else None)
            case "account-scores":
                self.board.account(key, orjson.loads(record.value) if record.value is not None else None)
            case "dead-letters":
                code = next((value for name, value in record.headers if name == CODE), b"?")
                self.board.dead_letter(code.decode("utf-8", "replace"))


@asynccontextmanager
async def open_watch(
    bootstrap: str, board: Board, manifest: Manifest, group: str, started: float
) -> AsyncIterator[Watch]:
    """A watch over the topics from their beginnings; closed at the end."""
    consumer = AIOKafkaConsumer(
        **client_options(bootstrap), isolation_level="read_committed", fetch_max_wait_ms=100, enable_auto_commit=False
    )
    admin = AIOKafkaAdminClient(**client_options(bootstrap))
    try:
        await consumer.start()
        await admin.start()
        topics = [manifest[base] for base in _READ]
        consumer.assign([TopicPartition(topic.name, part) for topic in topics for part in range(topic.partitions)])
        await consumer.seek_to_beginning()
        yield Watch(board, manifest, group, consumer, admin, started)
    finally:
        await admin.close()
        await consumer.stop()
