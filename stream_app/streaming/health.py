"""When a worker ends itself.

The rule: crash only. A lane that failed, a consumer that failed, an event loop that takes no turns, or records to read and
no progress: each ends the process at once, with the reason in the log and exit code 70, and a supervisor starts it again
from the last committed state. Nothing is retried in a process whose memory may be wrong.
"""

import asyncio
import faulthandler
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import NoReturn

from stream_app.streaming.lane import Lane
from stream_app.streaming.settings import Limits, SettingsError

log = logging.getLogger(__name__)

EXIT_FAILED = 70
EXIT_SETTINGS = 2


def end_process(reason: str, error: BaseException | None = None) -> NoReturn:
    """Log the reason and end the process without any clean-up: exit code 2 for settings that can't work, else 70."""
    if isinstance(error, SettingsError):
        log.critical("%s: %s", reason, error)
    elif error is not None:
        log.critical("%s: %s: %s", reason, type(error).__name__, error, exc_info=error)
    else:
        log.critical("%s", reason)
    logging.shutdown()
    sys.stderr.flush()
    os._exit(EXIT_SETTINGS if isinstance(error, SettingsError) else EXIT_FAILED)


class LoopWatch:
    """A thread that ends the process when the event loop takes no turn for `limit` seconds.

    Seconds are counted by the thread's own turns, so that a process that was stopped as a whole and let go again is not
    taken for a stalled one.
    """

    def __init__(self, limit: float, parent: int | None = None) -> None:
        self._limit, self._parent = limit, parent
        self._beats = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loop-watch", daemon=True)

    async def run(self) -> NoReturn:
        """Start the thread and beat for ever."""
        self._thread.start()
        try:
            while True:
                self._beats += 1
                await asyncio.sleep(0.25)
        finally:
            self._stop.set()

    def _watch(self) -> None:
        seen, silent = -1, 0.0
        while not self._stop.wait(0.5):
            silent = 0.0 if self._beats != seen else silent + 0.5
            seen = self._beats
            if silent >= self._limit:
                faulthandler.dump_traceback(file=sys.stderr)
                end_process(f"the event loop took no turn for {silent:.0f} s")
            if self._parent is not None and os.getppid() != self._parent:
                end_process("the supervisor is gone")


async def watch_progress(
    lanes: Callable[[], Iterable[Lane]], limits: Limits, consumer_fault: Callable[[], str | None]
) -> NoReturn:
    """End the process when a lane has work and commits nothing for too long, or the consumer gave up.

    Seconds are counted by turns here too, and so do not pass while the process is frozen.
    """
    stuck: dict[str, tuple[float, int]] = {}
    while True:
        await asyncio.sleep(1.0)
        fault = consumer_fault()
        if fault is not None:
            end_process(fault)
        now: dict[str, tuple[float, int]] = {}
        for lane in lanes():
            progressed_at, seconds = stuck.get(lane.name, (lane.progressed_at, 0))
            seconds = seconds + 1 if lane.owes() and lane.progressed_at == progressed_at else 0
            now[lane.name] = (lane.progressed_at, seconds)
            lane.stats.stuck_seconds = seconds
            if seconds > limits.no_progress:
                end_process(f"lane {lane.name} has work and made no progress for {seconds} s")
        stuck = now
