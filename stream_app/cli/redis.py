"""The options by which commands find the projection's server."""

import os
from typing import Annotated

import typer

from stream_app.errors import KnownError
from stream_app.local.paths import state_root
from stream_app.local.state import read_records
from stream_app.security import redis_url

RedisUrl = Annotated[
    str | None,
    typer.Option(
        "--redis",
        envvar="REDIS_URL",
        metavar="URL",
        show_default=False,
        help="A Redis or Valkey server, redis://host:port/0, or rediss:// for TLS. Default: the one that `stream-app up` started.",
    ),
]
Namespace = Annotated[
    str,
    typer.Option(
        "--namespace",
        envvar="STREAM_APP_NAMESPACE",
        help="What the projection's keys start with, before the topics' prefix: several systems on one server.",
    ),
]

Rank = Annotated[
    list[str] | None,
    typer.Option(
        "--rank",
        envvar="STREAM_APP_RANK",
        metavar="SCORE",
        show_default=False,
        help="A score to rank leads or accounts by; may be repeated. Default: those that the model combines, else all.",
    ),
]


def redis_of(given: str | None) -> str:
    """The server that is given, with the password and TLS that the environment names, else the one that runs on this machine.

    Raises `KnownError` if there is neither, or the environment contradicts the URL. Not to be shown: it may hold a password.
    """
    if given:
        return redis_url(given, os.environ)
    record = read_records(state_root()).get("valkey")
    if record is None or record.keeper is None or not record.keeper.alive():
        raise KnownError("which Redis? Say 'stream-app up', set REDIS_URL, or give --redis")
    return f"redis://127.0.0.1:{record.port}/0"


def keys_of(namespace: str, prefix: str) -> str:
    """What a system's keys start with. A bad namespace is wrong usage."""
    if len(namespace) > 100 or not namespace.isascii() or not namespace.isprintable():
        raise KnownError("--namespace: at most 100 printable ASCII characters")
    return f"{namespace}{prefix}:"
