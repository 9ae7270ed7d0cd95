"""How commands read a running system: one line where it can't be reached, a bar on stderr where it takes a while."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from stream_app.cli.broker import broker_of, manifest_of
from stream_app.cli.progress import progress_bar
from stream_app.engine.times import parse_time

if TYPE_CHECKING:
    from stream_app.serving.reading import TopicReader
    from stream_app.worker.composition import Scoring

_AFTER = 2.0  # seconds: what is quicker needs no bar


def time_given(text: str) -> int:
    """A time on the command line: RFC 3339, or `now`."""
    if text == "now":
        return int(time.time() * 1000)
    try:
        return parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {error}") from None


Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        envvar="STREAM_APP_MODEL",
        help="The workers' model, where none was published: a file, or a ready model's name.",
    ),
]
At = Annotated[
    int | None,
    typer.Option(
        metavar="TIME",
        parser=time_given,
        help="Show a later time, if nothing happens until then; `now` for this moment.",
    ),
]
Limit = Annotated[int, typer.Option(min=1, max=1_000_000, help="So many of each list.")]


async def scoring_now(reader: "TopicReader", model: str) -> "Scoring":
    """What the running system scores by: the version that is live, else the model that `model` names."""
    from stream_app.modelfiles import read_model
    from stream_app.publishing.reading import model_of, registry_of
    from stream_app.worker.composition import compose

    reader.partitions("lead-changelog")  # if that is missing, it is the one to name
    live = (await registry_of(reader)).live
    return compose(read_model(model) if live is None else model_of(live), reader.manifest)


@asynccontextmanager
async def reading(bootstrap: str | None, prefix: str) -> AsyncIterator["TopicReader"]:
    """A reader of the system that the options name. Raises `KnownError` where it can't be reached."""
    from stream_app.serving.reading import open_reader

    began = time.monotonic()
    with progress_bar() as bar:

        def late(what: str, done: int, total: int) -> None:
            if time.monotonic() - began > _AFTER:
                bar(what, done, total)

        async with open_reader(broker_of(bootstrap), manifest_of(prefix), late) as reader:
            yield reader
