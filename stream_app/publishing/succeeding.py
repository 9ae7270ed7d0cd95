"""From a generation at work to one in force: catch up, stand still, take over, be public, clean up.

The rule: each step looks at what is there and does what is missing. So whoever is killed on the way is followed by whoever asks
for the same again, and does not begin anew.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stream_app.errors import KnownError
from stream_app.ops.lag_groups import delete_group
from stream_app.ops.lag_reader import LagReader, open_lag_reader
from stream_app.ops.topics_admin import delete_topics
from stream_app.publishing.crew import side_group
from stream_app.publishing.generation import Generation, Settled, Status
from stream_app.publishing.generations import Generations, named, standing_still
from stream_app.publishing.publisher import open_publisher
from stream_app.publishing.reading import Progress, lanes_of, model_of, registry_of, settled
from stream_app.publishing.registry import Registry
from stream_app.serving.reading import TopicReader, open_reader
from stream_app.topics import Manifest

_AGAIN: Final = 0.3  # seconds between two looks
_GONE_WITHIN: Final = 30.0  # seconds: workers that were killed are members for ten more
_NEARLY: Final = 2_000  # messages that a generation may still have to read when it is stopped: it reads them first


@dataclass(frozen=True)
class Place:
    """Where a system is: the broker, its live topics, its workers' group; and how long a step may take (seconds)."""

    bootstrap: str
    manifest: Manifest
    group: str
    within: float


Check = Callable[[], None]


async def caught_up(place: Place, generation: Generation, progress: Progress, check: Check) -> None:
    """Wait until a generation has read nearly all events. As long as it gets on it has all the time it needs.

    Raises `KnownError` where it does not get on for `place.within` seconds.
    """
    manifest = place.manifest.beside(generation.number)
    group = side_group(generation.group or place.group, generation.number)
    best, since = -1, time.monotonic()
    async with open_lag_reader(place.bootstrap, manifest) as reader:
        while True:
            done, left, total = await _progress(reader, group)
            progress("events", done, total)
            if left <= _NEARLY and done >= 0:
                return
            check()
            if done > best:
                best, since = done, time.monotonic()
            elif time.monotonic() - since > place.within:
                raise KnownError(
                    f"{named(generation)} reads nothing for {place.within:g} s: is a worker of it running "
                    f"('stream-app lag --group {group}')?"
                )
            await asyncio.sleep(_AGAIN)


async def messages_left(place: Place, generation: Generation) -> int:
    """How many messages a generation has not read; a few are always on their way, and none of those counts."""
    manifest = place.manifest.beside(generation.number)
    async with open_lag_reader(place.bootstrap, manifest) as reader:
        _, left, _ = await _progress(reader, side_group(generation.group or place.group, generation.number))
    return left if left > _NEARLY // 20 else 0


async def demand_all_events(reader: TopicReader) -> None:
    """Raise `KnownError` where the event topics no longer hold all events: leads would lose what those had brought."""
    for topic in reader.manifest.events():
        for place, first in (await reader.firsts(reader.partitions(topic.base))).items():
            if first:
                raise KnownError(
                    f"{place.topic}-{place.partition} begins at offset {first:,}: leads would lose what the events before brought. "
                    "Say --lossy if that is meant"
                )


async def _progress(reader: LagReader, group: str) -> tuple[int, int, int]:
    """Offsets read (-1: nobody has begun), messages left, offsets in all."""
    readings = await reader.look([group])
    if not any(one.owned or one.committed for one in readings):
        return -1, sum(one.lag for one in readings), max(1, sum(one.end for one in readings))
    total = sum(one.end for one in readings)
    return sum(one.committed or 0 for one in readings), sum(one.lag for one in readings), max(1, total)


