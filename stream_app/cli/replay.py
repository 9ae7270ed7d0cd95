"""`stream-app replay` and `score`: the engine offline."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from enum import StrEnum
from typing import Annotated, Any, BinaryIO, Literal

import orjson
import typer

from stream_app.cli.console import print_json
from stream_app.cli.progress import Bar, progress_bar
from stream_app.engine.times import parse_time
from stream_app.errors import KnownError
from stream_app.ingest.ndjson import EventLine, read_events


class Order(StrEnum):
    """In which order a file's events are taken."""

    arrival = "arrival"
    time = "time"


def _time(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {error}") from None


Model = Annotated[
    str, typer.Option("--model", "-m", metavar="FILE", help="A model file, or the name of a ready model.")
]
Events = Annotated[str, typer.Option("--events", "-e", metavar="FILE", help="Events, one JSON a line; - for stdin.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(replay)
    app.command()(score)


def replay(
    model: Model,
    events: Events,
    transitions: Annotated[str, typer.Option(metavar="OUT", help="Where transitions go, as NDJSON.")] = "-",
    scores: Annotated[str | None, typer.Option(metavar="OUT", help="Where the final scores go, as NDJSON.")] = None,
    dead_letters: Annotated[
        str | None, typer.Option(metavar="OUT", help="Where refused events go; without it the first one ends it.")
    ] = None,
    until: Annotated[
        int | None, typer.Option(metavar="TIME", parser=_time, help="Tick every lead, then every account, to it.")
    ] = None,
    now: Annotated[
        int | None, typer.Option(metavar="TIME", parser=_time, help="Refuse what is in the future of it.")
    ] = None,
    order: Annotated[Order, typer.Option(help="File order, or by the events' times.")] = Order.arrival,
) -> None:
    """Score a file of events with the same engine as the workers', without a broker.

    Prints the transitions in the order made.
    """
    from stream_app.history.replay import finish, ordered
    from stream_app.history.replay import replay as run
    from stream_app.modelfiles import read_model
    from stream_app.runtime.world import World

    world = World(read_model(model))
    with ExitStack() as files:
        emit = _writer(files, transitions)
        refuse = _refuser(files, dead_letters, events)
        source = _input(files, events)
        bar = files.enter_context(progress_bar(wanted=transitions != "-" or not sys.stdout.isatty()))
        lines = _watched(read_events(source, events), _size(source), bar)
        run(world, ordered(lines, order.value), now=now, transition=emit, refused=refuse)
        finish(world, until, emit)
        if scores is not None:
            write_score = _writer(files, scores)
            for record in world.scores():
                write_score(record)


def score(
    model: Model,
    events: Events,
    lead: Annotated[str, typer.Option(metavar="KEY", help="user:..., email:..., anon:... or account:ID.")],
    at: Annotated[
        int | None, typer.Option(metavar="TIME", parser=_time, help="When. Default: at its latest event.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Add every rule's parts.")] = False,
    table: Annotated[bool, typer.Option("--table", help="Print it for a person to read.")] = False,
) -> None:
    """Print one lead's (or account's) score at a time, as JSON; with --explain, why it is what it is."""
    from stream_app.engine.explain import explain as explanation
    from stream_app.engine.explain import machines_told
    from stream_app.history.replay import score_at
    from stream_app.modelfiles import read_model

    with ExitStack() as files:
        refuse = _refuser(files, None, events)
        found = score_at(read_model(model), read_events(_input(files, events), events), lead, at, refuse)
    if found is None:
        raise KnownError(f"{lead}: no such lead or account in {events}")
    world, subject = found
    record = world.score(subject)
    if explain or table:
        record["explanation"] = explanation(subject)
        if told := machines_told(subject):
            record["machines"] = told
    if table:
        from stream_app.cli.explanations import print_explanation

        print_explanation(record)
    else:
        print_json(record)


def _input(files: ExitStack, path: str) -> BinaryIO:
    return sys.stdin.buffer if path == "-" else _opened(files, path, "rb")


def _size(source: BinaryIO) -> int:
    """A file's bytes, 0 where that can't be told."""
    return os.fstat(source.fileno()).st_size if source.seekable() else 0


def _watched(lines: Iterable[EventLine], size: int, bar: Bar) -> Iterator[EventLine]:
    """The same lines; the bar follows what was read of the file."""
    done = 0
    for number, line in enumerate(lines):
        done += len(line.raw) + 1
        if size and number % 1_000 == 0:
            bar("scoring", done, size)
        yield line
    if size:
        bar("scoring", size, size)


def _opened(files: ExitStack, path: str, mode: Literal["rb", "wb"]) -> BinaryIO:
    try:
        return files.enter_context(open(path, mode))
    except OSError as error:
        raise KnownError(f"{path}: {error.strerror}") from None


def _writer(files: ExitStack, path: str) -> Callable[[dict[str, Any]], None]:
    """A function that writes one JSON line to a file, or to stdout for `-`."""
    if path == "-":
        files.callback(sys.stdout.buffer.flush)
    out = sys.stdout.buffer if path == "-" else _opened(files, path, "wb")

    def write(document: dict[str, Any]) -> None:
        out.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))

    return write


def _refuser(files: ExitStack, path: str | None, events: str) -> Callable[[Any], None]:
    if path is not None:
        write = _writer(files, path)
        return lambda refused: write(refused.document())

    def stop(refused: Any) -> None:
        where = f": {refused.pointer}" if refused.pointer else ""
        raise KnownError(f"{events}:{refused.line.number}{where}: {refused.code}: {refused.message}")

    return stop
