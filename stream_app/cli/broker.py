"""The options by which commands find the broker and this system's topics on it."""

import os
from functools import cache
from typing import Annotated

import typer

from stream_app.broker import Broker
from stream_app.cli.console import say
from stream_app.errors import KnownError
from stream_app.local.paths import state_root
from stream_app.local.state import Record, read_records
from stream_app.security import PLAINTEXT, PROTOCOL, Security, security_from
from stream_app.topics import Manifest, load_manifest

Bootstrap = Annotated[
    str | None,
    typer.Option(
        "--bootstrap",
        envvar="KAFKA_BROKER",
        metavar="HOST:PORT",
        help="A Kafka broker; several with commas. Default: the one that `stream-app up` started.",
    ),
]
Prefix = Annotated[
    str, typer.Option("--prefix", envvar="STREAM_APP_TOPIC_PREFIX", help="What this system's topic names start with.")
]


def broker_runs() -> bool:
    """Whether `stream-app up` runs a broker on this machine."""
    return _running() is not None


def broker_of(given: str | None) -> Broker:
    """The broker that is given, else the one that runs on this machine, with TLS and the login that the environment names.

    Raises `KnownError` if there is neither, or the environment contradicts itself.
    """
    security = security_from(os.environ)
    if given:
        if security.warning is not None:
            _warn(security.warning)
        return Broker(given.removeprefix("kafka://"), security)
    record = _running()
    if record is None:
        raise KnownError("which Kafka? Say 'stream-app up', set KAFKA_BROKER, or give --bootstrap")
    demand_plain(security)
    return Broker(f"127.0.0.1:{record.port}", security)


def _running() -> Record | None:
    record = read_records(state_root()).get("kafka")
    return record if record is not None and record.keeper is not None and record.keeper.alive() else None


def demand_plain(security: Security) -> None:
    """Raise `KnownError` where the Kafka that runs here would be reached with TLS or a login: it has neither."""
    if security.protocol != PLAINTEXT:
        raise KnownError(
            f"{PROTOCOL} is {security.protocol}, and the Kafka that 'stream-app up' starts here is {PLAINTEXT}: "
            f"set KAFKA_BROKER, or unset {PROTOCOL}"
        )


@cache
def _warn(text: str) -> None:
    """Once, however often the broker is asked for."""
    say(f"warning: {text}")


def manifest_of(prefix: str, partitions: int | None = None) -> Manifest:
    """The manifest under a prefix; a bad prefix or count is wrong usage."""
    try:
        return load_manifest(prefix, partitions)
    except ValueError as error:
        raise KnownError(str(error)) from None
