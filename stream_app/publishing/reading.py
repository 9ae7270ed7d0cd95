"""The registry as it lies in Kafka, and the wait until every lane has what is live."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

import orjson

from stream_app.engine.model.load import load_model
from stream_app.engine.model.problems import ModelError
from stream_app.engine.model.types import Model
from stream_app.errors import KnownError
from stream_app.publishing.registry import SHORT, Registry, Version, read_registry
from stream_app.serving.reading import TopicReader, open_reader
from stream_app.topics import Manifest

INBOXES: Final = ("lead-inbox", "account-inbox")
_log = logging.getLogger(__name__)
_AGAIN = 0.3  # seconds between two looks

Progress = Callable[[str, int, int], None]
"""What is waited for, how much is done, and how much there is."""


async def registry_of(reader: TopicReader) -> Registry:
    """All versions and lanes of a system. Raises `KnownError`."""
    records: list[tuple[bytes, bytes | None]] = []
    async for _, some in reader.scan(reader.partitions("scoring-models"), "reading versions"):
        records += [(record.key or b"", record.value) for record in some]
    return read_registry(records)


async def registry_at(bootstrap: str, manifest: Manifest) -> tuple[Registry, int]:
    """The same, from a broker, and how many lanes the system has. Raises `KnownError`."""
    async with open_reader(bootstrap, manifest) as reader:
        return await registry_of(reader), lanes_of(reader)


async def published_model(bootstrap: str, manifest: Manifest, version: str) -> Model | None:
    """The model of a version; None where it was never published, or this program does not accept it any more.

    Raises `KnownError` where the registry can't be read.
    """
    async with open_reader(bootstrap, manifest) as reader:
        found = (await registry_of(reader)).versions.get(version)
    if found is None:
        return None
    try:
        return model_of(found)
    except KnownError as error:
        _log.warning("%s", error)
        return None


async def live_model(bootstrap: str, manifest: Manifest, otherwise: Model) -> Model:
    """The version that is live, `otherwise` while none was published. Raises `KnownError`."""
    async with open_reader(bootstrap, manifest) as reader:
        live = (await registry_of(reader)).live
    return otherwise if live is None else model_of(live)


def lanes_of(reader: TopicReader) -> int:
    """How many lanes a system has: one for each partition of the inboxes."""
    return sum(len(reader.partitions(base)) for base in INBOXES)


def model_of(version: Version) -> Model:
    """The model of a version. Raises `KnownError` for one that this program does not accept any more."""
    name = f"version {version.version[:SHORT]}"
    try:
        return load_model(orjson.dumps(version.document).decode(), name)
    except ModelError as error:
        raise KnownError(f"{name} is no model that this program accepts: {error.problems[0]}") from None


async def settled(
    bootstrap: str, manifest: Manifest, number: int, within: float, progress: Progress = lambda *_: None
) -> bool:
    """Wait until every lane has a publication and has restated all; whether it came to that in so many seconds."""
    deadline = time.monotonic() + within
    async with open_reader(bootstrap, manifest) as reader:
        lanes = lanes_of(reader)
        while True:
            registry = await registry_of(reader)
            have = [lane for lane in registry.lanes if lane.number >= number]
            left = sum(lane.left for lane in have)
            progress("lanes", len(have), lanes)
            progress("leads", sum(lane.of for lane in have) - left, sum(lane.of for lane in have))
            if len(have) >= lanes and not left:
                return True
            if time.monotonic() >= deadline:
                return False
            await asyncio.sleep(_AGAIN)
