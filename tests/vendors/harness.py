"""The runner without Kafka: records from a list, parked ones in memory, and a clock that jumps to whatever is due next.

Time stands still while a request is on its way or anything can go on; only when all wait for time does it move. So an hour
takes a moment, and nothing depends on how fast the machine is.
"""

import asyncio
import contextlib
import heapq
import itertools
import random
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import orjson

from stream_app.connectors.config import Config
from stream_app.connectors.contract import Change, Destination, Kind, Place
from stream_app.connectors.desk import Desk
from stream_app.connectors.ledger import Ledger, Partition
from stream_app.connectors.parked import DISABLED, Index, Parked, asking_again, disabling, made_obsolete
from stream_app.connectors.ports import Polled, Row
from stream_app.connectors.runner import Runner
from tests.vendors.changes import START

TOPIC = "transitions"


class JumpingClock:
    """See the module."""

    def __init__(self) -> None:
        self._now = START
        self._due: list[tuple[int, int, asyncio.Event]] = []
        self._numbers = itertools.count()
        self.busy: Callable[[], bool] = lambda: False

    def now(self) -> int:
        """Simulated ms."""
        return self._now

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Until the event, or until the simulated time has come."""
        if seconds is None:
            await event.wait()
            return
        over = asyncio.Event()
        heapq.heappush(self._due, (self._now + int(seconds * 1000), next(self._numbers), over))
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(over.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    async def drive(self) -> None:
        """Move on whenever nothing else can."""
        while True:
            await asyncio.sleep(0.001)
            if self._due and not self.busy():
                at, _, over = heapq.heappop(self._due)
                self._now = max(self._now, at)
                over.set()


class ListSource:
    """Documents as one partition's records."""

    def __init__(self, ledger: Ledger, documents: Iterable[dict[str, Any]]) -> None:
        self._ledger = ledger
        self.rows: list[Row] = [
            (Place(TOPIC, 0, offset), None, orjson.dumps(one), -1) for offset, one in enumerate(documents)
        ]
        self.committed: dict[Partition, tuple[int, str]] = {}
        self._next = 0
        self._held: frozenset[Kind] = frozenset()

    def begin(self) -> None:
        """Assign the partition where it is committed."""
        offset, metadata = self.committed.get((TOPIC, 0), (0, ""))
        self._ledger.renew()
        self._ledger.assign((TOPIC, 0), offset, metadata)
        self._next = offset

    async def poll(self) -> Polled:
        """Up to 100 at a time."""
        await asyncio.sleep(0.005)
        if Kind.transition in self._held:
            return Polled(self._ledger.epoch, [], {})
        rows = self.rows[self._next : self._next + 100]
        self._next += len(rows)
        return Polled(self._ledger.epoch, rows, {(TOPIC, 0): self._next})

    def hold(self, kinds: frozenset[Kind]) -> None:
        """Back-pressure."""
        self._held = kinds

    async def commit(self, commits: dict[Partition, tuple[int, str]]) -> bool:
        """Kafka's part."""
        self.committed.update(commits)
        return True


class MemoryWard:
    """The parked queue without Kafka."""

    def __init__(self) -> None:
        self.index = Index()

    async def poll(self, timeout_ms: int) -> list[Parked]:
        """Nothing comes from elsewhere."""
        await asyncio.sleep(0.02)
        return []

    async def park(self, change: Change, reason: str, now: int) -> None:
        """As `Parking.park`."""
        self.index.apply(*self.index.parking(change, reason, now))

    async def remove(self, identities: Iterable[str]) -> None:
        """As `Parking.remove`."""
        for identity in identities:
            self.index.apply(identity.encode(), None)

    async def obsolete(self, records: Iterable[Parked], by: str) -> None:
        """As `Parking.obsolete`."""
        for record in records:
            self.index.apply(*made_obsolete(record, by))

    async def disable(self, reason: str | None) -> None:
        """As `Parking.disable`."""
        self.index.apply(*(disabling(reason) if reason is not None else (DISABLED, None)))

    def ask_again(self, record: Parked) -> None:
        """What `parked retry` does."""
        self.index.apply(*asking_again(record))


class Rig:
    """A connector over a list of documents, to run until something holds."""

    def __init__(
        self,
        config: Config,
        make: Callable[[Callable[[], int]], Destination],
        documents: Iterable[dict[str, Any]],
        seed: int = 1,
    ) -> None:
        chance = random.Random(seed).random
        self.clock, self.ledger, self.ward = JumpingClock(), Ledger(), MemoryWard()
        self.source = ListSource(self.ledger, documents)
        self.desk = Desk(config.desk, chance, self.clock.now())
        self.destination = make(lambda: self.clock.now() // 1000)
        self.runner = Runner(
            self.desk,
            self.destination,
            config.filters,
            self.ward,
            self.ledger,
            self.clock,
            chance,
            config.pending,
            config.after_parked == "park",
        )
        self.clock.busy = lambda: self.desk.flying > 0

    async def run(
        self, until: Callable[[], bool], meanwhile: Callable[[], Coroutine[Any, Any, None]] | None = None
    ) -> None:
        """Run until it holds (20 s of real time at most), then stop in order."""
        self.source.begin()
        driver = asyncio.create_task(self.clock.drive())
        work = asyncio.create_task(self.runner.run(self.source))
        other = asyncio.create_task(meanwhile()) if meanwhile is not None else None
        try:
            async with asyncio.timeout(20):
                while not until() and not work.done():
                    await asyncio.sleep(0.001)
            self.runner.stop()
            await asyncio.wait_for(work, 10)
        finally:
            for task in (driver, work, other):
                if task is not None:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, Exception):
                        await task
            await self.destination.stop()

    def all_committed(self) -> bool:
        """Whether every record is done and committed."""
        return self.source.committed.get((TOPIC, 0), (0, ""))[0] == len(self.source.rows)
