"""Looking at the lag once, or again and again.

The rule: whether a consumer gets on takes two looks to tell. One that is asked for a single look takes the second a few
seconds later, and only where something is left to read that is not new.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from stream_app.ops.lag import Judge, Lag
from stream_app.ops.lag_reader import open_lag_reader
from stream_app.topics import Manifest

SECOND_LOOK_SECONDS = 3.0
"""A working lane tells the group's offsets several times a second (docs/decisions/0012), and each transaction is short."""


async def look_once(broker: str, manifest: Manifest, groups: Sequence[str] = ()) -> list[Lag]:
    """The lag of the groups now. Raises `LagError`."""
    async with open_lag_reader(broker, manifest) as reader:
        judge = Judge(stalled_after=SECOND_LOOK_SECONDS)
        lags = judge.judge(await reader.look(groups), time.monotonic())
        if any(lag.status == "catching up" for lag in lags):
            await asyncio.sleep(SECOND_LOOK_SECONDS)
            lags = judge.judge(await reader.look(groups), time.monotonic())
        return lags


async def look_on(
    broker: str, manifest: Manifest, groups: Sequence[str], every: float, show: Callable[[Sequence[Lag]], None]
) -> NoReturn:
    """Look every so many seconds and show it, for ever. Raises `LagError`."""
    judge = Judge()
    async with open_lag_reader(broker, manifest) as reader:
        while True:
            show(judge.judge(await reader.look(groups), time.monotonic()))
            await asyncio.sleep(every)
