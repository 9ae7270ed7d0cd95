"""How far time may pass in a lane.

The rule: in a lane that has read its topics to their ends, time is the present less a grace for events on their way. In
one that is behind, time is the greatest record timestamp it has processed, so that a backlog demotes nobody; likewise,
always, with `--clock event`, for backfills of history. Never past the present, and never back.
"""

import asyncio
from collections.abc import Callable
from typing import NoReturn

from stream_app.streaming.settings import ClockMode

TICK_SECONDS = 0.2


def target(mode: ClockMode, now: int, grace: int, seen: int, caught_up: bool) -> int:
    """The time (ms) up to which timers may fire; -1 for none. `seen` is -1 while nothing was processed."""
    if mode == "stopped":
        return -1
    if mode == "event":
        return min(seen, now)
    return now - grace if caught_up else min(seen, now - grace)


async def tick(lanes: Callable[[], None]) -> NoReturn:
    """Call `lanes` for ever, five times a second: timers fire and idle positions are committed by it."""
    while True:
        await asyncio.sleep(TICK_SECONDS)
        lanes()
