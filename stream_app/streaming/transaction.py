"""Kafka transactions: the only module that knows them.

The rule: one producer per agent and partition, whose transactional id names them, so that starting it fences whoever had
the partition and ends what he left open. One `commit` is one transaction: outputs, changelog records and input offsets
become visible together or not at all. After any error the producer is of no use: the process ends (see health.py).
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import murmur2
from aiokafka.structs import OffsetAndMetadata

from stream_app.broker import client_options
from stream_app.streaming.processor import OWN, Output
from stream_app.streaming.settings import AgentSettings, WorkerSettings

Row = tuple[bytes | None, bytes | None, list[tuple[str, bytes]], int]
"""Key, value, headers, timestamp in ms."""

_NO_HEADERS: list[tuple[str, bytes]] = []


class RecordTooLargeError(Exception):
    """A record that fits no batch: whoever made it must bound it."""


@lru_cache(maxsize=1 << 16)
def default_partition(key: bytes, partitions: int) -> int:
    """Where Kafka's default partitioner puts a key (murmur2, as in the Java clients)."""
    return int(murmur2(key) & 0x7FFFFFFF) % partitions


class Transactor:
    """Writes the transactions of one agent's partition. `start`, any number of `commit`s one after the other, `stop`."""

    def __init__(self, settings: WorkerSettings, agent: AgentSettings, partition: int) -> None:
        self._group = settings.app
        self._changelog = agent.changelog
        self._partition = partition
        self._counts: dict[str, int] = {}
        self._batch_bytes = settings.pacing.batch_bytes
        self._producer = AIOKafkaProducer(
            **client_options(settings.broker),
            transactional_id=settings.transactional_id(agent.name, partition),
            transaction_timeout_ms=int(settings.limits.transaction_timeout * 1000),
            request_timeout_ms=int(settings.limits.transaction_timeout * 1000),
            max_batch_size=settings.pacing.batch_bytes,
            max_request_size=settings.pacing.batch_bytes + 65536,
            compression_type=settings.compression,
            linger_ms=0,
            retry_backoff_ms=settings.pacing.retry_ms,
        )

    async def start(self) -> None:
        """Fence earlier owners; returns when their transactions are settled, so that the changelog's end is final."""
        await self._producer.start()

    async def stop(self) -> None:
        """Let go of the connections. A transaction that is open is left to time out or to the next owner."""
        await self._producer.stop()

    async def commit(
        self,
        changes: Iterable[tuple[bytes, bytes | None]],
        outputs: Sequence[Output],
        offsets: Mapping[str, int] | None,
    ) -> int | None:
        """One transaction; the changelog offset behind its last record, or None where it wrote none there."""
        now = int(time.time() * 1000)
        rows: dict[tuple[str, int], list[Row]] = {}
        state: list[Row] = [(key, value, _NO_HEADERS, now) for key, value in changes]
        if state:
            rows[self._changelog, self._partition] = state
        await self._spread(outputs, rows, now)
        await self._producer.begin_transaction()
        last, waiting = await self._send(rows)
        # One after the other: while the coordinator is writing one addition down, it turns others away, for 100 ms.
        await asyncio.gather(*waiting)
        if offsets is not None:
            await self._producer.send_offsets_to_transaction(self._places(offsets), self._group)
        await self._producer.commit_transaction()
        if last is None:
            return None
        future, count = last
        return int(future.result().offset) + count

    def _places(self, offsets: Mapping[str, int]) -> dict[TopicPartition, OffsetAndMetadata]:
        return {TopicPartition(topic, self._partition): OffsetAndMetadata(at, "") for topic, at in offsets.items()}

    async def _spread(self, outputs: Sequence[Output], rows: dict[tuple[str, int], list[Row]], now: int) -> None:
        """Sort outputs by topic and partition, keeping their order."""
        for topic, key, value, headers, timestamp, partition in outputs:
            if partition is None or partition == OWN:
                count = self._counts.get(topic) or await self._count(topic)
                hashed = key is not None and partition is None
                partition = default_partition(key or b"", count) if hashed else self._partition % count
            row = (key, value, list(headers) if headers else _NO_HEADERS, now if timestamp is None else timestamp)
            group = rows.get((topic, partition))
            if group is None:
                rows[topic, partition] = [row]
            else:
                group.append(row)

    async def _count(self, topic: str) -> int:
        count = self._counts[topic] = len(await self._producer.partitions_for(topic))
        return count

    async def _send(
        self, rows: Mapping[tuple[str, int], Sequence[Row]]
    ) -> tuple[tuple[asyncio.Future[Any], int] | None, list[asyncio.Future[Any]]]:
        """Hand the batches over; the changelog's last one with its record count, and what to wait for.

        First batches of all partitions go before second ones, which wait until the first was taken: so the partitions
        are added to the transaction in one request.
        """
        batches = {place: self._batches(group) for place, group in rows.items()}
        waiting: list[asyncio.Future[Any]] = []
        last: tuple[asyncio.Future[Any], int] | None = None
        for turn in range(max(map(len, batches.values()), default=0)):
            for (topic, partition), queue in batches.items():
                if turn >= len(queue):
                    continue
                future = await self._producer.send_batch(queue[turn], topic, partition=partition)
                waiting.append(future)
                if topic == self._changelog:
                    last = (future, queue[turn].record_count())
        return last, waiting

    def _batches(self, rows: Sequence[Row]) -> list[Any]:
        batch = self._producer.create_batch()
        batches = [batch]
        for key, value, headers, timestamp in rows:
            if batch.append(key=key, value=value, timestamp=timestamp, headers=headers) is None:
                batch = self._producer.create_batch()
                batches.append(batch)
                if batch.append(key=key, value=value, timestamp=timestamp, headers=headers) is None:
                    size = len(key or b"") + len(value or b"")
                    raise RecordTooLargeError(f"a record of {size} bytes fits no batch of {self._batch_bytes} bytes")
        for full in batches:
            full.close()
        return batches
