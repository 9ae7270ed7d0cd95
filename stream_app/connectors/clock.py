"""Time and chance for the runner, as objects: tests bring their own."""

import asyncio
import contextlib
import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> int:
        """Milliseconds since the epoch; never goes back."""

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """Return when the event is set or so much time has passed; None: only when it is set."""


class SystemClock:
    """The machine's: the wall clock at the start, the monotonic one from there."""

    def __init__(self) -> None:
        self._behind = time.time() - time.monotonic()

    def now(self) -> int:
        """As `Clock.now`."""
        return int((self._behind + time.monotonic()) * 1000)

    async def wait(self, event: asyncio.Event, seconds: float | None) -> None:
        """As `Clock.wait`."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)
