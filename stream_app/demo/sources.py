"""Where a demo's events come from, and how fast: the simulator, or a file."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final, Protocol

from stream_app.engine.activity import Activity
from stream_app.engine.model.types import Model
from stream_app.local.plots import DAY
from stream_app.local.simulator import Story, history_then_present, simulate
from stream_app.producing.files import EventFile
from stream_app.producing.sender import EventSender

PACE: Final = DAY / 1_000
"""A second of the demo is a day of its story."""
LONGEST_STORY_DAYS: Final = 365
DEFAULT_RATE: Final = 100.0

_TICK_S: Final = 0.05
_FLUSH_EVERY: Final = 1_000

Told = Callable[[int, int], None]
"""Hears how many events were sent more, and the time (ms since the epoch) of the last one."""


class Source(Protocol):
    """Sends events until there are no more, or until it is enough."""

    async def run(self, sender: EventSender, told: Told, enough: asyncio.Event) -> None:
        """Send, telling of it. Raises `ProduceError` where Kafka does not take events."""


@dataclass(frozen=True, kw_only=True)
class SimulatedSource:
    """The simulator, a day a second at most: a history that ends at the present (ms since the epoch), which is when the
    time of the story becomes that of the wall. Where more happens than `rate` events a second, the story takes its time.
    """

    story: Story
    rate: float
    present: int
    days: int

    async def run(self, sender: EventSender, told: Told, enough: asyncio.Event) -> None:
        """See `Source`; there are always more."""
        time_of = history_then_present(self.present - self.days * DAY, self.present, PACE)
        records = simulate(self.story, time_of)
        record = next(records)
        begun = time.monotonic()
        sent = 0
        while not enough.is_set():
            elapsed = time.monotonic() - begun
            most = min(_FLUSH_EVERY, int(elapsed * self.rate) - sent)
            count = 0
            while record.at <= elapsed * 1_000 * PACE and count < most:
                await sender.send(record.activity, record.raw)
                count += 1
                at, record = record.at, next(records)
            await sender.flush()
            if count:
                told(count, time_of(at))
                sent += count
            if count < _FLUSH_EVERY:
                await asyncio.sleep(_TICK_S)


@dataclass(frozen=True)
class FileSource:
    """The events of a file that was checked, in its order; at `rate` a second, or as fast as Kafka takes them."""

    file: EventFile
    rate: float | None

    async def run(self, sender: EventSender, told: Told, enough: asyncio.Event) -> None:
        """See `Source`."""
        count = sent = 0
        last = 0
        begun = time.monotonic()
        for line in chain(self.file.lines(), (None,)):
            if line is not None and isinstance(line.event, Activity):
                await sender.send(line.event, line.raw)
                count, last = count + 1, line.event.time
            ahead = (sent + count) / self.rate - (time.monotonic() - begun) if self.rate is not None else 0.0
            if line is None or count == _FLUSH_EVERY or ahead > _TICK_S:
                await sender.flush()
                told(count, last)
                sent, count = sent + count, 0
                if enough.is_set():
                    return
                await asyncio.sleep(max(0.0, ahead))


def simulated(model: Model, seed: int, rate: float | None, seconds: float | None, present: int) -> SimulatedSource:
    """A source for a demo of so many seconds (None: until it is stopped), whose CRM knows the model's stages."""
    rate = rate if rate is not None else DEFAULT_RATE
    story = Story(seed=seed, events_a_day=rate, closed=closed_stages(model))
    days = LONGEST_STORY_DAYS if seconds is None else min(LONGEST_STORY_DAYS, max(1, round(seconds)))
    return SimulatedSource(story=story, rate=rate, present=present, days=days)


def closed_stages(model: Model) -> Mapping[str, tuple[str, str]]:
    """(ladder, stage) by the outcome of a deal: the sticky stages of the first ladder that has any, `lost` by its name."""
    for ladder in model.lead.ladders:
        sticky = [stage.name for stage in ladder.stages if stage.sticky]
        if sticky:
            won = next((name for name in sticky if name != "lost"), None)
            known = {"won": won, "lost": "lost" if "lost" in sticky else None}
            return {outcome: (ladder.name, stage) for outcome, stage in known.items() if stage is not None}
    return {}
