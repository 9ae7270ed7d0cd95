"""A lane's table brought into another shape before the lane takes any record.

The rule: each step is a transaction of the lane's own producer, and the last one also says where the inputs go on and that
it is done. A process that is killed before has done nothing that its successor does not do again.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace

from stream_app.streaming.positions import POSITIONS_KEY, Positions, encode_positions
from stream_app.streaming.processor import Effects, Migration
from stream_app.streaming.recovery import recover
from stream_app.streaming.settings import AgentSettings, WorkerSettings
from stream_app.streaming.stats import LaneStats
from stream_app.streaming.store import MemoryStore, PartitionStore
from stream_app.streaming.transaction import Transactor

log = logging.getLogger(__name__)


async def migrate(
    settings: WorkerSettings,
    agent: AgentSettings,
    partition: int,
    store: PartitionStore,
    transactor: Transactor,
    committed: Positions,
    migration: Migration,
) -> Positions:
    """Carry a migration out on a recovered table; the positions from which the lane's inputs go on."""
    source = MemoryStore()
    there = await recover(settings, replace(agent, changelog=migration.source), partition, source, LaneStats())
    log.info("%s-%d: taking over %d entries of %s", agent.name, partition, len(source), migration.source)
    try:
        for effects in migration.steps(store, source):
            await _commit(store, transactor, effects, {}, None)
    finally:
        source.close()
    topics = dict(migration.inputs(committed.topics, there.topics))
    seen = max(committed.seen, there.seen)
    positions = Positions(topics=topics, seen=seen, partitions=settings.partitions)
    moved = {topic: offset for topic, offset in topics.items() if committed.topics.get(topic) != offset}
    # The group's own offsets must go back as well: a lane starts at the greater of the two.
    record = {POSITIONS_KEY: encode_positions(positions)} if topics else {}
    await _commit(store, transactor, migration.last(committed.topics), record, moved or None)
    log.info("%s-%d: took over %s", agent.name, partition, migration.source)
    return positions if topics else committed


async def _commit(
    store: PartitionStore,
    transactor: Transactor,
    effects: Effects,
    more: Mapping[bytes, bytes],
    offsets: Mapping[str, int] | None,
) -> None:
    changes: Iterable[tuple[bytes, bytes | None]] = [*effects.changes, *more.items()]
    store.stage(changes)
    reached = await transactor.commit(changes, effects.outputs, offsets)
    if reached is not None:
        store.committed(reached)
