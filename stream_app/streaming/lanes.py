"""The lanes of one worker, and what a rebalance does to them.

The rule: a lane is opened when its partition is first assigned here, held when partitions are revoked (the transaction in
flight is finished, nothing more is processed), and then released if the partition stayed, or closed if it went. Opening
takes as long as recovery takes and goes on beside the group's protocol, whose callbacks return at once. A lane that another
worker had in the meantime can't harm: its producer is fenced, and the process ends at its next transaction.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from stream_app.streaming.chunk import Chunk, Inputs
from stream_app.streaming.garbage import sweep
from stream_app.streaming.lane import Lane
from stream_app.streaming.processor import Clock, MigrationFactory, ProcessorFactory, nothing_to_migrate
from stream_app.streaming.settings import AgentSettings, SettingsError, WorkerSettings
from stream_app.streaming.stats import LaneStats
from stream_app.streaming.store import PartitionStore

log = logging.getLogger(__name__)

Place = tuple[str, int]
"""Topic and partition."""
Unit = tuple[str, int]
"""Agent and partition: what is assigned as one."""
Failed = Callable[[str, BaseException | None], None]
StoreFactory = Callable[[AgentSettings, int], PartitionStore]


class Source(Inputs, Protocol):
    """The consumer, as the lanes use it."""

    def seek_to(self, topic: str, partition: int, offset: int) -> bool:
        """Read on from an offset; False where the partition is no longer assigned."""

    async def starts(self, places: Iterable[Place]) -> Mapping[Place, tuple[int, int | None]]:
        """Each partition's first offset, and the group's committed one if there is any."""


class Lanes:
    """Made before the consumer, which is given by `attach`."""

    def __init__(
        self,
        settings: WorkerSettings,
        factory: ProcessorFactory,
        stores: StoreFactory,
        clock: Clock,
        failed: Failed,
        migrations: MigrationFactory = nothing_to_migrate,
    ) -> None:
        self._settings, self._factory, self._migrations = settings, factory, migrations
        self._stores, self._clock, self._failed = stores, clock, failed
        self._reopening: set[asyncio.Task[None]] = set()
        self._agents = {topic: agent for agent in settings.agents for topic in agent.topics}
        self._lanes: dict[Unit, Lane] = {}
        self._opening: dict[Unit, asyncio.Task[None]] = {}
        self._assigned: set[Unit] = set()
        self._round = 0
        self._assigned_once = False
        self.stats: dict[Unit, LaneStats] = {}  # of every lane there ever was here
        self._source: Source

    def attach(self, source: Source) -> None:
        """Say where records come from."""
        self._source = source

    def all(self) -> list[Lane]:
        """The lanes there are, opening ones included."""
        return list(self._lanes.values())

    def of(self, agent: str) -> list[Lane]:
        """An agent's lanes whose state is recovered."""
        return [lane for (name, _), lane in self._lanes.items() if name == agent and lane.opened]

    def settled(self) -> bool:
        """Whether partitions were assigned and every one of them has an open lane."""
        return bool(self._lanes) and not self._opening

    def recovered(self) -> bool:
        """Whether this worker has been told its partitions, be it none, and the state of all of them is there."""
        return self._assigned_once and not self._opening

    def units(self) -> set[Unit]:
        """What this worker has state of: asked for again at the next assignment."""
        return set(self._lanes)

    def wanted(self) -> list[Place]:
        """The partitions whose records can be taken now."""
        return [
            (topic, partition)
            for (_, partition), lane in self._lanes.items()
            for topic in lane.agent.topics
            if lane.wants(topic)
        ]

    def offer(self, chunk: Chunk) -> None:
        """Bring a chunk to its lane, and read again what is missing."""
        lane = self._lanes.get((self._agents[chunk.topic].name, chunk.partition))
        again = lane.offer(chunk) if lane else None
        if again is not None:
            self._source.seek_to(chunk.topic, chunk.partition, again)

    def tick(self) -> None:
        """Let every lane look at the time, and read again what has not come to it."""
        for lane in self._lanes.values():
            lane.tick()
            self._go_on(lane, lane.overdue())

    async def revoke(self) -> None:
        """Every partition is up for assignment: finish what is in flight, process nothing more."""
        self._round += 1
        self._assigned = set()
        await asyncio.gather(*(lane.hold() for lane in self._lanes.values()))

    async def assign(self, places: Iterable[Place]) -> None:
        """Open, release and close lanes until there is one for each assigned unit. Does not wait for recoveries."""
        self._round += 1
        self._assigned = {(self._agents[topic].name, partition) for topic, partition in places}
        await asyncio.gather(*self._reopening)
        gone = [self._close(unit) for unit in list(self._lanes) if unit not in self._assigned]
        await asyncio.gather(*gone)
        if gone:
            sweep()
        for unit in sorted(self._assigned):
            lane = self._lanes.get(unit)
            if lane is None:
                self._open(unit)
            elif unit not in self._opening:
                self._go_on(lane, lane.release())
        self._assigned_once = True
        log.info(
            "assigned: %s", ", ".join(f"{agent}-{partition}" for agent, partition in sorted(self._assigned)) or "-"
        )

    async def close(self) -> None:
        """Finish what is in flight and let go of everything."""
        await self.revoke()
        await asyncio.gather(*(self._close(unit) for unit in list(self._lanes)))

    def _open(self, unit: Unit, store: PartitionStore | None = None) -> None:
        """Open a lane, from a store that is at hand or from its changelog."""
        name, partition = unit
        agent = next(agent for agent in self._settings.agents if agent.name == name)
        if store is None:
            store = self._stores(agent, partition)
        lane = Lane(
            self._settings, agent, partition, store, self._source, self._clock, self._failed, lambda: self._reopen(unit)
        )
        lane.stats = self.stats.setdefault(unit, lane.stats)
        self._lanes[unit] = lane
        task = self._opening[unit] = asyncio.create_task(self._opened(unit, lane))
        task.add_done_callback(lambda _: self._opening.pop(unit, None))

    def _reopen(self, unit: Unit) -> None:
        """Open a lane, of which everything is committed, anew from its table."""
        task = asyncio.create_task(self._reopened(unit))
        self._reopening.add(task)
        task.add_done_callback(self._reopening.discard)

    async def _reopened(self, unit: Unit) -> None:
        try:
            if unit not in self._lanes:
                return
            lane = await self._ended(unit)
            if unit in self._assigned:
                self._open(unit, lane.store)
            else:
                lane.store.close()
        except BaseException as error:
            self._failed(f"lane {unit[0]}-{unit[1]} can't be opened anew", error)
            raise

    async def _opened(self, unit: Unit, lane: Lane) -> None:
        try:
            positions = await lane.open(self._factory, self._migrations)
            await self._place(unit, lane, positions.topics)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - as in the lane
            self._failed(f"lane {lane.name} can't be opened", error)

    async def _place(self, unit: Unit, lane: Lane, known: Mapping[str, int]) -> None:
        """Say where a lane's inputs begin, once it has been recovered and while it is assigned."""
        while unit in self._lanes:
            this_round = self._round
            if unit in self._assigned:
                starts = await self._source.starts((topic, lane.partition) for topic in lane.agent.topics)
                if this_round == self._round:
                    self._go_on(lane, lane.release(self._begin(lane, known, starts)))
                    return
            await asyncio.sleep(0.02)

    def _begin(
        self, lane: Lane, known: Mapping[str, int], starts: Mapping[Place, tuple[int, int | None]]
    ) -> dict[str, int]:
        positions: dict[str, int] = {}
        for topic in lane.agent.topics:
            first, committed = starts[topic, lane.partition]
            if committed and not known:
                raise SettingsError(
                    f"the group {self._settings.app} has read {topic}-{lane.partition} up to {committed}, but "
                    f"{lane.agent.changelog} holds no state: it was deleted. Start under a new app id"
                )
            positions[topic] = max(first, committed or 0, known.get(topic, 0))
        return positions

    def _go_on(self, lane: Lane, positions: Mapping[str, int]) -> None:
        for topic, offset in positions.items():
            if not self._source.seek_to(topic, lane.partition, offset):
                log.info("%s-%d is no longer assigned", topic, lane.partition)

    async def _close(self, unit: Unit) -> None:
        lane = await self._ended(unit)
        lane.store.close()

    async def _ended(self, unit: Unit) -> Lane:
        """Take a lane out and end it, opening or open. Its store stays as it is."""
        lane = self._lanes.pop(unit)
        task = self._opening.pop(unit, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await lane.end()
        return lane
