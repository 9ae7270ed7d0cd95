"""Start a worker again when it ends itself.

The rule: a worker that failed is started again, soon at first, then after longer and longer waits while it keeps failing;
one that was told to stop, or whose settings can't work, is not. A signal to the supervisor is passed on, and the worker's
end awaited; a supervisor that is killed takes its worker with it (the worker watches its parent, see health.py).
"""

import logging
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType

from stream_app.streaming.health import EXIT_SETTINGS

log = logging.getLogger(__name__)

PARENT_OPTION = "--parent"
"""Given to the worker with the supervisor's process id, for `run_worker(parent=...)`."""


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Waits between starts, in seconds. A run of `healthy` seconds starts the count anew."""

    first: float = 0.5
    factor: float = 2.0
    longest: float = 30.0
    healthy: float = 60.0
    jitter: float = 0.2

    def wait(self, failures: int, chance: Callable[[], float] = random.random) -> float:
        """The wait after as many failures in a row (1 for the first)."""
        wait = min(self.longest, self.first * self.factor ** min(failures - 1, 30))
        return wait * (1 + self.jitter * (2 * chance() - 1))


def supervise(command: Sequence[str], *, backoff: Backoff | None = None, stop_within: float = 12.0) -> int:
    """Run a worker's command line until it ends well or is told to stop; the exit code to end with.

    To be called in the main thread: takes SIGTERM and SIGINT over.
    """
    backoff = backoff or Backoff()
    stopping = threading.Event()
    previous = {number: signal.signal(number, _setter(stopping)) for number in (signal.SIGTERM, signal.SIGINT)}
    failures = 0
    try:
        while True:
            began = time.monotonic()
            code = _run(command, stopping, stop_within)
            if stopping.is_set() or code in (0, EXIT_SETTINGS):
                return code
            failures = 1 if time.monotonic() - began >= backoff.healthy else failures + 1
            wait = backoff.wait(failures)
            log.error("the worker ended with code %d; starting it again in %.1f s", code, wait)
            if stopping.wait(wait):
                return 0
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _run(command: Sequence[str], stopping: threading.Event, stop_within: float) -> int:
    """One run. Its own process group, so that a terminal's ctrl-C reaches it once, through here."""
    with subprocess.Popen(command, start_new_session=True) as worker:
        told: float | None = None
        while (code := worker.poll()) is None:
            now = time.monotonic()
            if stopping.is_set() and told is None:
                told = now
                worker.terminate()
            elif told is not None and now - told > stop_within:
                log.error("the worker did not stop within %.0f s: killing it", stop_within)
                worker.kill()
            if told is None:
                stopping.wait(0.2)
            else:
                time.sleep(0.05)
    return code


def _setter(event: threading.Event) -> Callable[[int, FrameType | None], None]:
    def handle(_number: int, _frame: FrameType | None) -> None:
        event.set()

    return handle
