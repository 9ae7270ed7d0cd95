"""`stream-app top`: the ranked queue, for people."""

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, broker_runs, manifest_of
from stream_app.cli.console import Json, print_table
from stream_app.cli.reading import Model
from stream_app.cli.redis import Namespace, Rank, RedisUrl, keys_of, redis_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_app.publishing.following import Follower
    from stream_app.serving.projection.base import Query


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command(epilog="Example: stream-app top --stage mql --owner 'Olga' --limit 20 --watch")(top)


def top(
    score: Annotated[
        str | None, typer.Option(metavar="SCORE", show_default=False, help="Default: the model's combined score.")
    ] = None,
    stage: Annotated[str | None, typer.Option(metavar="[LADDER:]STAGE", help="Only those on this stage.")] = None,
    band: Annotated[str | None, typer.Option(metavar="[NAME:]BAND", help="Only those in this band.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only this owner's leads.")] = None,
    account: Annotated[str | None, typer.Option(help="Only members of this account.")] = None,
    accounts: Annotated[bool, typer.Option("--accounts", help="Rank accounts instead of leads.")] = False,
    lowest: Annotated[bool, typer.Option("--lowest", help="The lowest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="So many.")] = 20,
    watch: Annotated[bool, typer.Option("--watch", help="Print it anew every second, until ctrl-C.")] = False,
    json: Json = False,
    model: Model = "b2b-saas",
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    redis: RedisUrl = None,
    namespace: Namespace = "stream-app",
    rank: Rank = None,
) -> None:
    """Print the ranked queue: the highest score first, then the latest activity, then by key.

    Read from what `stream-app projector` keeps; stages, bands and scores are those of the model that is live, where there is a
    broker to tell, else of --model. Suppressed and disqualified leads are left out. With --json one record a
    line (with --watch, one array a line).
    """
    from stream_app.modelfiles import read_model
    from stream_app.publishing.following import Follower
    from stream_app.publishing.reading import live_model
    from stream_app.serving.in_force import in_force
    from stream_app.serving.top import Asked

    manifest, found, follower = manifest_of(prefix), read_model(model), None
    # What 'stream-app up' started goes together: its broker says nothing of what lies in another server.
    has_broker = bool(bootstrap) or (not redis and broker_runs())
    if has_broker:
        found = asyncio.run(live_model(broker_of(bootstrap), manifest, found))
    now = in_force(found, manifest, rank or ())
    if watch and has_broker:
        follower = Follower(broker_of(bootstrap), manifest, now, rank or ())
    asked = Asked(score, stage, band, owner, account, accounts, lowest)

    def query() -> "Query":
        current = now if follower is None else follower.now
        return asked.query(current.scoring.model, current.ranked, limit)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_top(redis_of(redis), keys_of(namespace, prefix), query, watch, json, follower))


async def _top(
    url: str, keys: str, asked: "Callable[[], Query]", watch: bool, json: bool, follower: "Follower | None"
) -> None:
    from stream_app.serving.projection.store import open_store
    from stream_app.serving.top import columns, listed, row

    following = None if follower is None else asyncio.create_task(follower.follow())
    async with open_store(url, keys) as store:
        while following is None or not following.done():
            query = asked()
            records = await listed(store, query)
            if watch and sys.stdout.isatty():
                typer.echo("\x1b[2J\x1b[H", nl=False)  # clears the screen
            if json:
                _print(records, watch)
            else:
                print_table(columns(query), [row(place, query, record) for place, record in enumerate(records, 1)])
            if not watch:
                return
            await asyncio.sleep(1)
    await following


def _print(records: list[Any], watch: bool) -> None:
    lines = [orjson.dumps(records)] if watch else [orjson.dumps(record) for record in records]
    sys.stdout.buffer.write(b"".join(line + b"\n" for line in lines))
    sys.stdout.buffer.flush()
