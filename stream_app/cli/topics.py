"""`stream-app topics create` and `check`: the manifest's topics on a broker."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import typer

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, manifest_of
from stream_app.cli.console import Json, print_json, print_table, say

Partitions = Annotated[
    int | None, typer.Option("--partitions", min=1, max=10_000, help="Partitions a topic. Default: the manifest's.")
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(help="Declare this system's topics on a broker, and compare.", no_args_is_help=True)
    group.command()(create)
    group.command()(check)
    app.add_typer(group, name="topics")


def create(
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    partitions: Partitions = None,
    replication_factor: Annotated[
        int | None, typer.Option(min=1, help="Replicas of a topic. Default: as many as brokers, at most 3.")
    ] = None,
    json: Json = False,
) -> None:
    """Create the topics that are missing, and bring settings in line. Doing it again changes nothing.

    The partition count of an existing topic is never changed: that ends with exit code 2 and a word on how to migrate.
    """
    from stream_app.ops.topics_admin import create_topics

    manifest = manifest_of(prefix, partitions)
    applied = asyncio.run(create_topics(broker_of(bootstrap), manifest, replication_factor=replication_factor))
    if json:
        print_json(asdict(applied))
        return
    for name in applied.created:
        say(f"created {name}")
    for change in applied.changed:
        say(f"changed {change.topic}: {change.setting} from {change.actual} to {change.expected}")
    say(f"{len(manifest.topics)} topics are as declared")


def check(bootstrap: Bootstrap = None, prefix: Prefix = "", partitions: Partitions = None, json: Json = False) -> None:
    """Print what differs between the broker's topics and the declared ones. Exits with 1 where anything does."""
    from stream_app.ops.topics_admin import check_topics

    differences = asyncio.run(check_topics(broker_of(bootstrap), manifest_of(prefix, partitions)))
    if json:
        print_json([asdict(difference) for difference in differences])
    elif differences:
        rows = [[one.topic, one.setting, one.expected, one.actual] for one in differences]
        print_table(["topic", "setting", "expected", "actual"], rows)
    if differences:
        raise typer.Exit(1)
