"""`stream-app connect NAME`: changes of leads to a vendor's system, and what is parked on the way."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from typer.core import TyperGroup

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, manifest_of
from stream_app.cli.console import Json, fail, print_json, print_table, say
from stream_app.cli.logs import LogFormat, LogLevel, log_from
from stream_app.cli.metrics import MetricsHost, MetricsPort
from stream_app.engine.times import format_time

if TYPE_CHECKING:
    from stream_app.connectors.main import Connection
    from stream_app.connectors.parked import Parked
    from stream_app.connectors.parking import Parking

_HELP = """Send every transition to a vendor's system, once and in order: Standard Webhooks, HubSpot, Salesforce.

NAME is this connector's own: its consumer group and its parked queue. It runs until SIGTERM; start it as often as there
are partitions. A record that the vendor refuses is parked, and others go on: see 'connect NAME parked list'."""
_EPILOG = (
    "Examples:  stream-app connect crm --config hubspot.yaml  |  stream-app connect crm --config hubspot.yaml --dry-run"
    "  |  stream-app connect crm parked list  |  stream-app connect crm parked retry --all"
)
_WHERE = ("--bootstrap", "--prefix")
_IDS = "Ids of parked records, as `list` shows them."

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help=_IDS)]
All = Annotated[bool, typer.Option("--all", help="All that are parked.")]


class _NamedGroup(TyperGroup):
    """`connect NAME [options]`, or `connect NAME COMMAND ...`: options may stand behind the name."""

    allow_interspersed_args = True

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        at = next((number for number, word in enumerate(args) if number and word in self.commands), None)
        if at is None:
            return super().parse_args(ctx, args)
        ours, theirs = _sorted_out(args[at:])
        return super().parse_args(ctx, [*args[:at], *ours, "--", *theirs])


def _sorted_out(words: list[str]) -> tuple[list[str], list[str]]:
    """The options that say where, wherever they stand, and all else."""
    ours: list[str] = []
    theirs: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in _WHERE:
            ours += [word, *[value for value in [next(rest, None)] if value is not None]]
        elif word.startswith(tuple(f"{name}=" for name in _WHERE)):
            ours.append(word)
        else:
            theirs.append(word)
    return ours, theirs


@dataclass(frozen=True)
class _Place:
    name: str
    bootstrap: str | None
    prefix: str


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(cls=_NamedGroup, invoke_without_command=True, help=_HELP, epilog=_EPILOG)
    group.callback()(connect)
    group.command()(enable)
    parked = typer.Typer(help="What could not be sent: look at it, send it again, drop it.", no_args_is_help=True)
    parked.command("list", epilog="Example: stream-app connect crm parked list --json")(parked_list)
    parked.command("show", epilog="Example: stream-app connect crm parked show ID")(parked_show)
    parked.command("retry", epilog="Example: stream-app connect crm parked retry --all")(parked_retry)
    parked.command("drop", epilog="Example: stream-app connect crm parked drop ID")(parked_drop)
    group.add_typer(parked, name="parked")
    app.add_typer(group, name="connect")


def connect(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The connector's name, such as crm.")],
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", help="What to send where: docs/connectors.md.")
    ] = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent of what is there, as NDJSON, and send nothing.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Check the configuration and its secrets, and end.")] = False,
    instance: Annotated[
        str | None,
        typer.Option(
            envvar="STREAM_APP_INSTANCE",
            help="A name for static membership: a restart within the session time-out moves no partition.",
        ),
    ] = None,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
    limit: Annotated[int, typer.Option(min=1, help="How many changes --dry-run prints at most.")] = 1_000_000,
    log_level: LogLevel = "info",
    log_format: LogFormat = "console",
) -> None:
    ctx.obj = _Place(name, bootstrap, prefix)
    if ctx.invoked_subcommand is not None:
        return
    if config is None:
        fail("connect: --config FILE says what to send where (or name a command: parked, enable)")
    from stream_app.connectors.config import InvalidConfig, read_config
    from stream_app.connectors.main import connect as run
    from stream_app.connectors.metrics import Metrics

    log_from(log_level, log_format)
    try:
        settings = read_config(config, os.environ, blind=dry_run)
    except InvalidConfig as error:
        for problem in error.problems[1:]:
            say(str(problem))
        raise
    if check:
        say(f"{config}: a {settings.connector} connector, as it should be")
        return
    connection = _connection(ctx.obj, instance)
    if dry_run:
        asyncio.run(_print_plan(connection, settings, limit))
        return
    metrics = Metrics(name, metrics_host, metrics_port) if metrics_port is not None else None
    say(asyncio.run(run(connection, settings, lambda: say("ready"), metrics)))


def enable(ctx: typer.Context) -> None:
    """Send again after the vendor had wanted no more (HTTP 410 of a webhook)."""

    async def undo(parking: "Parking") -> None:
        if parking.index.disabled is None:
            say(f"{ctx.obj.name} was not disabled")
            return
        await parking.disable(None)
        say(f"{ctx.obj.name} is enabled: start it again")

    _with_parking(ctx, undo)


def parked_list(ctx: typer.Context, json: Json = False) -> None:
    """List what is parked, oldest first."""

    async def show(parking: "Parking") -> None:
        records = list(parking.index)
        if json:
            print_json([_as_json(one, False) for one in records])
        elif records:
            rows = [
                [one.id, one.kind, one.key.partition("|")[2], format_time(one.parked_at), _state(one), one.reason]
                for one in records
            ]
            print_table(["id", "kind", "lead", "parked at", "state", "reason"], rows)
        else:
            say("nothing is parked")

    _with_parking(ctx, show)


def parked_show(ctx: typer.Context, identity: Annotated[str, typer.Argument(metavar="ID", help=_IDS)]) -> None:
    """Show one parked record whole, as JSON. Exits with 1 where there is none."""

    async def show(parking: "Parking") -> None:
        record = parking.index.get(identity)
        if record is None:
            fail(f"{identity}: nothing is parked under this id", 1)
        print_json(_as_json(record, True))

    _with_parking(ctx, show)


def parked_retry(
    ctx: typer.Context,
    ids: Ids = None,
    every: All = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also those that a later, delivered change made obsolete.")
    ] = False,
) -> None:
    """Ask for parked records to be sent again; the connector does it, now or when it next runs.

    What a later change made obsolete is left where it is: sending it would put old values back.
    """

    async def ask(parking: "Parking") -> None:
        chosen = _chosen(parking, ids, every)
        old = [one for one in chosen if one.obsolete_by is not None and not force]
        wanted = [one for one in chosen if one not in old]
        await parking.ask_again(wanted)
        for one in old:
            say(f"{one.id}: left, {one.obsolete_by} was delivered after it (--force sends it all the same)")
        say(f"{len(wanted)} to be sent again")

    _with_parking(ctx, ask)


def parked_drop(ctx: typer.Context, ids: Ids = None, every: All = False) -> None:
    """Give parked records up."""

    async def drop(parking: "Parking") -> None:
        chosen = _chosen(parking, ids, every)
        await parking.remove([one.id for one in chosen])
        say(f"{len(chosen)} dropped")

    _with_parking(ctx, drop)


def _chosen(parking: "Parking", ids: list[str] | None, every: bool) -> "list[Parked]":
    if every == bool(ids):
        fail("name the ids of parked records, or say --all")
    found = []
    for identity in ids or []:
        record = parking.index.get(identity)
        if record is None:
            fail(f"{identity}: nothing is parked under this id", 1)
        found.append(record)
    return list(parking.index) if every else found


def _with_parking(ctx: typer.Context, work: "Callable[[Parking], Awaitable[None]]") -> None:
    connection = _connection(ctx.obj)

    async def run() -> None:
        parking = connection.parking()
        try:
            await parking.open()
            await work(parking)
        finally:
            await parking.close()

    asyncio.run(run())


def _connection(place: _Place, instance: str | None = None) -> "Connection":
    from stream_app.connectors.main import Connection

    return Connection(place.name, broker_of(place.bootstrap), manifest_of(place.prefix), instance=instance)


async def _print_plan(connection: "Connection", config: Any, limit: int) -> None:
    from stream_app.connectors.main import planned

    async for told in planned(connection, config, limit):
        sys.stdout.buffer.write(orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE))


def _as_json(record: "Parked", whole: bool) -> dict[str, Any]:
    shown = {
        "id": record.id,
        "kind": record.kind,
        "key": record.key.partition("|")[2],
        "state": record.state,
        "reason": record.reason,
        "parked_at": format_time(record.parked_at),
        "times": record.times,
        "obsolete_by": record.obsolete_by,
        "place": {"topic": record.topic, "partition": record.partition, "offset": record.offset},
    }
    return {**shown, "document": dict(record.document)} if whole else shown


def _state(record: "Parked") -> str:
    return "obsolete" if record.obsolete_by is not None and record.state == "parked" else record.state
