"""Topics with records as workers write them, in transactions, and projectors of them."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from redis.exceptions import BusyLoadingError

from stream_app.ops.topics_admin import create_topics
from stream_app.serving.projection.base import GoneError, Projection
from stream_app.serving.projection.projector import Settings, project
from stream_app.streaming.once import OnceSender
from stream_app.streaming.processor import Output
from stream_app.streaming.transaction import default_partition
from stream_app.topics import Manifest, load_manifest
from tests.lanes.process import until

_numbers = itertools.count()
PARTITIONS = 2


async def new_topics(broker: str) -> Manifest:
    """A system's topics under a prefix of their own."""
    manifest = load_manifest(f"projected{os.getpid()}-{next(_numbers)}.", PARTITIONS)
    await create_topics(broker, manifest)
    return manifest


def output(manifest: Manifest, base: str, key: str | bytes, value: Mapping[str, Any] | bytes | None) -> Output:
    """A record of a topic, in the partition of its key."""
    raw = key.encode() if isinstance(key, str) else key
    topic = manifest[base]
    body = orjson.dumps(value) if isinstance(value, Mapping) else value
    return Output(topic.name, raw, body, partition=default_partition(raw, topic.partitions))


async def send(broker: str, manifest: Manifest, *outputs: Output) -> None:
    """Send records in one transaction, whose markers are then the last of their partitions."""
    async with OnceSender(broker, f"{manifest.prefix}worker", "another worker has taken over") as sender:
        await sender.send(list(outputs))


@asynccontextmanager
async def projecting(settings: Settings, projection: Projection, within: float = 30.0) -> AsyncIterator[None]:
    """A projector in this process, which has caught up."""
    stop, ready = asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(project(settings, projection, stop, ready.set))
    try:
        caught_up = asyncio.create_task(ready.wait())
        await asyncio.wait([task, caught_up], timeout=within, return_when=asyncio.FIRST_COMPLETED)
        caught_up.cancel()
        if task.done():
            task.result()
        assert ready.is_set(), f"not caught up within {within} s"
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)


async def becomes(projection: Projection, wanted: Mapping[str, int | None], within: float = 30.0) -> None:
    """Return when the projection has these revisions of leads, None for no record."""
    seen: dict[str, int | None] = {}

    async def holds() -> bool:
        try:
            for key in wanted:
                value = (await projection.row("lead", key)).value
                seen[key] = None if value is None else orjson.loads(value)["revision"]
        except (GoneError, BusyLoadingError):
            return False
        return seen == wanted and (await projection.generations()).ready

    await until(holds, within, lambda: str({key: (seen.get(key), one) for key, one in wanted.items()})[:2000])
