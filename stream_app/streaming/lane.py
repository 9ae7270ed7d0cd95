"""A lane: one agent's work on one partition, exactly once.

The rule: records go in merged order through the processor, and what it drained, with the positions of all records that
went into it, is one transaction. Transactions follow one another; records are processed while one is under way, and the
next takes all that came of them. The lane takes each input offset once: every chunk says where it starts and ends, one
that was taken is dropped, and what is missing before one that came, or does not come at all, is asked for again; so whatever
is lost or repeated between the broker and here, a lane sees neither. After an error a lane does nothing more: it ends the
process.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

from stream_app.streaming import timer
from stream_app.streaming.chunk import Chunk, Inputs
from stream_app.streaming.merge import Merge
from stream_app.streaming.migrating import migrate
from stream_app.streaming.positions import NOWHERE, POSITIONS_KEY, Positions, encode_positions, is_reserved
from stream_app.streaming.processor import NO_BOUNDS, Clock, MigrationFactory, Processor, ProcessorFactory
from stream_app.streaming.recovery import recover, replay_into
from stream_app.streaming.settings import AgentSettings, WorkerSettings
from stream_app.streaming.stats import LaneStats
from stream_app.streaming.store import PartitionStore
from stream_app.streaming.transaction import Transactor

log = logging.getLogger(__name__)

IDLE_COMMIT_SECONDS = 1.0
OVERDUE_SECONDS = 2.0
"""A chunk takes some turns of the event loop to its lane. One that takes so long was lost."""


class Lane:
    """Opened once, held and released over rebalances that leave it here, closed when its partition goes elsewhere."""

    def __init__(
        self,
        settings: WorkerSettings,
        agent: AgentSettings,
        partition: int,
        store: PartitionStore,
        inputs: Inputs,
        clock: Clock,
        failed: Callable[[str, BaseException], None],
        reopen: Callable[[], None] = lambda: None,
    ) -> None:
        """`reopen` is called once everything is committed, when the scoring in it asks for that."""
        self.agent = agent
        self.partition = partition
        self.name = f"{agent.name}-{partition}"
        self.stats = LaneStats()
        self.progressed_at = self._committed_at = time.monotonic()
        self.opened = False
        self._settings, self._pacing = settings, settings.pacing
        self.store, self._inputs, self._clock, self._failed = store, inputs, clock, failed
        self._reopen = reopen
        self._transactor = Transactor(settings, agent, partition)
        self._processor: Processor
        self._topics = list(agent.topics)
        self._number = {topic: number for number, topic in enumerate(self._topics)}
        self._merge = Merge(len(self._topics))
        self._bounds = NO_BOUNDS
        self._expected: list[int | None] = [None] * len(self._topics)
        self._committed: Positions = NOWHERE
        self._told: dict[str, int] = {}  # the group's offsets, and when they were committed last
        self._told_at = 0.0
        self._awaited_since = [0.0] * len(self._topics)
        self._seen = -1
        self._held = True
        self._time_due = False
        self._pending = 0
        self._last_batch = 0
        self._wake, self._dirty, self._full = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._room, self._settled = asyncio.Event(), asyncio.Event()
        self._settled.set()
        self._tasks: list[asyncio.Task[None]] = []

    # -- life ---------------------------------------------------------------------------------------------------------

    async def open(self, factory: ProcessorFactory, migrations: MigrationFactory) -> Positions:
        """Fence earlier owners and recover; where the lane's inputs go on. Records are taken after `release`."""
        settings, agent, partition, store = self._settings, self.agent, self.partition, self.store
        await self._transactor.start()
        known = await recover(settings, agent, partition, store, self.stats)
        migration = migrations(agent.name, partition, store)
        if migration is not None:
            known = await migrate(settings, agent, partition, store, self._transactor, known, migration)
        self._committed, self._seen = known, known.seen
        self._processor = factory(agent.name, partition, store)
        entries = await replay_into(self._processor, store)
        self._bound()
        log.info("lane %s is open: %d entries", self.name, entries)
        self.opened = True
        self._tasks = [asyncio.create_task(self._guard(run())) for run in (self._work, self._commit_in_turn)]
        return self._committed

    @property
    def processor(self) -> Processor | None:
        """The scoring in it, once it is open."""
        return self._processor if self.opened else None

    def release(self, positions: dict[str, int] | None = None) -> dict[str, int]:
        """Take records again, from `positions` or from where it stood; where each topic goes on."""
        if positions is not None:
            self._expected = [positions[topic] for topic in self._topics]
        self._held = False
        self.progressed_at = time.monotonic()
        self._awaited_since = [self.progressed_at] * len(self._topics)
        self._wake.set()
        return self._positions()

    async def hold(self) -> None:
        """Process nothing more, and return when what was processed is committed. What is buffered will be read again."""
        self._held = True
        self._full.set()
        if self.opened:
            if self._placed() and self._positions() != self._told:
                self._settled.clear()
                self._dirty.set()
            await self._settled.wait()
            self._expected = [self._positions()[topic] for topic in self._topics] if self._placed() else self._expected
        self._merge.clear()

    async def end(self) -> None:
        """Commit nothing more. Its store is left open: where all was committed another lane can go on with it."""
        self._held = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._transactor.stop()
        log.info("lane %s is closed: %s", self.name, self.stats)

    async def _guard(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it was, nothing in memory can be trusted now
            self._failed(f"lane {self.name} failed", error)

    def owes(self) -> bool:
        """Whether something waits to be done: records to read, or a transaction to be finished."""
        return not self._settled.is_set() or not (self._held or self.caught_up())

    # -- records in ---------------------------------------------------------------------------------------------------

    def wants(self, topic: str) -> bool:
        """Whether the topic's buffer has room."""
        return not self._held and self._merge.buffered(self._number[topic]) < self._pacing.buffer_records

    def offer(self, chunk: Chunk) -> int | None:
        """Take a chunk; None, or the offset from which its topic must be read again because something is missing."""
        number = self._number[chunk.topic]
        expected = self._expected[number]
        if self._held or expected is None or chunk.end <= expected:
            return None
        if chunk.start > expected:
            log.warning(
                "lane %s: %s went on at %d, not at %d: reading again", self.name, chunk.topic, chunk.start, expected
            )
            return expected
        records = chunk.records
        if chunk.start < expected:
            records = [record for record in records if record.offset >= expected]
        self._merge.offer(number, records)
        self._expected[number], self._awaited_since[number] = chunk.end, time.monotonic()
        self._wake.set()
        return None

    def tick(self) -> None:
        """Look at the time, and at topics whose ends may have been reached without a record."""
        if self._held:
            return
        self._time_due = True
        self._wake.set()

    def overdue(self) -> dict[str, int]:
        """Topics of which a chunk was lost on its way: where to read them again."""
        now, again = time.monotonic(), dict[str, int]()
        for topic, number in self._number.items():
            expected = self._expected[number]
            handed = self._inputs.handed_to(topic, self.partition)
            if self._held or expected is None or handed is None or handed <= expected:
                self._awaited_since[number] = now  # nothing is on its way
            elif now - self._awaited_since[number] >= OVERDUE_SECONDS:
                log.warning(
                    "lane %s: %s was read to %d, nothing came after %d: reading again",
                    self.name,
                    topic,
                    handed,
                    expected,
                )
                again[topic], self._awaited_since[number] = expected, now
        return again

    def _bound(self) -> None:
        """Take the scoring's bounds."""
        self._bounds = self._processor.bounds
        self._merge.bound({self._number[topic]: offset for topic, offset in self._bounds.items()})

    def _at_bound(self, number: int) -> bool:
        head, expected = self._merge.head(number), self._expected[number]
        if head is not None:
            return self._merge.at_bound(number, head.offset)
        if expected is None or not self._bounds:
            return False
        if not self._merge.at_bound(number, expected) and self._ended(
            number
        ):  # what is left are markers: no record comes
            expected = max(expected, self._inputs.fetched_to(self._topics[number], self.partition) or 0)
        return self._merge.at_bound(number, expected)

    def _done(self, number: int) -> bool:
        """Whether a topic whose buffer is empty has nothing to give for now."""
        return self._at_bound(number) or self._ended(number)

    def _ended(self, number: int) -> bool:
        expected = self._expected[number]
        return expected is not None and self._inputs.ended(self._topics[number], self.partition, expected)

    def caught_up(self) -> bool:
        """Whether every topic has been read to its end or its bound, and processed, as of a moment ago."""
        return all(
            self._at_bound(number)
            or (not self._merge.buffered(number) and self._ended(number) and self._inputs.fresh(topic, self.partition))
            for topic, number in self._number.items()
        )

    # -- work ---------------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        limit = 2 * self._pacing.transaction_records
        while True:
            await self._wake.wait()
            self._wake.clear()
            while not self._held and self._step():
                self._settled.clear()
                self._dirty.set()
                if self._pending >= self._pacing.transaction_records:
                    self._full.set()
                if self._pending >= limit:
                    self._room.clear()
                    await self._room.wait()
                else:
                    await asyncio.sleep(0)
            if not self._held and self._idle_positions():
                self._settled.clear()
                self._dirty.set()

    def _step(self) -> bool:
        """Process a slice of records and of timers; whether there was anything."""
        if self._processor.reopen:
            return False
        began = time.perf_counter()
        records = self._merge.take(self._pacing.slice_records, self._done)
        if records:
            taken = self._processor.process(records)
            if taken < len(records):
                self._merge.give_back(records[taken:], self._number)
            self._seen = max(self._seen, self._processor.reached())
            self._pending += taken
            self.stats.records += taken
        stood = (bool(records) or self._time_due) and self._stands() and self._processor.bounded()
        advanced = self._time_due and self._advance()
        if records or advanced:
            self.stats.engine_seconds += time.perf_counter() - began
        return bool(records) or advanced or stood

    def _stands(self) -> bool:
        """Whether the lane stands at all of the scoring's bounds, if there are any."""
        if self._processor.bounds is not self._bounds:
            self._bound()
        return bool(self._bounds) and all(self._at_bound(self._number[topic]) for topic in self._bounds)

    def _advance(self) -> bool:
        until = timer.target(self._settings.clock, self._clock(), self._settings.grace_ms, self._seen, self.caught_up())
        due = self._processor.next_due()
        if due is None or due > until:
            self._time_due = False
            return False
        self._time_due = self._processor.advance(until, self._pacing.slice_records)
        self._pending += self._pacing.slice_records if self._time_due else 1
        return True

    def _idle_positions(self) -> bool:
        """Whether the group does not know yet how far the lane is, a while after the last commit: lag should show it."""
        quiet = time.monotonic() - self._committed_at >= IDLE_COMMIT_SECONDS
        return quiet and self._settled.is_set() and self._placed() and self._positions() != self._told

    # -- transactions -------------------------------------------------------------------------------------------------

    async def _commit_in_turn(self) -> None:
        while True:
            await self._dirty.wait()
            await self._linger()
            self._dirty.clear()
            self._full.clear()
            await self._commit()
            if not self._dirty.is_set():
                self._settled.set()
                if self._processor.reopen:
                    self._reopen()
                    return

    async def _linger(self) -> None:
        """Wait for more, the longer the more the last transaction held; not when enough waits or the lane is held."""
        pacing = self._pacing
        if not self._held and not self._full.is_set():
            seconds = min(pacing.max_linger_ms, self._last_batch - 1) / 1000
            if seconds > 0.001:
                handle = asyncio.get_running_loop().call_later(seconds, self._full.set)
                await self._full.wait()
                handle.cancel()
        gap = pacing.min_gap_ms / 1000 - (time.monotonic() - self._committed_at)
        if gap > 0:
            await asyncio.sleep(gap)

    async def _commit(self) -> None:
        processed, self._pending = self._pending, 0
        draining = time.perf_counter()
        effects = self._processor.drain()
        self.stats.engine_seconds += time.perf_counter() - draining
        changes = dict(effects.changes)
        if any(map(is_reserved, changes)):
            raise ValueError(f"lane {self.name}: a key that starts with a zero byte is the lane's own")
        positions = Positions(topics=self._positions(), seen=self._seen, partitions=self._settings.partitions)
        changes[POSITIONS_KEY] = encode_positions(positions)
        self.store.stage(changes.items())
        self._room.set()
        began = time.monotonic()
        due = self._held or began - self._told_at >= self._pacing.offsets_every_ms / 1000
        offsets = positions.topics if due and positions.topics != self._told else None
        reached = await self._transactor.commit(changes.items(), effects.outputs, offsets)
        if offsets is not None:
            self._told, self._told_at = offsets, began
        if reached is not None:
            self.store.committed(reached)
        self._committed, self._last_batch = positions, processed
        self.progressed_at = self._committed_at = time.monotonic()
        self.stats.committed(self.progressed_at - began, processed, len(effects.outputs), len(changes))
        self.stats.told(effects.caused, time.time_ns() // 1_000_000)

    def _placed(self) -> bool:
        return all(expected is not None for expected in self._expected)

    def _positions(self) -> dict[str, int]:
        """Per topic, the offset of the next record to process, or where reading stands."""
        positions: dict[str, int] = {}
        for number, topic in enumerate(self._topics):
            head, expected = self._merge.head(number), self._expected[number]
            if head is not None:
                positions[topic] = head.offset
            elif expected is not None:
                fetched = self._inputs.fetched_to(topic, self.partition)
                positions[topic] = expected if fetched is None or not self._ended(number) else max(fetched, expected)
        return positions