async def take_over(place: Place, generation: Generation, check: Check) -> Generation:
    """Stop a generation's lanes, and let it take the live one's place. Raises `KnownError`; then nothing has changed."""
    if generation.missing:
        raise KnownError(
            f"{named(generation)} needs the approval of {', '.join(generation.missing)}: "
            f"'stream-app model approve {generation.version[:12]} --as TEAM'"
        )
    async with open_publisher(place.bootstrap, place.manifest) as publisher:
        found = again(publisher.registry, generation)
        if found.status == "running":
            found = await Generations(place.bootstrap, publisher).settle(found)
    reports = await _still(place, found, check)
    await _passed(place, found.group or place.group, reports, check)
    async with open_publisher(place.bootstrap, place.manifest) as publisher:
        found = again(publisher.registry, found)
        if found.status != "settling":
            return found
        return await Generations(place.bootstrap, publisher).take_over(
            found, model_of(publisher.registry.versions[found.version])
        )


async def _still(place: Place, generation: Generation, check: Check) -> list[Settled]:
    """Wait until every lane of a generation stands still; where."""
    deadline = time.monotonic() + place.within
    async with open_reader(place.bootstrap, place.manifest) as reader:
        lanes = lanes_of(reader)
        while True:
            reports = standing_still(await registry_of(reader), generation, lanes)
            if reports is not None:
                return reports
            check()
            if time.monotonic() > deadline:
                raise KnownError(
                    f"the lanes of {named(generation)} do not stand still after {place.within:g} s: are its workers running?"
                )
            await asyncio.sleep(_AGAIN)


async def _passed(place: Place, group: str, reports: list[Settled], check: Check) -> None:
    """Wait until the live workers, of a group, have read as much as those that stand still."""
    wanted = {
        (topic, one.partition): offset
        for one in reports
        for topic, offset in one.positions.items()
        if (known := place.manifest.named(topic)) is not None and known.kind == "event"
    }
    deadline = time.monotonic() + place.within
    async with open_lag_reader(place.bootstrap, place.manifest) as reader:
        while True:
            readings = await reader.look([group])
            behind = [
                one
                for one in readings
                if (one.committed or 0) < wanted.get((one.topic, one.partition), 0) and one.lag > 0
            ]
            if not behind:
                return
            check()
            if time.monotonic() > deadline:
                raise KnownError(
                    f"the live workers (group {group}) have not read {behind[0].topic} as far as the generation has: "
                    "are they running? --group names them"
                )
            await asyncio.sleep(_AGAIN)


async def made_public(place: Place, generation: Generation, progress: Progress) -> bool:
    """Wait until every live lane has taken a generation over and all is public; then delete its topics and its group.
    Whether it came to that in `place.within` seconds."""
    if not await settled(place.bootstrap, place.manifest, generation.publication, place.within, progress):
        return False
    await _clean_up(place, generation)
    await _marked(place, generation, "finished")
    return True


async def abandoned(place: Place, generation: Generation) -> Generation:
    """Give a generation up: its workers stop, its topics and its group are deleted. Raises `KnownError`."""
    generation = await _marked(place, generation, "abandoned")
    await _clean_up(place, generation)
    return generation


async def _marked(place: Place, generation: Generation, status: Status) -> Generation:
    async with open_publisher(place.bootstrap, place.manifest) as publisher:
        known = next(one for one in publisher.registry.generations if one.number == generation.number)
        return await Generations(place.bootstrap, publisher).mark(known, status)


async def _clean_up(place: Place, generation: Generation) -> None:
    """Delete what only a generation had, once its workers have gone. Said again, it deletes what is left."""
    group = side_group(generation.group or place.group, generation.number)
    deadline = time.monotonic() + _GONE_WITHIN
    while not await delete_group(place.bootstrap, group):
        if time.monotonic() > deadline:
            raise KnownError(
                f"workers of {named(generation)} still run (group {group}): end them, then say this again "
                f"('stream-app model abandon --generation {generation.number}' cleans up, too)"
            )
        await asyncio.sleep(_AGAIN)
    own = place.manifest.beside(generation.number).own()
    await delete_topics(place.bootstrap, [topic.name for topic in own])


def again(registry: Registry, generation: Generation) -> Generation:
    """A generation as it is by now. Raises `KnownError` where it has been ended."""
    found = next((one for one in registry.generations if one.number == generation.number), None)
    if found is None or not found.open:
        raise KnownError(f"{named(generation)} has been ended by somebody else")
    return found
