"""One connector at work: records in, batches out, offsets committed behind what is done.

The rules:
- A record is done when the vendor has it, when it is safely parked, or when it is not for this vendor; only then may its
  offset be committed, and only with all before it.
- Whatever fails otherwise ends the process: what was not committed is read again.
"""

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from functools import partial

from stream_app.connectors.changes import NotAChangeError, change_of
from stream_app.connectors.clock import Clock
from stream_app.connectors.contract import (
    Change,
    Destination,
    Disabled,
    Kind,
    Outcome,
    Place,
    Refused,
    Skip,
    root_of,
)
from stream_app.connectors.desk import Desk
from stream_app.connectors.entry import Entry
from stream_app.connectors.filters import Filters
from stream_app.connectors.ledger import Ledger
from stream_app.connectors.parked import key_of
from stream_app.connectors.ports import Meter, Source, Unmetered, Ward
from stream_app.connectors.telling import Telling

_COMMIT_EVERY = 0.02
_REPORT_EVERY = 10.0
_GRACE = 8.0
_START_AGAIN = 60.0

log = logging.getLogger("stream_app.connectors")


class Runner:
    """See the module. `run` until `stop` is called or something fails."""

    def __init__(
        self,
        desk: Desk,
        destination: Destination,
        filters: Filters,
        parking: Ward,
        ledger: Ledger,
        clock: Clock,
        chance: Callable[[], float],
        pending: int = 10_000,
        park_behind: bool = False,
        meter: Meter | None = None,
    ) -> None:
        self._desk, self._destination, self._filters = desk, destination, filters
        self._parking, self._ledger, self._clock, self._chance = parking, ledger, clock, chance
        self._pending, self._park_behind = pending, park_behind
        self._telling = Telling(meter or Unmetered())
        self.counts = self._telling.counts
        self.polled_at = clock.now()
        """When records were last asked for (ms)."""
        self._changed = asyncio.Event()
        self._stopping = asyncio.Event()
        self._dirty = asyncio.Event()
        self._deliveries: set[asyncio.Task[None]] = set()
        self._retrying: set[str] = set()
        self._signs: dict[int, int] = {}  # batches on their way, and when each last went on (ms)
        self._numbers = itertools.count()
        self._finished = False

    def stop(self) -> None:
        """Finish what is on its way, commit, and return from `run`."""
        self._stopping.set()
        self._changed.set()
        self._dirty.set()

    async def run(self, source: Source, ready: Callable[[], None] = lambda: None) -> None:
        """Work. Raises what ends the connector: `Disabled`, or any error."""
        if not await self._start():
            return
        ready()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._read(source))
                group.create_task(self._ask(self._parking))
                group.create_task(self._dispatch(group))
                group.create_task(self._commit(source))
                group.create_task(self._report())
        except BaseExceptionGroup as errors:
            raise root_of(errors) from None

    async def _start(self) -> bool:
        attempts = 0
        while not self._stopping.is_set():
            away = await self._destination.start()
            if away is None:
                return True
            attempts += 1
            wait = max(away.after or 0.0, min(_START_AGAIN, 2.0**attempts) * (0.5 + 0.5 * self._chance()))
            log.warning("the vendor is not there: %s; again in %.0f s", away.reason, wait)
            await self._clock.wait(self._stopping, wait)
        return False

    # -- in -------------------------------------------------------------------------------------------------------

    async def _read(self, source: Source) -> None:
        while not self._stopping.is_set():
            held = self._desk.held
            full = {kind for kind in Kind if held[kind] >= self._pending}
            source.hold(frozenset(full | {Kind.erased} if Kind.transition in full else full))
            self.polled_at = self._clock.now()
            polled = await source.poll()
            for row in polled.rows:
                if polled.epoch != self._ledger.epoch:
                    break  # read before partitions moved: they are read again from what is committed
                await self._take_in(*row)
            if polled.epoch == self._ledger.epoch and self._ledger.reach(polled.positions):
                self._dirty.set()
            if polled.rows:
                self._changed.set()

    async def _take_in(self, place: Place, key: bytes | None, value: bytes | None, since: int) -> None:
        if not self._ledger.begin(place):
            return
        try:
            change = change_of(place, key, value)
        except NotAChangeError as error:
            log.error("%s-%d offset %d: %s; passed over", place.topic, place.partition, place.offset, error)
            self.counts["unreadable"] += 1
            change = None
        if change is None:
            self._ledger.finish(place)
            return
        if change.kind is Kind.erased and (parked := self._parking.index.of(key_of(change))):
            await self._parking.remove([one.id for one in parked])
        why = self._filters.unwanted(change)
        if why is not None:
            self.counts[f"skipped: {why}"] += 1
            self._ledger.finish(change.place)
            return
        await self._offer(change, None, since)

    async def _offer(self, change: Change, parked: str | None, since: int = -1) -> None:
        item = self._destination.item(change)
        if isinstance(item, Skip):
            await self._ended(change, parked)
            self.counts[f"skipped: {item.why}"] += 1
        elif isinstance(item, Refused):
            await self._park(change, item.reason, parked)
        elif self._park_behind and parked is None and self._parking.index.of(key_of(change)):
            await self._park(change, "an earlier change of the same lead is parked", None)
        else:
            for gone in self._desk.offer(Entry(item, parked, since), self._clock.now()):
                self.counts["superseded"] += 1
                await self._ended(gone.item.change, gone.parked)

    async def _ended(self, change: Change, parked: str | None) -> None:
        if parked is None:
            self._ledger.finish(change.place)
        else:
            self._retrying.discard(parked)
            await self._parking.remove([parked])

    async def _park(self, change: Change, reason: str, parked: str | None) -> None:
        await self._parking.park(change, reason, self._clock.now())
        self._telling.parked(change, reason)
        if parked is None:
            self._ledger.finish(change.place)
        else:
            self._retrying.discard(parked)

    async def _ask(self, parking: Ward) -> None:
        """Take up what an operator asked to be sent again, if its partition is here."""
        while not self._stopping.is_set():
            await parking.poll(500)
            for record in [one for one in parking.index if one.state == "retry"]:
                if record.id not in self._retrying and self._ledger.has((record.topic, record.partition)):
                    self._retrying.add(record.id)
                    await self._offer(record.change(), record.id)
                    self._changed.set()

    # -- out ------------------------------------------------------------------------------------------------------

    async def _dispatch(self, group: asyncio.TaskGroup) -> None:
        while not self._stopping.is_set():
            self._changed.clear()
            while batch := self._desk.take(self._clock.now()):
                task = group.create_task(self._deliver(batch))
                self._deliveries.add(task)
                task.add_done_callback(self._deliveries.discard)
            now = self._clock.now()
            at = self._desk.next_at(now)
            await self._clock.wait(self._changed, None if at is None else (at - now) / 1000)
        if self._deliveries:
            _, late = await asyncio.wait(self._deliveries, timeout=_GRACE)
            for task in late:
                task.cancel()
        self._finished = True
        self._dirty.set()

    async def _deliver(self, batch: list[Entry]) -> None:
        number, began = next(self._numbers), self._clock.now()
        self._signs[number] = began
        try:
            items = [entry.item for entry in batch]
            await self._settle(batch, await self._destination.send(items, partial(self._permit, number)), began, number)
        except Disabled as error:
            await self._parking.disable(str(error))
            raise
        finally:
            self._signs.pop(number, None)

    async def _settle(self, batch: list[Entry], outcomes: Sequence[Outcome], began: int, number: int) -> None:
        now = self._signs[number] = self._clock.now()
        settled = self._desk.settle(batch, outcomes, now)
        if pause := self._destination.pause():
            self._desk.pause(pause, now)
        for note in settled.notes:
            log.warning("%s", note)
        self._telling.answered(batch, outcomes, now - began)
        for entry in settled.done:
            await self._delivered(entry)
        for entry, reason in settled.parked:
            await self._park(entry.item.change, reason, entry.parked)
            self._desk.release(entry, self._clock.now())
        self._changed.set()
        self._dirty.set()

    async def _delivered(self, entry: Entry) -> None:
        change = entry.item.change
        self._telling.delivered(entry, self._clock.now())
        await self._ended(change, entry.parked)
        if self._destination.absolute:
            earlier = [one for one in self._parking.index.of(key_of(change)) if one.is_before(change)]
            if earlier:
                await self._parking.obsolete(earlier, change.id)

    async def _permit(self, number: int) -> None:
        never = asyncio.Event()
        self._signs.pop(number, None)  # waiting for the vendor's rate is no sign of death
        while (at := self._desk.permit_at(self._clock.now())) > (now := self._clock.now()):
            await self._clock.wait(never, (at - now) / 1000)
        self._signs[number] = self._clock.now()
        self._desk.take_permit(self._clock.now())

    def stuck_ms(self) -> int:
        """For how long a batch on its way has given no sign (ms). May be asked from another thread."""
        return max((self._clock.now() - at for at in list(self._signs.values())), default=0)

    # -- offsets ----------------------------------------------------------------------------------------------------

    async def _commit(self, source: Source) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            finished = self._finished
            await self.flush(source)
            if finished:
                return
            await asyncio.sleep(_COMMIT_EVERY)  # what is done meanwhile goes into one commit

    async def flush(self, source: Source) -> None:
        """Commit what is done."""
        commits = self._ledger.commits()
        if commits and await source.commit(commits):
            self._ledger.committed(commits)

    async def let_go(self, source: Source) -> None:
        """All partitions go to be shared anew: finish what is on its way, commit, forget the rest."""
        self._desk.drop(lambda entry: True)
        if self._deliveries:
            await asyncio.wait(self._deliveries, timeout=_GRACE)
        await self.flush(source)
        self._desk.drop(lambda entry: True)  # what came back to wait
        self._retrying.clear()
        self._ledger.revoke()

    # -- words ------------------------------------------------------------------------------------------------------

    async def _report(self) -> None:
        last = 0
        while not self._stopping.is_set():
            await self._clock.wait(self._stopping, _REPORT_EVERY)
            delivered = self.counts["delivered"]
            if delivered != last or self._desk.size:
                log.info("%s", self.summary(delivered - last))
            last = delivered

    def summary(self, lately: int | None = None) -> str:
        """One line on how it goes."""
        rate = f" ({lately / _REPORT_EVERY:.0f}/s)" if lately is not None else ""
        down = ", the vendor is down" if self._desk.breaker.open else ""
        more = "".join(f", {count} {word}" for word, count in sorted(self.counts.items()) if word not in ("delivered",))
        waiting, parked = self._desk.size, len(self._parking.index)
        return f"delivered {self.counts['delivered']}{rate}, waiting {waiting}, parked now {parked}{more}{down}"
