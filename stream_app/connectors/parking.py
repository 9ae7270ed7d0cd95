"""The parked queue in Kafka: one compacted topic a connector, written before the offset behind a record is committed.

Every process of the connector reads all of it, from its beginning, and goes on reading: so `parked retry` on any machine
reaches the process that has the record's partition, whether it runs now or later.
"""

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream_app.broker import client_options
from stream_app.connectors.contract import Change
from stream_app.connectors.parked import DISABLED, Index, Parked, asking_again, disabling, made_obsolete
from stream_app.errors import KnownError
from stream_app.ops.topics_admin import create_topics
from stream_app.topics import Manifest, Topic

_CONFIG = {"cleanup.policy": "compact", "min.compaction.lag.ms": "0", "delete.retention.ms": "604800000"}
_AT_ONCE = 5_000

Row = tuple[bytes, bytes | None]


def parked_topic(prefix: str, name: str) -> Topic:
    """A connector's parked topic."""
    base = f"connect-{name}-parked"
    return Topic(base, prefix + base, "replays", "the change's id", 1, config=_CONFIG)


class Parking:
    """See the module. `open`, then `poll` again and again."""

    def __init__(self, broker: str, prefix: str, name: str) -> None:
        self._broker = broker
        self._topic = parked_topic(prefix, name)
        self._place = TopicPartition(self._topic.name, 0)
        self._consumer: AIOKafkaConsumer | None = None
        self._producer: AIOKafkaProducer | None = None
        self.index = Index()
        self._own: dict[bytes, int] = {}  # offsets of what was written here and applied at once, until they are read

    async def open(self) -> None:
        """Make the topic if it is missing, and read what is parked."""
        only = Manifest((self._topic,), "", self._topic)
        await create_topics(self._broker, only)
        self._producer = AIOKafkaProducer(**client_options(self._broker), enable_idempotence=True)
        self._consumer = AIOKafkaConsumer(
            **client_options(self._broker), enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await self._producer.start()
        await self._consumer.start()
        self._consumer.assign([self._place])
        await self._consumer.seek_to_beginning(self._place)
        end = (await self._consumer.end_offsets([self._place]))[self._place]
        while await self._consumer.position(self._place) < end:
            await self.poll(200)

    async def poll(self, timeout_ms: int) -> list[Parked]:
        """What is new: records that an operator asked to be sent again."""
        assert self._consumer is not None, "open() comes first"
        asked = []
        found = await self._consumer.getmany(self._place, timeout_ms=timeout_ms, max_records=_AT_ONCE)
        for records in found.values():
            for record in records:
                if record.offset <= self._own.get(record.key, -1):
                    if record.offset == self._own[record.key]:
                        del self._own[record.key]
                    continue
                one = self._applied(record.key or b"", record.value)
                if one is not None and one.state == "retry":
                    asked.append(one)
        return asked

    def _applied(self, key: bytes, value: bytes | None) -> Parked | None:
        try:
            return self.index.apply(key, value)
        except ValueError as error:
            raise KnownError(f"{self._topic.name} holds a record of another program: {error}") from None

    async def park(self, change: Change, reason: str, now: int) -> None:
        """Park a change; returns when it is safe."""
        await self._write([self.index.parking(change, reason, now)])

    async def remove(self, identities: Iterable[str]) -> None:
        """Delivered, dropped, or of an erased person."""
        await self._write([(identity.encode(), None) for identity in identities])

    async def ask_again(self, records: Iterable[Parked]) -> None:
        """Ask for records to be sent again."""
        await self._write([asking_again(record) for record in records])

    async def obsolete(self, records: Iterable[Parked], by: str) -> None:
        """Later changes were delivered."""
        await self._write([made_obsolete(record, by) for record in records if record.obsolete_by is None])

    async def disable(self, reason: str | None) -> None:
        """The vendor wants no more of it; None: it does again."""
        await self._write([disabling(reason) if reason is not None else (DISABLED, None)])

    async def _write(self, rows: list[Row]) -> None:
        assert self._producer is not None, "open() comes first"
        sent = [await self._producer.send(self._topic.name, value, key, partition=0) for key, value in rows]
        for (key, value), one in zip(rows, sent, strict=True):
            self._own[key] = (await one).offset
            self._applied(key, value)

    async def close(self) -> None:
        """Let go of connections."""
        for client in (self._consumer, self._producer):
            if client is not None:
                await client.stop()
