"""`stream-app serve`: the query API, and its keys."""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, manifest_of
from stream_app.cli.console import Json, print_json, print_table, say
from stream_app.cli.logs import LogFormat, LogLevel, log_from
from stream_app.cli.metrics import Cluster, MetricsHost, MetricsPort
from stream_app.cli.reading import Model
from stream_app.cli.redis import Namespace, Rank, RedisUrl, keys_of, redis_of
from stream_app.engine.times import format_time
from stream_app.errors import KnownError
from stream_app.local.paths import state_root

KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        envvar="STREAM_APP_API_KEYS",
        metavar="FILE",
        dir_okay=False,
        show_default=False,
        help="The file of API keys (digests only). Default: api-keys.json in the state folder of `stream-app up`.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(
        help="Serve the query API: leads, accounts, queues, explanations, transitions.",
        invoke_without_command=True,
        epilog="Example: stream-app serve keys create dashboard --scope leads:read && stream-app serve --port 8080",
    )
    group.callback()(serve)
    keys = typer.Typer(help="Make, list and revoke API keys. Running servers know at once.", no_args_is_help=True)
    keys.command(epilog="Example: stream-app serve keys create dashboard --scope leads:read --days 90")(create)
    keys.command("list")(list_keys)
    keys.command(epilog="Example: stream-app serve keys revoke 1f0c3a5b7d9e")(revoke)
    group.add_typer(keys, name="keys")
    app.add_typer(group, name="serve")


def serve(
    context: typer.Context,
    model: Model = "b2b-saas",
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    redis: RedisUrl = None,
    namespace: Namespace = "stream-app",
    rank: Rank = None,
    keys: KeyFile = None,
    host: Annotated[str, typer.Option(envvar="STREAM_APP_HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="STREAM_APP_PORT", min=0, max=65_535, help="The port; 0 for a free one.")
    ] = 8080,
    metrics_port: MetricsPort = None,
    metrics_host: MetricsHost = "127.0.0.1",
    cluster: Cluster = "kafka",
    log_level: LogLevel = "info",
    log_format: LogFormat = "console",
) -> None:
    """Serve the query API on what `stream-app projector` keeps, until SIGTERM. TLS is for a proxy in front of it.

    Explanations, stages and bands are those of the version of the model that is live; what `model publish` publishes is taken
    up at once.

    Its description is at /api/v1/openapi.json; /livez and /readyz are for supervisors. --metrics-port serves /metrics too, without
    a key and never on the API's own port: requests, the projection, and the lag of all consumer groups.
    """
    if context.invoked_subcommand is not None:
        return
    from stream_app.modelfiles import read_model
    from stream_app.publishing.following import Follower
    from stream_app.publishing.reading import live_model
    from stream_app.serving.api.server import serve as run
    from stream_app.serving.api.service import Settings
    from stream_app.serving.in_force import in_force

    log_from(log_level, log_format)
    manifest, found, broker = manifest_of(prefix), read_model(model), broker_of(bootstrap)
    try:
        found = asyncio.run(live_model(broker, manifest, found))
    except KnownError as error:  # what is projected can be served without Kafka
        say(f"{error}; until it can be told which version is live, --model counts")
    follower = Follower(broker, manifest, in_force(found, manifest, rank or ()), rank or ())
    settings = Settings(in_force=lambda: follower.now, manifest=manifest, bootstrap=broker)
    key_file = _file(keys)
    if not key_file.exists():
        say(f"{key_file} is not there: nobody has a key yet; make one with 'stream-app serve keys create NAME'")
    run(
        settings,
        redis=redis_of(redis),
        keys=keys_of(namespace, prefix),
        key_file=key_file,
        host=host,
        port=port,
        metrics=None if metrics_port is None else (metrics_host, metrics_port, cluster),
        listening=lambda number: say(f"listening on http://{host}:{number}"),
        follow=follower.follow,
    )


def create(
    name: Annotated[str, typer.Argument(help="Who or what it is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            help="leads:read, accounts:read or transitions:read; may be repeated. Default: all.",
            show_default=False,
        ),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3_650, help="Days after which it expires. Default: never.")
    ] = None,
    keys: KeyFile = None,
    json: Json = False,
) -> None:
    """Make a key and print it on stdout: the only time that it can be seen."""
    from stream_app.serving.api.keyring import SCOPES, Keyring

    now = int(time.time() * 1000)
    expires = None if days is None else format_time(now + days * 86_400_000)
    key, token = Keyring(_file(keys)).create(name, scope or SCOPES, format_time(now), expires)
    if json:
        print_json({"id": key.id, "name": key.name, "scopes": list(key.scopes), "expires": expires, "key": token})
        return
    typer.echo(token)
    say(f"key {key.id} for {key.name}: {', '.join(key.scopes)}; keep it, it is not shown again")


def list_keys(keys: KeyFile = None, json: Json = False) -> None:
    """Print all keys: id, name, scopes, dates. Not the keys themselves, which nobody has."""
    from stream_app.serving.api.keyring import Keyring

    found = Keyring(_file(keys)).keys()
    if json:
        print_json(
            [
                {
                    "id": key.id,
                    "name": key.name,
                    "scopes": list(key.scopes),
                    "created": key.created,
                    "expires": key.expires,
                }
                for key in found
            ]
        )
        return
    rows = [(key.id, key.name, " ".join(key.scopes), key.created, key.expires or "never") for key in found]
    print_table(("id", "name", "scopes", "created", "expires"), rows)


def revoke(
    ident: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `list` shows it.")],
    keys: KeyFile = None,
) -> None:
    """Take a key back."""
    from stream_app.serving.api.keyring import Keyring

    say(f"revoked {Keyring(_file(keys)).revoke(ident).name}")


def _file(given: Path | None) -> Path:
    path = given if given is not None else state_root() / "api-keys.json"
    if path.is_dir():
        raise KnownError(f"{path}: a folder, not a file of API keys")
    return path
