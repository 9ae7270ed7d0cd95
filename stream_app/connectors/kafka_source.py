"""The worker's outputs as a consumer group of the connector's own: committed records only, offsets told, never guessed.

The rules:
- A partition starts where its group committed, with what the commit's metadata knows; one that was never committed starts
  at its beginning or end, as configured, and that is committed at once.
- Polling never stops, also while nothing is wanted (paused): a member that does not poll is taken for dead.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from stream_app.broker import client_options
from stream_app.connectors.config import Start
from stream_app.connectors.contract import Kind, Place
from stream_app.connectors.directory import Directory
from stream_app.connectors.ledger import Ledger, Partition
from stream_app.connectors.ports import Polled
from stream_app.connectors.runner import Runner
from stream_app.errors import KnownError

_AT_ONCE = 500
_WAIT_MS = 200

log = logging.getLogger("stream_app.connectors")


class KafkaSource(ConsumerRebalanceListener):  # type: ignore[misc]
    """See the module. `topics` are names on the broker, with the kind of change each holds."""

    def __init__(
        self,
        broker: str,
        group: str,
        topics: Mapping[str, Kind],
        start: Start,
        ledger: Ledger,
        instance: str | None = None,
        directory: Directory | None = None,
    ) -> None:
        self._topics, self._start, self._ledger, self._group = topics, start, ledger, group
        self._runner: Runner | None = None
        self._directory = directory
        self._failed: Exception | None = None
        self._admin = AIOKafkaAdminClient(**client_options(broker))
        self._consumer = AIOKafkaConsumer(
            **client_options(broker),
            group_id=group,
            group_instance_id=instance,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=10_000,
            heartbeat_interval_ms=2_000,
            max_poll_interval_ms=300_000,
            fetch_max_wait_ms=100,
        )

    async def open(self, runner: Runner) -> None:
        """Join the group."""
        self._runner = runner
        await self._admin.start()
        await self._consumer.start()
        self._consumer.subscribe(list(self._topics), listener=self)

    async def close(self) -> None:
        """Leave the group."""
        await self._consumer.stop()
        await self._admin.close()

    async def on_partitions_revoked(self, revoked: Any) -> None:
        """Everything is shared anew."""
        if self._runner is not None and revoked:
            await self._runner.let_go(self)

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Go on where the group is."""
        try:
            await self._assigned(sorted(assigned))
        except Exception as error:  # noqa: BLE001 - aiokafka would only log it; `poll` raises it
            self._failed = error

    async def _assigned(self, places: Sequence[TopicPartition]) -> None:
        if not places:
            return
        found = await self._admin.list_consumer_group_offsets(self._group, partitions=places)
        committed = {place: one for place, one in found.items() if one.offset >= 0}
        firsts = await self._consumer.beginning_offsets(places)
        starts = await self._starts([place for place in places if place not in committed])
        for place, one in committed.items():
            if one.offset < firsts[place]:
                raise KnownError(
                    f"{place.topic}-{place.partition}: offset {one.offset} is next, and the topic begins at "
                    f"{firsts[place]}: records were deleted unread; set the offsets of group {self._group} by hand"
                )
        self._ledger.renew()
        for place in places:
            one = committed.get(place) or OffsetAndMetadata(starts[place], "")
            self._ledger.assign((place.topic, place.partition), one.offset, one.metadata or "")
            self._consumer.seek(place, one.offset)
        if starts:
            await self._consumer.commit({place: OffsetAndMetadata(offset, "") for place, offset in starts.items()})
        log.info("reading %s", ", ".join(f"{place.topic}-{place.partition}" for place in places))

    async def _starts(self, new: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        if not new:
            return {}
        offsets = self._consumer.beginning_offsets if self._start == "beginning" else self._consumer.end_offsets
        return dict(await offsets(new))

    async def poll(self) -> Polled:
        """As `Source.poll`. Raises what went wrong when partitions were assigned: aiokafka only logs it."""
        found = await self._consumer.getmany(timeout_ms=_WAIT_MS, max_records=_AT_ONCE)
        if self._failed is not None:
            raise self._failed
        # As it is now: what `getmany` returns lies behind the last seek, or comes from before the next.
        epoch = self._ledger.epoch
        assigned = [place for place in self._consumer.assignment() if self._ledger.has((place.topic, place.partition))]
        rows = [
            (Place(place.topic, place.partition, record.offset), record.key, record.value, record.timestamp)
            for place, records in found.items()
            for record in records
        ]
        positions = {(place.topic, place.partition): await self._consumer.position(place) for place in assigned}
        if rows and self._directory is not None:
            await self._directory.poll()
        return Polled(epoch, rows, positions)

    def hold(self, kinds: frozenset[Kind]) -> None:
        """As `Source.hold`."""
        assigned = self._consumer.assignment()
        wanted = {place for place in assigned if self._topics[place.topic] in kinds}
        paused = set(self._consumer.paused())
        if wanted - paused:
            self._consumer.pause(*(wanted - paused))
        if paused - wanted:
            self._consumer.resume(*((paused - wanted) & set(assigned)))

    async def commit(self, commits: dict[Partition, tuple[int, str]]) -> bool:
        """As `Source.commit`."""
        try:
            await self._consumer.commit(
                {TopicPartition(*partition): OffsetAndMetadata(*one) for partition, one in commits.items()}
            )
        except (CommitFailedError, IllegalStateError) as error:
            log.warning("offsets were not committed, partitions have moved: %s", type(error).__name__)
            return False
        except KafkaError as error:
            if not error.retriable:
                raise
            log.warning("offsets were not committed yet: %s", type(error).__name__)
            return False
        return True
