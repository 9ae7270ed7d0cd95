"""What a worker of a generation beside the live one scores by, as the registry has it."""

import asyncio
from typing import NamedTuple

from stream_app.engine.model.types import Model
from stream_app.errors import KnownError
from stream_app.ingest.condemned import Condemned
from stream_app.publishing.crew import side_group
from stream_app.publishing.generation import Generation
from stream_app.publishing.reading import model_of, registry_of
from stream_app.publishing.registry import Registry
from stream_app.serving.reading import open_reader
from stream_app.topics import Manifest, load_manifest


class Side(NamedTuple):
    """A generation's model, its topics, its workers' group, the sources that count for nothing in it, and those of them that
    it condemns anew."""

    model: Model
    manifest: Manifest
    group: str
    condemned: tuple[Condemned, ...]
    added: tuple[Condemned, ...]


def generation_at(bootstrap: str, manifest: Manifest, number: int, group: str) -> Side:
    """What the workers of a generation need; `group` is the live ones', where it does not say. Raises `KnownError` where it
    is not at work."""
    registry, there = asyncio.run(registry_there(bootstrap, manifest))
    found = next((one for one in registry.generations if one.number == number), None)
    if found is None or not found.active:
        raise KnownError(f"generation {number} is not at work: see 'stream-app model list'")
    own = side_group(found.group or group, number)
    model = model_of(registry.versions[found.version])
    return Side(model, there.beside(number), own, tuple(found.condemned), tuple(found.added))


async def registry_there(bootstrap: str, manifest: Manifest) -> tuple[Registry, Manifest]:
    """The registry, and the manifest with as many partitions as there are. Raises `KnownError`."""
    async with open_reader(bootstrap, manifest) as reader:
        return await registry_of(reader), load_manifest(manifest.prefix, len(reader.partitions("lead-inbox")))


def shadow_in(registry: Registry) -> Generation | None:
    """The shadow that is at work; the one begun last, of several."""
    found = [one for one in registry.generations if one.purpose == "shadow" and one.active]
    return found[-1] if found else None
