"""The order in which changes leave: queues by lead, batches, retries, pace, drift. Pure: time and chance are arguments.

The rules:
- Changes of one lead (or account) leave one at a time, in the order they came; different leads' leave side by side.
- A score waits until `drift` has passed since anything was last sent of its lead, and a newer one takes its place. It never
  holds up a transition, and one older than the lead's last transition is dropped.
- An erasure drops what waits of its lead.
- A record that can't be sent now waits with its lead behind it; when the vendor comes back, what waited for that goes at once.
- Nothing is forgotten: each entry ends as delivered, superseded or parked, and only then is it done.
"""

import heapq
from collections import deque
from collections.abc import Callable, Sequence

from stream_app.connectors.contract import Again, Delivered, Fault, Kind, Outcome, Refused, Split
from stream_app.connectors.entry import DeskSettings, Entry, Settled
from stream_app.connectors.memory import Memory
from stream_app.connectors.pace import Breaker, Bucket, Throttle
from stream_app.connectors.retry import Chance


class Desk:
    """See the module. Every method takes `now` in ms."""

    def __init__(self, settings: DeskSettings, chance: Chance, now: int) -> None:
        self._settings = settings
        self._chance = chance
        self._bucket = Bucket(settings.rate, now)
        self._throttle = Throttle(chance)
        self.breaker = Breaker(settings.breaker, chance)
        self._queues: dict[str, deque[Entry]] = {}
        self._ready: deque[str] = deque()
        self._waiting: list[tuple[int, int, str]] = []
        self._number = 0
        self._targets: dict[str, list[str]] = {}  # busy targets, and the leads that wait for each
        self._flying = 0
        self._memory = Memory()
        self._news: dict[Entry, None] = {}  # all but scores, in the order they came
        self.held = {kind: 0 for kind in Kind}
        """Entries here, by kind."""

    @property
    def flying(self) -> int:
        """Batches on their way."""
        return self._flying

    @property
    def size(self) -> int:
        """Entries here, those on their way included."""
        return sum(self.held.values())

    @property
    def oldest(self) -> int | None:
        """When the oldest transition or erasure here was committed (ms). May be asked from another thread."""
        return next((entry.since for entry in self._news.copy() if entry.since >= 0), None)

    # -- in -------------------------------------------------------------------------------------------------------

    def offer(self, entry: Entry, now: int) -> list[Entry]:
        """Take an entry in; what it makes obsolete, itself perhaps, which is done."""
        change = entry.item.change
        queue = self._queues.setdefault(entry.key, deque())
        entry.due = now
        if change.kind is Kind.score:
            gone = self._offer_score(entry, queue, now)
        elif change.kind is Kind.erased:
            gone = self._take_out(queue, lambda old: True)
            queue.append(entry)
        else:
            gone = self._take_out(queue, lambda old: _is_score(old) and old.item.change.at < change.at)
            memory = self._memory.touch(entry.key)
            memory.latest = max(change.at, memory.latest)
            before_score = bool(queue) and not queue[-1].flying and _is_score(queue[-1])
            queue.insert(len(queue) - 1 if before_score else len(queue), entry)
        if entry not in gone:
            self.held[change.kind] += 1
            if change.kind is not Kind.score:
                self._news[entry] = None
        self._drop_if_empty(entry.key)
        self._schedule(entry.key, now)
        return gone

    def _offer_score(self, entry: Entry, queue: deque[Entry], now: int) -> list[Entry]:
        change, memory = entry.item.change, self._memory.get(entry.key)
        newest = queue[-1].item.change.at if queue and _is_score(queue[-1]) else -1
        if change.at < max(newest, memory.latest if memory is not None else -1):
            return [entry]
        if memory is not None and memory.sent >= 0:
            entry.due = max(now, memory.sent + int(self._settings.drift * 1000))
        gone = self._take_out(queue, _is_score)
        for old in gone:
            entry.due = old.due
            entry.attempts, entry.first, entry.fault = old.attempts, old.first, old.fault
        queue.append(entry)
        return gone

    def _take_out(self, queue: deque[Entry], which: Callable[[Entry], bool]) -> list[Entry]:
        gone = [entry for entry in queue if not entry.flying and which(entry)]
        for entry in gone:
            queue.remove(entry)
            self._gone(entry)
        return gone

    def drop(self, which: Callable[[Entry], bool]) -> list[Entry]:
        """Take out what is not on its way: partitions that go to another process."""
        gone: list[Entry] = []
        for key in list(self._queues):
            gone += self._take_out(self._queues[key], which)
            self._drop_if_empty(key)
        return gone

    # -- out ------------------------------------------------------------------------------------------------------

    def next_at(self, now: int) -> int | None:
        """When `take` will have something, if nothing else happens (ms); None: not by itself."""
        if self._flying >= self._settings.parallel or (self.breaker.open and self._flying):
            return None
        self._promote(now)
        if self._ready:
            due = now
        elif self._waiting:
            due = self._waiting[0][0]
        else:
            return None
        return max(due, self._free_at(now))

    def _free_at(self, now: int) -> int:
        return max(self._bucket.free_at(now), self._throttle.free_at(now), self.breaker.free_at(now))

    def take(self, now: int) -> list[Entry]:
        """The next batch, which is on its way from here on until `settle`; empty where nothing may go now."""
        at = self.next_at(now)
        if at is None or at > now:
            return []
        batch: list[Entry] = []
        limit = self._settings.batch
        while self._ready and len(batch) < limit:
            key = self._ready.popleft()
            queue = self._queues.get(key)
            if not queue or queue[0].flying or queue[0].due > now:
                continue  # said twice, or changed since
            head = queue[0]
            if head.item.target in self._targets:
                self._targets[head.item.target].append(key)
                continue
            if batch and not self._fits(batch, head):
                self._ready.appendleft(key)
                break
            limit = min(limit, head.limit)
            self._fly(head, now)
            batch.append(head)
        if batch:
            self._flying += 1
            self._bucket.take(now)
        return batch

    def _fits(self, batch: Sequence[Entry], entry: Entry) -> bool:
        """An erasure goes by itself, and a record whose batch was refused goes with as few as that asks for."""
        kinds = {batch[0].item.change.kind is Kind.erased, entry.item.change.kind is Kind.erased}
        return len(kinds) == 1 and len(batch) < entry.limit

    def _fly(self, entry: Entry, now: int) -> None:
        entry.flying = True
        if entry.first < 0:
            entry.first = now
        if entry.item.target:
            self._targets[entry.item.target] = []

    def permit_at(self, now: int) -> int:
        """When a further request of a batch on its way may go; `take_permit` takes it."""
        return max(self._bucket.free_at(now), self._throttle.free_at(now))

    def pause(self, seconds: float, now: int) -> None:
        """Send nothing for a while."""
        self._throttle.asked(now, seconds)

    def take_permit(self, now: int) -> None:
        """A further request goes."""
        self._bucket.take(now)

    # -- what came of it --------------------------------------------------------------------------------------------

    def settle(self, batch: Sequence[Entry], outcomes: Sequence[Outcome], now: int) -> Settled:
        """A batch came back. What is to be parked stays until `release`."""
        settled = Settled()
        self._flying -= 1
        self._judge_vendor(outcomes, settled, now)
        for entry, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Delivered):
                settled.done.append(entry)
                self._delivered(entry, now)
            elif isinstance(outcome, Refused) or (isinstance(outcome, Split) and len(batch) == 1):
                settled.parked.append((entry, outcome.reason))
            elif isinstance(outcome, Split):
                entry.limit = max(1, len(batch) // 2)
                entry.reason = outcome.reason
                self._again(entry, now, now)
            else:
                self._retry(entry, outcome, settled, now)
        return settled

    def _delivered(self, entry: Entry, now: int) -> None:
        self._memory.touch(entry.key).sent = now
        last = self._queues[entry.key][-1]
        if last is not entry and _is_score(last) and last.attempts == 0:
            last.due = max(last.due, now + int(self._settings.drift * 1000))
        self.release(entry, now)

    def _judge_vendor(self, outcomes: Sequence[Outcome], settled: Settled, now: int) -> None:
        """One word a request on the vendor as a whole."""
        again = [outcome for outcome in outcomes if isinstance(outcome, Again)]
        throttled = next((outcome for outcome in again if outcome.fault is Fault.throttle), None)
        down = next((outcome for outcome in again if outcome.fault is Fault.endpoint), None)
        if throttled is not None:
            self._throttle.asked(now, throttled.after)
        elif down is not None:
            if down.after is not None:
                self._throttle.asked(now, down.after)
            if self.breaker.failed(now):
                settled.notes.append(f"the vendor is down: {down.reason}; trying again now and then")
        else:
            self._throttle.succeeded()
            if self.breaker.succeeded():
                settled.notes.append("the vendor is back")
                self._wake(now)

    def _retry(self, entry: Entry, outcome: Again, settled: Settled, now: int) -> None:
        entry.reason, entry.fault = outcome.reason, outcome.fault
        if outcome.fault is Fault.throttle:
            self._again(entry, now, now)
            return
        entry.attempts += 1
        wait = self._settings.retry.delay(entry.attempts, (now - entry.first) / 1000, self._chance)
        if wait is None:
            settled.parked.append((entry, f"given up after {entry.attempts} attempts: {outcome.reason}"))
            return
        self._again(entry, now + int(max(wait, outcome.after or 0) * 1000), now)

    def _again(self, entry: Entry, due: int, now: int) -> None:
        entry.flying = False
        entry.due = due
        self._free(entry)
        self._schedule(entry.key, now)

    def release(self, entry: Entry, now: int) -> None:
        """An entry is done with: delivered, or safely parked."""
        queue = self._queues.get(entry.key)
        if queue and queue[0] is entry:
            queue.popleft()
            self._gone(entry)
        self._free(entry)
        self._drop_if_empty(entry.key)
        self._schedule(entry.key, now)

    def _gone(self, entry: Entry) -> None:
        self.held[entry.item.change.kind] -= 1
        self._news.pop(entry, None)

    def _free(self, entry: Entry) -> None:
        self._ready.extend(self._targets.pop(entry.item.target, ()))

    def _wake(self, now: int) -> None:
        """The vendor is back: what waited for that need not wait longer."""
        for key, queue in self._queues.items():
            if queue and queue[0].fault is Fault.endpoint and not queue[0].flying:
                queue[0].due = now
                self._schedule(key, now)

    # -- bookkeeping --------------------------------------------------------------------------------------------------

    def _schedule(self, key: str, now: int) -> None:
        queue = self._queues.get(key)
        if not queue or queue[0].flying:
            return
        if queue[0].due <= now:
            self._ready.append(key)
        else:
            self._number += 1
            heapq.heappush(self._waiting, (queue[0].due, self._number, key))

    def _promote(self, now: int) -> None:
        while self._waiting and self._waiting[0][0] <= now:
            self._ready.append(heapq.heappop(self._waiting)[2])
        while self._ready and not self._is_ready(self._ready[0], now):
            self._ready.popleft()

    def _is_ready(self, key: str, now: int) -> bool:
        queue = self._queues.get(key)
        return queue is not None and len(queue) > 0 and not queue[0].flying and queue[0].due <= now

    def _drop_if_empty(self, key: str) -> None:
        if key in self._queues and not self._queues[key]:
            del self._queues[key]


def _is_score(entry: Entry) -> bool:
    return entry.item.change.kind is Kind.score
