"""How records get from Kafka into Faust: a chunk a message.

The rule: every fetched run of records of a partition is one Faust message, undecoded, that says from where to where it
reaches; only partitions whose lanes have room are read; offsets are not committed here, and positions are set by the lanes
alone. The consumer lives on the worker's event loop, without Faust's thread, for which socket writes wait; so a worker
whose loop stalls stops its heartbeats, as it should.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import IllegalStateError
from faust.transport import consumer as faust_consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from stream_app.broker import client_options
from stream_app.streaming.assignor import UnitAssignor
from stream_app.streaming.chunk import Chunk
from stream_app.streaming.lanes import Failed, Lanes, Place
from stream_app.streaming.lenient import read_any_header_names
from stream_app.streaming.settings import WorkerSettings

POLL_MS = 50
FRESH_SECONDS = 1.0


class ChunkSchema(faust.Schema[Any, Any]):
    """Hands a chunk through as it is."""

    def compile(self, app: Any, **_kwargs: Any) -> Any:
        """See faust.Schema."""
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return create_event(None, message.value, None, message)

        return decode


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Rebalances, told to the lanes first and then to Faust. aiokafka swallows what is raised here."""

    def __init__(self, consumer: "LaneConsumer") -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        consumer = self._consumer
        try:
            await consumer.lanes.revoke()
            consumer.app.on_rebalance_start()
            await consumer.on_partitions_revoked(faust_consumer.ensure_TPset(revoked))
        except Exception as error:  # noqa: BLE001 - aiokafka would log it and go on
            consumer.failed("giving partitions up failed", error)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        consumer = self._consumer
        try:
            places = [(place.topic, place.partition) for place in assigned]
            generation = consumer.kafka._coordinator.generation
            consumer.app.consumer_generation_id = generation
            await consumer.on_partitions_assigned(faust_consumer.ensure_TPset(assigned), generation)
            await consumer.lanes.assign(places)
        except Exception as error:  # noqa: BLE001 - aiokafka would log it and go on
            consumer.failed("taking partitions over failed", error)


