"""`stream-app projector rebuild`: a new generation from the topics' beginnings, while the old one serves; then the switch.

The rule: readers see the old generation or the whole new one, never a part, and never anything older than before: the
switch is refused while the new one is behind. Whoever starts later takes over; who was interrupted leaves nothing.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from aiokafka.errors import KafkaConnectionError, KafkaError
from redis.exceptions import RedisError

from stream_app.errors import KnownError
from stream_app.serving.projection.base import BehindError, GoneError, Projection
from stream_app.serving.projection.feed import Feed, bases_read, ends_of, new_consumer
from stream_app.serving.projection.projector import Settings, partitions_of
from stream_app.serving.projection.store import refused

Progress = Callable[[str, int, int], None]


async def rebuild(
    settings: Settings, projection: Projection, within: float, progress: Progress = lambda what, done, total: None
) -> int:
    """Build a generation and make it the live one; its number. `within` seconds of having caught up, the switch must succeed.

    Raises `KnownError` where broker, topics or server are not there, another rebuild takes over, or it can't catch up.
    """
    places = await partitions_of(settings)
    consumer = new_consumer(settings.bootstrap)
    try:
        await consumer.start()
        consumer.assign(places)
        generation = await projection.build()
        try:
            ends = await ends_of(consumer, places)
            await projection.expect(generation, ends)
            feed = Feed(consumer, projection, bases_read(settings.manifest, settings.states), settings.rankings)
            await feed.aim(generation, places)
            total = sum(ends.values())
            while any(feed.reached[place] < end for place, end in ends.items()):
                await feed.turn()
                progress("building", sum(min(feed.reached[place], end) for place, end in ends.items()), total)
            await _switch(projection, feed, within)
        except BaseException:
            with suppress(RedisError, asyncio.CancelledError):
                await asyncio.shield(_undo(projection, generation))
            raise
        await projection.sweep()
        return generation
    except GoneError:
        raise KnownError("another rebuild has taken over") from None
    except KafkaConnectionError:
        raise KnownError(f"Kafka no longer answers at {settings.bootstrap}") from None
    except KafkaError as error:
        raise KnownError(f"Kafka at {settings.bootstrap} refuses: {error}") from error
    except RedisError as error:
        raise KnownError(f"{refused(error)}; what was built so far is removed by the next rebuild") from None
    finally:
        await consumer.stop()


async def _switch(projection: Projection, feed: Feed, within: float) -> None:
    """Keep up until the switch is made."""
    deadline = time.monotonic() + within
    while True:
        try:
            await projection.switch(feed.generation)
            return
        except BehindError:
            if time.monotonic() > deadline:
                raise KnownError(
                    f"the new generation did not catch up with the live one within {within:g} s: "
                    "try it when less is going on, or give more time with --within"
                ) from None
        await feed.turn()


async def _undo(projection: Projection, generation: int) -> None:
    await projection.abandon(generation)
    await projection.sweep()
