"""The options by which commands find the broker and this system's topics on it."""

from typing import Annotated

import typer

from stream_app.errors import KnownError
from stream_app.local.paths import state_root
from stream_app.local.state import read_records
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
    record = read_records(state_root()).get("kafka")
    return record is not None and record.keeper is not None and record.keeper.alive()


def broker_of(given: str | None) -> str:
    """The broker that is given, else the one that runs on this machine. Raises `KnownError` if there is neither."""
    if given:
        return given.removeprefix("kafka://")
    record = read_records(state_root()).get("kafka")
    if record is None or record.keeper is None or not record.keeper.alive():
        raise KnownError("which Kafka? Say 'stream-app up', set KAFKA_BROKER, or give --bootstrap")
    return f"127.0.0.1:{record.port}"


def manifest_of(prefix: str, partitions: int | None = None) -> Manifest:
    """The manifest under a prefix; a bad prefix or count is wrong usage."""
    try:
        return load_manifest(prefix, partitions)
    except ValueError as error:
        raise KnownError(str(error)) from None
