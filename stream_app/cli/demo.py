"""`stream-app demo`: the whole system at work, for somebody to look at."""

import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from stream_app.cli.broker import Bootstrap, demand_plain
from stream_app.cli.console import say
from stream_app.cli.services import DataDir
from stream_app.local.paths import state_root
from stream_app.security import security_from

if TYPE_CHECKING:
    from stream_app.demo.board import Board
    from stream_app.demo.session import Screen
    from stream_app.demo.sources import Source
    from stream_app.engine.model.types import Model

_DURATION = re.compile(r"(\d{1,6})(s|m|h|)", re.ASCII)
_SECONDS = {"s": 1, "": 1, "m": 60, "h": 3600}


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command()(demo)


def _duration(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise typer.BadParameter(f"{text!r}: expected a duration such as 30s, 2m or 1h")
    return float(int(match[1]) * _SECONDS[match[2]])


def demo(
    seconds: Annotated[
        float | None,
        typer.Option(
            "--for", metavar="TIME", parser=_duration, help="30s, 2m: from the first event on. Default: until ctrl-C."
        ),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", metavar="FILE", help="A model file, or the name of a ready model.")
    ] = "b2b-saas",
    events: Annotated[
        str | None,
        typer.Option(
            "--events", "-e", metavar="FILE", help="Score these (NDJSON; - for stdin) instead of simulated ones."
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.1, max=100_000, help="Events a second. Default: 100; a file: as fast as it goes."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed tells another story.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print transitions as NDJSON, and show nothing else.")] = False,
    bootstrap: Bootstrap = None,
    data_dir: DataDir = None,
) -> None:
    """Bring everything up, play events through it, and show scores and stages as they change.

    Uses the Kafka and Valkey that run here (`stream-app up`, KAFKA_BROKER), or starts them and ends them at the end.
    Topics and consumer group are the demo's own, and are removed. Events are simulated: hundreds of leads at some dozens
    of companies, and a second is a day of their lives, so that decay shows. Where the output is no terminal, each
    transition is a line.
    """
    from stream_app.demo.board import Board
    from stream_app.demo.session import Demo, run
    from stream_app.demo.words import summary
    from stream_app.modelfiles import read_model

    started = time.monotonic()
    environ = dict(os.environ) | ({"KAFKA_BROKER": bootstrap} if bootstrap else {})
    security = security_from(environ)
    if not bootstrap:
        demand_plain(security)
    loaded = read_model(model)
    board = Board.of(loaded)
    screen = _screen(board, json, seconds)
    with _source(loaded, events, seed, rate, seconds) as source, _pipe():
        told = Demo(
            model_name=model,
            source=source,
            seconds=seconds,
            data_dir=data_dir or state_root(),
            environ=environ,
            security=security,
            started=started,
        )
        lasted = run(told, board, screen)
    for line in summary(board, lasted):
        say(line)


def _screen(board: "Board", json: bool, seconds: float | None) -> "Screen":
    console = Console()
    if json or not console.is_terminal:
        from stream_app.demo.screens import LineScreen

        return LineScreen(board, json=json, say=say)
    from stream_app.demo.view import LiveScreen

    return LiveScreen(console, seconds)


@contextmanager
def _source(
    model: "Model", events: str | None, seed: int, rate: float | None, seconds: float | None
) -> "Iterator[Source]":
    from stream_app.demo.sources import FileSource, simulated
    from stream_app.producing.files import open_events

    if events is None:
        yield simulated(model, seed, rate, seconds, int(time.time() * 1_000))
        return
    with open_events(events, None, sys.stdin.buffer) as file:
        file.check(None, lambda _what, _done, _total: None)
        yield FileSource(file, rate)


@contextmanager
def _pipe() -> Iterator[None]:
    """A reader of stdout that has had enough (`| head`) ends the demo without a word."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
