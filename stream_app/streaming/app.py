"""The worker's composition root: settings and a processor in, a Faust app out. No I/O before it is started.

Faust is the frame (app, agents, tables, the order of starting and stopping); what it would do an event at a time is done
a chunk at a time by the lanes.
"""

import time
from collections.abc import Iterable
from typing import Any

import faust
from faust.app.base import BootStrategy
from yarl import URL

from stream_app.streaming.agents import add_agent
from stream_app.streaming.health import end_process
from stream_app.streaming.lanes import Failed, Lanes, StoreFactory
from stream_app.streaming.processor import Clock, MigrationFactory, ProcessorFactory, nothing_to_migrate
from stream_app.streaming.rocks import RocksStore, Slot
from stream_app.streaming.settings import AgentSettings, WorkerSettings
from stream_app.streaming.store import MemoryStore, PartitionStore
from stream_app.streaming.tables import add_table
from stream_app.streaming.transport import LaneTransport


class _Boot(BootStrategy):
    """Without Faust's producer, leader topic and reply consumer: the lanes have producers of their own."""

    enable_kafka_producer = False

    def kafka_consumer(self) -> Iterable[Any]:
        """See Faust."""
        return [self.app.consumer]


class LaneApp(faust.App):
    """A Faust app whose records go through lanes."""

    BootStrategy = _Boot
    lane_settings: WorkerSettings
    lanes: Lanes
    lanes_failed: Failed

    def _new_transport(self) -> LaneTransport:
        return LaneTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Faust keeps nothing on disk here."""

    async def crash(self, reason: BaseException) -> None:
        """The app failed."""
        self.lanes_failed("Faust failed", reason)

    def _crash(self, reason: BaseException) -> None:
        """A service of the app failed."""
        self.lanes_failed("a service of Faust failed", reason)


def wall_clock() -> int:
    """The present in ms since the epoch."""
    return time.time_ns() // 1_000_000


def create_app(
    settings: WorkerSettings,
    factory: ProcessorFactory,
    *,
    migrations: MigrationFactory = nothing_to_migrate,
    clock: Clock = wall_clock,
    failed: Failed = end_process,
) -> LaneApp:
    """Compose a worker. `failed` is called once something can't go on, and must not return to a lane that goes on."""
    app = LaneApp(
        settings.app,
        broker=[URL(f"kafka://{server.strip()}") for server in settings.broker.split(",")],
        datadir=str(settings.data_dir / "faust"),
        topic_partitions=settings.partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        stream_wait_empty=False,
        recovery_consistency_check=False,
        table_standby_replicas=0,
        broker_session_timeout=settings.limits.session_timeout,
        autodiscover=False,
    )
    app.lane_settings, app.lanes_failed = settings, failed
    app.lanes = Lanes(settings, factory, _stores(settings), clock, failed, migrations)
    for agent in settings.agents:
        add_table(app, agent, app.lanes, settings.partitions)
        add_agent(app, agent, app.lanes, failed)
    return app


def _stores(settings: WorkerSettings) -> StoreFactory:
    slot = Slot(settings.data_dir / settings.app)

    def make(agent: AgentSettings, partition: int) -> PartitionStore:
        if settings.store == "memory":
            return MemoryStore()
        return RocksStore(slot.path() / f"{agent.name}-{partition}", settings.store_max_age_ms, wall_clock)

    return make
