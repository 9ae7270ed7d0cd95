"""A partition's state, read back from its changelog.

The rule: read committed, to the end that the broker names after the earlier owner was fenced (its last stable offset),
judged by the reader's position: transaction markers take offsets, so the last record's offset says nothing. A store that
holds an earlier part of the same changelog is read on from where it stands.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.broker import client_options
from stream_app.streaming.positions import NOWHERE, Positions, decode_positions
from stream_app.streaming.processor import Processor
from stream_app.streaming.settings import AgentSettings, SettingsError, WorkerSettings
from stream_app.streaming.stats import LaneStats
from stream_app.streaming.store import PartitionStore, positions_of

log = logging.getLogger(__name__)

_SLICE = 20_000


async def recover(
    settings: WorkerSettings, agent: AgentSettings, partition: int, store: PartitionStore, stats: LaneStats
) -> Positions:
    """Bring a store up to the end of its changelog; how far the inputs had been read by then. `stats` says what is left.

    Raises SettingsError where the changelog was written with another partition count.
    """
    reader = AIOKafkaConsumer(
        **client_options(settings.broker),
        isolation_level="read_committed",
        enable_auto_commit=False,
        max_partition_fetch_bytes=8 << 20,
        fetch_max_bytes=32 << 20,
        fetch_max_wait_ms=100,
    )
    await reader.start()
    try:
        await _read(reader, TopicPartition(agent.changelog, partition), store, stats)
    finally:
        await reader.stop()
    value = positions_of(store)
    positions = NOWHERE if value is None else decode_positions(value)
    if value is not None and positions.partitions != settings.partitions:
        raise SettingsError(
            f"{agent.changelog} was written with {positions.partitions} partitions, and now there are "
            f"{settings.partitions}: keys lie elsewhere. To migrate, start a new app id with new changelogs and let it "
            f"read the event topics from their beginning"
        )
    return positions


async def _read(reader: AIOKafkaConsumer, place: TopicPartition, store: PartitionStore, stats: LaneStats) -> None:
    reader.assign([place])
    begin = (await reader.beginning_offsets([place]))[place]
    end = (await reader.end_offsets([place]))[place]
    position = store.position()
    if position and not begin <= position <= end:
        log.warning("%s: the stored state stands at %d, outside %d..%d: starting anew", place, position, begin, end)
        store.clear()
        position = 0
    position = max(position, begin)
    reader.seek(place, position)
    meter = _Meter(f"{place.topic}-{place.partition}", position, end)
    stats.recovery_left = max(0, end - position)
    while position < end:
        for records in (await reader.getmany(place, timeout_ms=200, max_records=_SLICE)).values():
            store.restore([(record.key, record.value) for record in records], records[-1].offset + 1)
            meter.records += len(records)
        position = await reader.position(place)
        stats.recovery_left = max(0, end - position)
        meter.report(position)
    store.restore([], position)
    meter.done()


async def replay_into(processor: Processor, store: PartitionStore, slice_size: int = 2000) -> int:
    """Show a processor its recovered state, giving the event loop a turn between slices; how many entries there were."""
    count = 0
    entries: list[tuple[bytes, bytes]] = []
    for entry in store.items():
        entries.append(entry)
        if len(entries) >= slice_size:
            processor.restore(entries)
            count += len(entries)
            entries = []
            await asyncio.sleep(0)
    if entries:
        processor.restore(entries)
    return count + len(entries)


class _Meter:
    """A line a second on how far it is."""

    def __init__(self, name: str, begin: int, end: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.records = 0
        self._name, self._begin, self._end, self._clock = name, begin, end, clock
        self._start = self._told = clock()

    def report(self, position: int) -> None:
        now = self._clock()
        if now - self._told < 1.0:
            return
        self._told = now
        part = 100 * (position - self._begin) / max(1, self._end - self._begin)
        rate = self.records / (now - self._start)
        log.info("recovering %s: %.0f %%, %d records, %.0f records/s", self._name, part, self.records, rate)

    def done(self) -> None:
        log.info("recovered %s: %d records in %.2f s", self._name, self.records, self._clock() - self._start)
