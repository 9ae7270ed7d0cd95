"""Whether a process lives and whether it is ready, for an orchestrator to ask.

The rule: a worker lives while its event loop takes turns and no lane owes work without getting any done; it is ready once it knows
its partitions and has recovered their state. A worker ends itself for the same reasons, later (`streaming/health`): this is
for whoever wants to know before.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from stream_app.streaming.lanes import Lanes

T = TypeVar("T")

STUCK_SECONDS = 30
"""Of owing work and getting none done."""
TURN_SECONDS = 4.0
"""The event loop takes a turn within as long. Less than the time in which a probe gives up."""


class Loop:
    """An event loop, asked from another thread. Made in that loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def fault(self) -> str | None:
        """That it takes no turns, or None."""
        turned = threading.Event()
        self._loop.call_soon_threadsafe(turned.set)
        return None if turned.wait(TURN_SECONDS) else f"the event loop took no turn for {TURN_SECONDS:.0f} s"

    def ask(self, question: Coroutine[Any, Any, T], seconds: float) -> T:
        """What a coroutine of that loop returns. Raises what it raises, and `TimeoutError`."""
        asked = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return asked.result(seconds)
        finally:
            asked.cancel()


class WorkerHealth:
    """Answers from another thread. Made in the event loop whose worker it is about."""

    def __init__(self, lanes: Lanes, stuck_after: int = STUCK_SECONDS) -> None:
        self._lanes, self._stuck_after = lanes, stuck_after
        self._loop = Loop()

    def dead(self) -> str | None:
        """Why the worker must be taken for dead, or None."""
        if (fault := self._loop.fault()) is not None:
            return fault
        for lane in self._lanes.all():
            if lane.stats.stuck_seconds >= self._stuck_after:
                return f"lane {lane.name} has work and made no progress for {lane.stats.stuck_seconds} s"
        return None

    def unready(self) -> str | None:
        """What the worker waits for before it works, or None."""
        if self._lanes.recovered():
            return None
        left = sum(lane.stats.recovery_left for lane in self._lanes.all())
        return f"recovering: {left} changelog records left" if self._lanes.all() else "not assigned yet"
