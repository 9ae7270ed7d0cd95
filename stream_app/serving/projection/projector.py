"""`stream-app projector`: one member of the consumer group that keeps the live generation in step.

The rule: whatever goes wrong with the store, the projector asks it where it stands and reads on from there. Kafka's
offsets of the group are committed after the store has the records; they tell others the lag and are never read here.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError, KafkaError
from redis.exceptions import BusyLoadingError, RedisError
from redis.exceptions import ConnectionError as StoreConnectionError
from redis.exceptions import TimeoutError as StoreTimeoutError

from stream_app.errors import KnownError
from stream_app.ops.topics_admin import TopicsError, partition_counts
from stream_app.serving.projection.base import GapError, GoneError, Projection
from stream_app.serving.projection.feed import Feed, ShrunkError, bases_read, ends_of, new_consumer, places_of
from stream_app.serving.projection.ranking import Rankings
from stream_app.serving.projection.store import refused
from stream_app.serving.projection.watch import Watch
from stream_app.topics import Manifest

_COMMIT_EVERY_S = 1.0
_SWEEP_EVERY_S = 60.0
_WATCH_EVERY_S = 1.0
_WAITS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_AWAY = (StoreConnectionError, StoreTimeoutError, BusyLoadingError)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a projector is told."""

    bootstrap: str
    manifest: Manifest
    group: str
    states: bool = True
    rankings: Rankings = field(default_factory=Rankings)


class _Assignments(ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes that partitions came or went: where they are read on is for the loop to say, before it reads any."""

    def __init__(self) -> None:
        self.changed = True

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self.changed = True

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.changed = True


async def partitions_of(settings: Settings) -> list[TopicPartition]:
    """All partitions of the topics that are read. Raises `KnownError` where broker or topics are not there."""
    try:
        counts = await partition_counts(settings.bootstrap, settings.manifest)
    except TopicsError as error:
        raise KnownError(
            f"{error}: 'stream-app up' starts one here; --bootstrap or KAFKA_BROKER names another"
        ) from None
    return places_of(counts, bases_read(settings.manifest, settings.states))


async def project(
    settings: Settings,
    projection: Projection,
    stop: asyncio.Event,
    ready: Callable[[], None] = lambda: None,
    watch: Watch | None = None,
) -> None:
    """Keep the projection in step until `stop` is set; `ready` is called once, when it has caught up for the first time.

    `watch` is told what is done.

    Raises `KnownError` where broker, topics or server are not there at the start, or Kafka refuses later.
    """
    places = await partitions_of(settings)
    bases = bases_read(settings.manifest, settings.states)
    consumer = new_consumer(settings.bootstrap, group_id=settings.group)
    assignments, watch = _Assignments(), watch or Watch()
    feed = Feed(consumer, projection, bases, settings.rankings, watch)
    watching = asyncio.create_task(_keep_watch(watch, feed))
    watching.add_done_callback(_watch_ended)
    try:
        await consumer.start()
        consumer.subscribe(list(bases), listener=assignments)
        await _Projector(consumer, projection, feed, places, assignments, ready, watch).run(stop)
    except KafkaConnectionError:
        raise KnownError(f"Kafka no longer answers at {settings.bootstrap}") from None
    except KafkaError as error:
        raise KnownError(f"Kafka at {settings.bootstrap} refuses: {error}") from error
    except RedisError as error:
        raise KnownError(refused(error)) from None
    finally:
        watching.cancel()
        await consumer.stop()


def _watch_ended(watching: asyncio.Task[NoReturn]) -> None:
    """A defect, unless it was told to end: records go on."""
    if not watching.cancelled() and (error := watching.exception()) is not None:
        _log.error("what is left to project is known no more", exc_info=error)


async def _keep_watch(watch: Watch, feed: Feed) -> NoReturn:
    """By itself, so that what is left is known while the server does not answer."""
    while True:
        watch.stands(feed.left())
        await asyncio.sleep(_WATCH_EVERY_S)


class _Projector:
    """The loop."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        projection: Projection,
        feed: Feed,
        places: list[TopicPartition],
        assignments: _Assignments,
        ready: Callable[[], None],
        watch: Watch,
    ) -> None:
        self._watch = watch
        self._consumer, self._projection, self._feed = consumer, projection, feed
        self._places, self._assignments, self._ready = places, assignments, ready
        self._committed_at = 0.0
        self._swept_at = 0.0
        self._ready_said = False

    async def run(self, stop: asyncio.Event) -> None:
        """Take turns until told to stop; then commit."""
        await self._projection.generations()  # a server that was never there is for the operator to mend, at once
        failures = 0
        while not stop.is_set():
            try:
                await self._turn()
                failures = 0
            except _AWAY as error:
                wait = _WAITS_S[min(failures, len(_WAITS_S) - 1)]
                _log.warning("%s; asking again in %s s", refused(error), wait)
                self._watch.failed("unreachable", refused(error))
                failures += 1
                self._assignments.changed = True
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), wait)
            except IllegalStateError:
                self._assignments.changed = True  # a partition went while it was read
            except (GapError, GoneError) as error:
                _log.warning("%s: reading on from where the server stands", error)
                self._watch.failed("gap" if isinstance(error, GapError) else "gone")
                self._assignments.changed = True
        with suppress(*_AWAY, GapError, GoneError):
            await self._feed.settle()
        await self._commit()

    async def _turn(self) -> None:
        if self._assignments.changed:
            await self._aim()
        count = await self._feed.turn()
        now = time.monotonic()
        due = now - self._committed_at >= _COMMIT_EVERY_S
        if due:
            self._committed_at = now
            await self._commit()
        if due or not count:
            await self._look(now)

    async def _aim(self) -> None:
        """Find the live generation, or begin one, and read on where it stands."""
        self._assignments.changed = False
        generation = await self._projection.begin()
        await self._projection.expect(generation, await ends_of(self._consumer, self._places))
        try:
            await self._feed.aim(generation, self._consumer.assignment())
        except ShrunkError as error:
            _log.warning("%s: building anew", error)
            self._watch.failed("shrunk")
            await self._projection.lose(generation)
            self._assignments.changed = True
        except IllegalStateError:
            self._assignments.changed = True  # a partition went while its position was asked for

    async def _look(self, now: float) -> None:
        """Whether the generation is still the live one, and has caught up; and now and then, what is left of others."""
        if not self._assignments.changed:
            known = await self._projection.generations()
            self._watch.looked(known)
            if known.live != self._feed.generation:
                raise GoneError(f"generation {known.live} is live now")
            if known.ready and not self._ready_said:
                self._ready_said = True
                self._ready()
        if now - self._swept_at >= _SWEEP_EVERY_S:
            self._swept_at = now
            await self._projection.sweep()

    async def _commit(self) -> None:
        mine = self._consumer.assignment()
        offsets = {TopicPartition(*place): offset for place, offset in self._feed.reached.items()}
        offsets = {place: offset for place, offset in offsets.items() if place in mine and offset > 0}
        if offsets:
            with suppress(CommitFailedError, IllegalStateError):  # they are somebody else's by now
                await self._consumer.commit(offsets)
