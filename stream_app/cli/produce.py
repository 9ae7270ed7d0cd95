"""`stream-app produce`: events from a file to their topics."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, manifest_of
from stream_app.cli.console import print_json, say
from stream_app.cli.progress import progress_bar
from stream_app.errors import KnownError


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(produce)


def produce(
    file: Annotated[str, typer.Argument(help="NDJSON, an event a line; - is standard input.")],
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    channel: Annotated[str | None, typer.Option(help="The channel of events that name none.")] = None,
    skip_invalid: Annotated[
        Path | None, typer.Option("--skip-invalid", dir_okay=False, help="Write bad lines here and send the others.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Publish events from a file: checked first, all of them, then sent, each to the topic of its channel.

    A record's key is the lead's strongest key and its timestamp the event's own time. A bad line ends the command with
    exit code 2 before anything is sent, naming file, line and field, unless --skip-invalid takes the bad ones.
    """
    asyncio.run(_produce(file, broker_of(bootstrap), prefix, channel, skip_invalid, json))


async def _produce(
    path: str, bootstrap: str, prefix: str, channel: str | None, skip_invalid: Path | None, json: bool
) -> None:
    from stream_app.producing.files import open_events
    from stream_app.producing.sender import open_sender

    manifest = manifest_of(prefix)
    if skip_invalid is not None and Path(path).exists() and skip_invalid.exists() and skip_invalid.samefile(path):
        raise KnownError(f"--skip-invalid {skip_invalid}: that is the file to read")
    with open_events(path, channel, sys.stdin.buffer) as events, progress_bar() as progress:
        with _skipped(skip_invalid) as skipped:
            checked = events.check(skipped, progress)
        async with open_sender(bootstrap, manifest) as sender:
            sent = await events.send(checked, sender, manifest, progress)
    rate = sent.events / sent.seconds if sent.seconds else 0.0
    if json:
        print_json({"sent": sent.by_topic, "skipped": checked.bad, "seconds": round(sent.seconds, 3)})
    for topic, count in sent.by_topic.items():
        say(f"{topic}: {count:,}")
    say(f"sent {sent.events:,} events in {sent.seconds:.1f} s ({rate:,.0f} a second)")
    if checked.bad:
        say(f"skipped {checked.bad:,} lines: {skip_invalid}")


@contextmanager
def _skipped(path: Path | None) -> Iterator[BinaryIO | None]:
    if path is None:
        yield None
        return
    try:
        with path.open("wb") as file:
            yield file
    except OSError as error:
        raise KnownError(f"{path}: {error.strerror}") from None