class LaneConsumer(faust_consumer.Consumer):
    """Faust's consumer of the lanes' inputs, and the lanes' source. Other topics can't be read through it."""

    kafka: AIOKafkaConsumer
    settings: WorkerSettings
    lanes: Lanes
    failed: Failed
    member = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        app: Any = self.app
        self.settings, self.lanes, self.failed = app.lane_settings, app.lanes, app.lanes_failed
        self._next: dict[Place, int] = {}
        self.lanes.attach(self)

    # -- life ---------------------------------------------------------------------------------------------------------

    async def on_start(self) -> None:
        """Connect; the group is joined on `subscribe`."""
        settings, limits, pacing = self.settings, self.settings.limits, self.settings.pacing
        read_any_header_names()
        self.kafka = AIOKafkaConsumer(
            **client_options(settings.broker),
            group_id=settings.app,
            group_instance_id=settings.instance,
            client_id=f"{settings.app}-worker",
            partition_assignment_strategy=[UnitAssignor(settings, self.lanes)],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_wait_ms=pacing.fetch_max_wait_ms,
            max_partition_fetch_bytes=pacing.partition_fetch_bytes,
            session_timeout_ms=int(limits.session_timeout * 1000),
            heartbeat_interval_ms=int(limits.session_timeout * 1000 / 5),
            rebalance_timeout_ms=int(limits.rebalance_timeout * 1000),
        )
        await self.kafka.start()

    async def on_stop(self) -> None:
        """Leave the group (a static member stays in it) and disconnect."""
        await self.kafka.stop()

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Join the group."""
        unknown = {
            topic for topic in topics if topic not in {t for agent in self.settings.agents for t in agent.topics}
        }
        inputs = sorted(set(topics) - unknown)
        self.kafka.subscribe(inputs, listener=_Listener(self))

    # -- records ------------------------------------------------------------------------------------------------------

    async def _drain_messages(self, fetcher: Any) -> None:
        """Faust's fetch loop: deliver chunks as long as both services run."""
        while not (self.should_stop or fetcher.should_stop):
            async for _, message in self.getmany(POLL_MS / 1000):
                await self.callback(message)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """One round of reading what is wanted."""
        assigned = self.kafka.assignment()
        wanted = [place for place in map(TopicPartition._make, self.lanes.wanted()) if place in assigned]
        # Faust lets its streams flow twice in a rebalance, and empties their queues the second time.
        if not wanted or not self.flow_active or self.app.rebalancing:
            await asyncio.sleep(0.01)
            return
        fetched = await self.kafka.getmany(
            *wanted, timeout_ms=int(timeout * 1000), max_records=self.settings.pacing.buffer_records
        )
        chunks = [(place, self._chunk(place, records)) for place, records in fetched.items() if records]
        for place, chunk in chunks:
            if chunk is not None:
                yield TP(place.topic, place.partition), self._to_message(TP(place.topic, place.partition), chunk)

    def _chunk(self, place: TopicPartition, records: list[Any]) -> Chunk | None:
        """Records with what they span: from the end of the chunk before to where the fetcher stands now."""
        state = self._state(*place)
        start = self._next.get((place.topic, place.partition))
        if state is None or start is None:
            return None
        end = records[-1].offset + 1
        self._next[place.topic, place.partition] = end
        return Chunk(place.topic, place.partition, start, end, records)

    def _to_message(self, tp: TP, chunk: Chunk) -> ConsumerMessage:
        last = chunk.records[-1]
        value: Any = chunk  # Faust types it as bytes
        return ConsumerMessage(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000, 0, None, None, value, None, 0, 0, tp,
            generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    # -- what lanes ask -----------------------------------------------------------------------------------------------

    def seek_to(self, topic: str, partition: int, offset: int) -> bool:
        """See lanes.Source."""
        try:
            self.kafka.seek(TopicPartition(topic, partition), offset)
        except IllegalStateError:
            return False
        self._next[topic, partition] = offset
        return True

    async def starts(self, places: Iterable[Place]) -> Mapping[Place, tuple[int, int | None]]:
        """See lanes.Source."""
        tps = [TopicPartition._make(place) for place in places]
        firsts = await self.kafka.beginning_offsets(tps)
        committed = await asyncio.gather(*map(self.kafka.committed, tps))
        return {(tp.topic, tp.partition): (firsts[tp], offset) for tp, offset in zip(tps, committed, strict=True)}

    def _state(self, topic: str, partition: int) -> Any:
        """aiokafka's state of an assigned partition: `position`, `lso` (last stable offset), `timestamp` (of a response)."""
        subscription = self.kafka._subscription.subscription
        assignment = subscription.assignment if subscription is not None else None
        state = assignment.state_value(TopicPartition(topic, partition)) if assignment is not None else None
        return state if state is not None and state.has_valid_position else None

    def ended(self, topic: str, partition: int, position: int) -> bool:
        """See lane.Inputs."""
        state = self._state(topic, partition)
        return (
            state is not None
            and self._next.get((topic, partition)) == position
            and state.lso is not None
            and state.position >= state.lso
        )

    def fetched_to(self, topic: str, partition: int) -> int | None:
        """See lane.Inputs."""
        state = self._state(topic, partition)
        return None if state is None else int(state.position)

    def handed_to(self, topic: str, partition: int) -> int | None:
        """See lane.Inputs."""
        return self._next.get((topic, partition))

    def fresh(self, topic: str, partition: int) -> bool:
        """See lane.Inputs."""
        state = self._state(topic, partition)
        return (
            state is not None and state.timestamp is not None and time.time() - state.timestamp / 1000 < FRESH_SECONDS
        )

    # -- what Faust asks ----------------------------------------------------------------------------------------------

    def assignment(self) -> set[TP]:
        """See Faust."""
        return set(faust_consumer.ensure_TPset(self.kafka.assignment()))

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Offsets are committed by the lanes' transactions."""
        return False

    async def perform_seek(self) -> None:
        """Positions are set by the lanes."""

    async def verify_all_partitions_active(self) -> None:
        """Stalls are found by health.py."""

    async def create_topic(self, *_args: Any, **_kwargs: Any) -> None:
        """Topics are made by `stream-app topics create`."""

    def highwater(self, tp: TP) -> int:
        """See Faust."""
        state = self._state(tp.topic, tp.partition)
        return int(state.lso or 0) if state is not None else 0

    def topic_partitions(self, topic: str) -> int | None:
        """See Faust."""
        return self.settings.partitions

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """See Faust: asked for changelogs, none of which are read through here."""
        return {tp: self.highwater(tp) for tp in partitions}

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """See Faust: asked for changelogs, none of which are read through here."""
        return dict.fromkeys(partitions, 0)

    async def position(self, tp: TP) -> int | None:
        """See Faust."""
        return self.fetched_to(tp.topic, tp.partition)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Positions are set by the lanes."""
        return {}

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Positions are set by the lanes."""

    async def _seek(self, partition: TP, offset: int) -> None:
        """Positions are set by the lanes."""

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return False

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        raise NotImplementedError("records are read by getmany")

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """Lanes choose partitions themselves."""
        return partition


class LaneTransport(driver.Transport):
    """Faust's aiokafka transport with the consumer above."""

    Consumer = LaneConsumer
