"""`stream-app projector`: the published topics kept in Redis, and rebuilt."""

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, manifest_of
from stream_app.cli.console import say
from stream_app.cli.logs import LogFormat, LogLevel, log_from
from stream_app.cli.metrics import MetricsHost, MetricsPort
from stream_app.cli.reading import Model
from stream_app.cli.redis import Namespace, Rank, RedisUrl, keys_of, redis_of

if TYPE_CHECKING:
    from stream_app.serving.projection.projector import Settings

States = Annotated[
    bool,
    typer.Option(help="Keep leads' and accounts' states too, of which explanations are made: some KB a lead."),
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(
        help="Keep Redis in step with scores, accounts and transitions: what the query API and `top` read.",
        invoke_without_command=True,
        epilog="Example: stream-app projector --redis redis://localhost:6379/0",
    )
    group.callback()(projector)
    group.command(epilog="Example: stream-app projector rebuild --within 300")(rebuild)
    app.add_typer(group, name="projector")


def projector(
    context: typer.Context,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    redis: RedisUrl = None,
    namespace: Namespace = "stream-app",
    group: Annotated[
        str, typer.Option(envvar="STREAM_APP_PROJECTOR_GROUP", help="The consumer group; several share the work.")
    ] = "stream-app-projector",
    model: Model = "b2b-saas",
    rank: Rank = None,
    states: States = True,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
    log_level: LogLevel = "info",
    log_format: LogFormat = "console",
) -> None:
    """Keep a Redis-compatible server in step with the published topics, until SIGTERM. Run as many as there are partitions.

    It says `ready` on stderr when it has caught up. It goes on by itself when the server comes back, empty or older.
    """
    if context.invoked_subcommand is not None:
        return
    log_from(log_level, log_format)
    settings = _settings(bootstrap, prefix, group, states, model, rank)
    place = None if metrics_port is None else (metrics_host, metrics_port)
    asyncio.run(_project(settings, redis_of(redis), keys_of(namespace, prefix), place))


async def _project(settings: "Settings", url: str, keys: str, metrics: tuple[str, int] | None) -> None:
    from stream_app.ops.projector_metrics import observe_projector
    from stream_app.serving.projection.projector import project
    from stream_app.serving.projection.store import open_store
    from stream_app.serving.projection.watch import Watch

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watch = asyncio.create_task(_end_with_parent(stop)) if os.environ.get("STREAM_APP_END_WITH_PARENT") else None
    projecting = Watch()
    if metrics is not None:
        observe_projector(projecting, *metrics)
    async with open_store(url, keys) as store:
        await project(settings, store, stop, lambda: say("ready"), projecting)
    if watch is not None:
        watch.cancel()


async def _end_with_parent(stop: asyncio.Event) -> None:
    """A child of a demo or a test must not outlive it."""
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(0.5)
    stop.set()


def rebuild(
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    redis: RedisUrl = None,
    namespace: Namespace = "stream-app",
    model: Model = "b2b-saas",
    rank: Rank = None,
    states: States = True,
    within: Annotated[
        float, typer.Option(min=0, max=86_400, help="Seconds in which it must catch up with the live one at the end.")
    ] = 60.0,
) -> None:
    """Build the projection anew from the topics while the old one serves, then switch, and remove the old one.

    Projectors need not stop: they go on with the new one. Interrupted, it leaves the old one as it was.
    """
    settings = _settings(bootstrap, prefix, "", states, model, rank)
    number = asyncio.run(_rebuild(settings, redis_of(redis), keys_of(namespace, prefix), within))
    say(f"generation {number} is live")


async def _rebuild(settings: "Settings", url: str, keys: str, within: float) -> int:
    from stream_app.cli.progress import progress_bar
    from stream_app.serving.projection.rebuild import rebuild as build_anew
    from stream_app.serving.projection.store import open_store

    with progress_bar() as bar:
        async with open_store(url, keys) as store:
            return await build_anew(settings, store, within, bar)


def _settings(
    bootstrap: str | None, prefix: str, group: str, states: bool, model: str, rank: list[str] | None
) -> "Settings":
    from stream_app.modelfiles import read_model
    from stream_app.publishing.reading import live_model, published_model
    from stream_app.serving.projection.projector import Settings
    from stream_app.serving.projection.ranking import Rankings, ranked_scores

    broker, manifest, found = broker_of(bootstrap), manifest_of(prefix), read_model(model)
    if rank:
        rankings = Rankings(ranked_scores(asyncio.run(live_model(broker, manifest, found)), rank))
    else:
        rankings = Rankings(ranked_scores(found), lambda version: published_model(broker, manifest, version))
    return Settings(bootstrap=broker, manifest=manifest, group=f"{prefix}{group}", states=states, rankings=rankings)
