"""`stream-app lag`: what each consumer group has still to read."""

import asyncio
from contextlib import suppress
from typing import Annotated

import typer

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, manifest_of
from stream_app.cli.console import fail, say
from stream_app.cli.lag_drawing import Screen, print_looks
from stream_app.cli.metrics import Cluster

_EXAMPLES = """Examples:

  stream-app lag

  stream-app lag --watch

  stream-app lag --group stream-app --max-seconds 60 || echo behind

  stream-app lag --serve 9310"""


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command(epilog=_EXAMPLES)(lag)


def lag(
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    group: Annotated[
        list[str] | None,
        typer.Option(help="A consumer group; may be given several times. Default: all that read this system's topics."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again, until ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.5, max=3600, help="Seconds between looks, with --watch.")] = 2.0,
    max_seconds: Annotated[
        float | None, typer.Option(min=0, help="Exit with 1 if any partition lags by more seconds than this.")
    ] = None,
    serve: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Export it to Prometheus on this port instead, until told to stop; 0 takes a free one and says which.",
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="The address to export it on.")] = "127.0.0.1",
    cluster: Cluster = "kafka",
    json: Annotated[bool, typer.Option("--json", help="Print JSON; with --watch an array a line.")] = False,
) -> None:
    """Print the lag of every consumer group, topic and partition, as Kafka tells it: no worker is asked.

    `end` is the last stable offset, `lag` the committed messages left, `seconds` the age of the oldest of them by its own
    timestamp. Status: ok, catching up, stalled (nothing committed while there is something to read), stopped (no member).
    """
    from stream_app.ops.lag import worst
    from stream_app.ops.lag_look import look_on, look_once

    broker, manifest, groups = broker_of(bootstrap), manifest_of(prefix), tuple(group or ())
    if serve is not None:
        _serve(broker, prefix, groups, cluster, host, serve)
        return
    if watch:
        screen = Screen(json)
        with suppress(KeyboardInterrupt), screen:
            asyncio.run(look_on(broker, manifest, groups, every, screen.show))
        lags = screen.last
    else:
        lags = asyncio.run(look_once(broker, manifest, groups))
        print_looks(lags, json)
    if not lags:
        say("no consumer group has read this system's topics yet")
    if max_seconds is not None:
        if not lags:
            fail("--max-seconds: there is no consumer group to check; name one with --group", 1)
        if worst(lags) > max_seconds:
            raise typer.Exit(1)


def _serve(broker: str, prefix: str, groups: tuple[str, ...], cluster: str, host: str, port: int) -> None:
    from stream_app.ops.lag_export import serve_lag

    def ready(address: str) -> None:
        say(f"ready: {address}")

    with suppress(KeyboardInterrupt):
        asyncio.run(serve_lag(broker, manifest_of(prefix), groups, cluster, host, port, ready))
