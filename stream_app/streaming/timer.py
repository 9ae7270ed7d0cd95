"""How far time may pass in a lane.

The rule: timers fire in a lane that has read its topics to their ends, and in no other, so that a backlog demotes nobody:
an event that still lies there may be what keeps a lead where it is. Time is then the present less a grace for events on
their way, or with `--clock event` (for backfills of history) the greatest time to which an event has brought anybody. Never past the
present, and never back. In a lane that is behind, each event carries its own lead on.
"""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from stream_app.streaming.settings import ClockMode

TICK_SECONDS = 0.2


def target(mode: ClockMode, now: int, grace: int, seen: int, caught_up: bool) -> int:
    """The time (ms) up to which timers may fire; -1 for none. `seen` is -1 while nothing was processed."""
    if mode == "stopped" or not caught_up:
        return -1
    return min(seen, now) if mode == "event" else now - grace


async def tick(lanes: Callable[[], None]) -> NoReturn:
    """Call `lanes` for ever, five times a second: timers fire and idle positions are committed by it."""
    while True:
        await asyncio.sleep(TICK_SECONDS)
        lanes()
