"""`stream-app top`: the ranked queue, for people."""

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from stream_app.cli.broker import Prefix, manifest_of
from stream_app.cli.console import print_table
from stream_app.cli.reading import Json, Model
from stream_app.cli.redis import Namespace, Rank, RedisUrl, keys_of, redis_of

if TYPE_CHECKING:
    from stream_app.serving.projection.base import Query
    from stream_app.serving.top import Asked


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
    prefix: Prefix = "",
    redis: RedisUrl = None,
    namespace: Namespace = "stream-app",
    rank: Rank = None,
) -> None:
    """Print the ranked queue: the highest score first, then the latest activity, then by key.

    Read from what `stream-app projector` keeps. Suppressed and disqualified leads are left out. With --json one record a
    line (with --watch, one array a line).
    """
    from stream_app.modelfiles import read_model
    from stream_app.serving.projection.ranking import ranked_scores
    from stream_app.serving.top import Asked

    manifest_of(prefix)  # a bad prefix is told
    found = read_model(model)
    asked = Asked(score, stage, band, owner, account, accounts, lowest)
    query = asked.query(found, ranked_scores(found, rank or ()), limit)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_top(redis_of(redis), keys_of(namespace, prefix), asked, query, watch, json))


async def _top(url: str, keys: str, asked: "Asked", query: "Query", watch: bool, json: bool) -> None:
    from stream_app.serving.projection.store import open_store
    from stream_app.serving.top import columns, listed, row

    async with open_store(url, keys) as store:
        while True:
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


def _print(records: list[Any], watch: bool) -> None:
    lines = [orjson.dumps(records)] if watch else [orjson.dumps(record) for record in records]
    sys.stdout.buffer.write(b"".join(line + b"\n" for line in lines))
    sys.stdout.buffer.flush()
