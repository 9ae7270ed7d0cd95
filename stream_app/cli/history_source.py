"""The options by which commands find a history of events: a file, standard input, or a running system's topics."""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from stream_app.cli.progress import Bar, progress_bar
from stream_app.errors import KnownError

if TYPE_CHECKING:
    from stream_app.history.past import Past


class Order(StrEnum):
    """In which order a file's events are taken."""

    arrival = "arrival"
    time = "time"


Events = Annotated[
    str | None, typer.Option("--events", "-e", metavar="FILE", help="Events, one JSON a line; - for stdin.")
]
FromTopics = Annotated[bool, typer.Option("--from-topics", help="The events that the system's topics still hold.")]
Orders = Annotated[Order, typer.Option("--order", help="A file's order, or by the events' times.")]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, max=1024, help="Processes. Default: as many as there are cores.")
]


@contextmanager
def history(
    events: str | None, from_topics: bool, order: Order, bootstrap: str | None, prefix: str, now: int
) -> Iterator[tuple["Past", Bar]]:
    """The history that the options name, and the bar to go on with. What has to be copied lies in a folder that goes."""
    if (events is None) == (not from_topics):
        raise KnownError("which history? Give --events FILE, or --from-topics, and not both")
    with tempfile.TemporaryDirectory(prefix="stream-app-") as folder, progress_bar() as bar:
        if events is None:
            path = os.path.join(folder, "events")
            with open(path, "wb", buffering=1 << 20) as spool:
                past = asyncio.run(_from_topics(bootstrap, prefix, spool, path, now))
            yield past, bar
        else:
            yield _from_file(_stdin(folder) if events == "-" else events, order, now, bar), bar


def present() -> int:
    """The clock on the wall, in ms."""
    return int(time.time() * 1000)


def _from_file(path: str, order: Order, now: int, bar: Bar) -> "Past":
    from stream_app.history.past import past_of

    try:
        with open(path, "rb") as file:
            if not file.seekable():
                raise KnownError(f"{path}: no file that can be read twice; give it as standard input (-)")
            size = os.fstat(file.fileno()).st_size
            return past_of(file, path, size, now, by_time=order is Order.time, progress=bar)
    except OSError as error:
        raise KnownError(f"{path}: {error.strerror}") from None


def _stdin(folder: str) -> str:
    path = os.path.join(folder, "events")
    with open(path, "wb") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, 1 << 20)
    return path


async def _from_topics(bootstrap: str | None, prefix: str, spool: BinaryIO, path: str, now: int) -> "Past":
    from stream_app.cli.reading import reading
    from stream_app.history.retained import past_of_topics

    async with reading(bootstrap, prefix) as reader:
        return await past_of_topics(reader, spool, path, now)
