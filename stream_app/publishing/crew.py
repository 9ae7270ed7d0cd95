"""Workers of a generation beside the live one, as child processes of the command that needs them.

The rule: they end with the command, however it ends (they watch their parent); what they have done by then stays done, and
others go on from there. One that fails is started again, after longer and longer waits.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from stream_app.errors import KnownError
from stream_app.streaming.supervise import PARENT_OPTION, Backoff

_STOP_SECONDS: Final = 12.0
_BACKOFF: Final = Backoff()
_PERMANENT: Final = 2  # the code of settings that can't work


def side_group(group: str, number: int) -> str:
    """The consumer group of a generation's workers, from that of the live ones."""
    return f"{group}.side-{number}"


class _Member:
    """One worker. `due` is when it is to be started (monotonic seconds), if it does not run."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._failures = 0
        self._due = 0.0

    def check(self) -> None:
        """Start it if it does not run and has waited. Raises `KnownError` where that is of no use."""
        now = time.monotonic()
        code = self._process.poll() if self._process is not None else None
        if code == _PERMANENT:
            raise KnownError("a worker can't work: its last words are above")
        if code is not None:
            self._failures = 1 if now - self._began >= _BACKOFF.healthy else self._failures + 1
            self._due = now + _BACKOFF.wait(self._failures)
            self._process = None
        if self._process is None and now >= self._due:
            self._began = now
            self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, start_new_session=True)

    def stop(self) -> None:
        """Ask it to end."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self) -> None:
        """Wait for its end, and see to it."""
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Crew:
    """Workers with these words on their command lines; `check` now and then starts those that failed again."""

    def __init__(self, words: Sequence[str], count: int) -> None:
        command = [sys.executable, "-m", "stream_app", *words, PARENT_OPTION, str(os.getpid())]
        self._members = [_Member(command) for _ in range(count)]

    def check(self) -> None:
        """Raises `KnownError` where a worker ended because it can't work."""
        for member in self._members:
            member.check()

    def stop(self) -> None:
        """End them all."""
        for member in self._members:
            member.stop()
        for member in self._members:
            member.wait()


@contextmanager
def crew(words: Sequence[str], count: int) -> Iterator[Crew]:
    """Running workers, until the block ends."""
    made = Crew(words, count)
    try:
        made.check()
        yield made
    finally:
        made.stop()
