"""`stream-app up`, `down` and `status`: Kafka and Valkey on this machine."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from stream_app.cli.console import Json, print_json, print_table, say
from stream_app.local import services
from stream_app.local.paths import state_root

DataDir = Annotated[
    Path | None,
    typer.Option(
        help="The folder of the services' data, logs and ports. Default: $XDG_STATE_HOME/stream-app, "
        "which is ~/.local/state/stream-app.",
        file_okay=False,
    ),
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command()(up)
    app.command()(down)
    app.command()(status)


def up(data_dir: DataDir = None, json: Json = False) -> None:
    """Start Kafka and Valkey on loopback ports, and leave them running.

    Ports are 9092 and 6379, or free ones where those are taken; they are kept for the next time. What runs already is
    left as it is. With KAFKA_BROKER or REDIS_URL set, nothing is started for that part. Kafka needs Java 17, and Maven
    the first time. Exits with 1 where a server that is named or remembered does not answer.
    """
    found = services.up(data_dir or state_root(), os.environ, say)
    _print(found, json)
    _demand_answers(found)


def down(
    data_dir: DataDir = None,
    wipe: Annotated[bool, typer.Option("--wipe", help="Remove their data as well: all topics, all scores.")] = False,
    json: Json = False,
) -> None:
    """End what `up` started, and nothing else."""
    found = services.down(data_dir or state_root(), os.environ, say, wipe=wipe)
    _print(found, json)


def status(data_dir: DataDir = None, json: Json = False) -> None:
    """Say how Kafka and Valkey stand. Exits with 1 where one of them does not answer."""
    found = services.status(data_dir or state_root(), os.environ)
    _print(found, json)
    _demand_answers(found)


def _demand_answers(found: list[services.Status]) -> None:
    if not all(one.usable for one in found):
        raise typer.Exit(1)


def _print(found: list[services.Status], json: bool) -> None:
    if json:
        print_json([asdict(one) for one in found])
        return
    rows = [[one.service, one.state, one.address or "-", str(one.pid or "-"), one.note] for one in found]
    print_table(["service", "state", "address", "process", "note"], rows)
