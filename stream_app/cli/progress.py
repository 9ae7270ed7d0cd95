"""Progress bars on stderr, drawn only where a person looks."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

PATIENCE = 2.0
"""Seconds that a person waits without being told."""


class Bar:
    """A bar for each phase: call it with the phase, how much is done, and how much there is."""

    def __init__(self, progress: Progress, after: float = 0.0) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}
        self._begin = time.monotonic() + after

    def __call__(self, what: str, done: int, total: int) -> None:
        if time.monotonic() < self._begin:
            return
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done)


@contextmanager
def progress_bar(*, wanted: bool = True, after: float = 0.0) -> Iterator[Bar]:
    """Bars while the block runs, from `after` seconds on; none where stderr is no terminal, or unless `wanted`."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:>8}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not (wanted and console.is_terminal)) as progress:
        yield Bar(progress, after)
