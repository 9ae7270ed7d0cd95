"""A connector put together and run: the composition root of `stream-app connect`."""

import asyncio
import random
import re
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stream_app.broker import client_options
from stream_app.connectors.changes import NotAChangeError, change_of
from stream_app.connectors.clock import SystemClock
from stream_app.connectors.config import Config
from stream_app.connectors.contract import Destination, Disabled, Kind, Place, Refused, Skip
from stream_app.connectors.desk import Desk
from stream_app.connectors.directory import Directory
from stream_app.connectors.hubspot import HubSpot
from stream_app.connectors.hubspot_settings import HubSpotSettings
from stream_app.connectors.kafka_source import KafkaSource
from stream_app.connectors.ledger import Ledger
from stream_app.connectors.metrics import Metrics
from stream_app.connectors.parking import Parking
from stream_app.connectors.runner import Runner
from stream_app.connectors.salesforce import Salesforce
from stream_app.connectors.salesforce_settings import SalesforceSettings
from stream_app.connectors.sources import EmailOf, email_in_key
from stream_app.connectors.web import Web
from stream_app.connectors.webhook import Webhook
from stream_app.errors import KnownError
from stream_app.ops.topics_admin import partition_counts
from stream_app.topics import Manifest

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a connector runs: its name, the broker and topics.

    `instance` names this process for static membership: a restart within the session time-out moves no partition.
    """

    name: str
    broker: str
    manifest: Manifest
    instance: str | None = None

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise KnownError(f"{self.name}: a connector's name is small letters, digits and dashes, at most 63")

    @property
    def group(self) -> str:
        """Its consumer group."""
        return f"{self.manifest.prefix}connect-{self.name}"

    def parking(self) -> Parking:
        """Its parked queue, not open."""
        return Parking(self.broker, self.manifest.prefix, self.name)

    async def directory(self, config: Config) -> Directory | None:
        """Where leads' e-mail addresses are looked up, not open; None where the configuration does not ask for them."""
        if not config.wants_email:
            return None
        changelog = self.manifest["lead-changelog"]
        counts = await partition_counts(self.broker, self.manifest)
        if changelog.name not in counts:
            raise KnownError(
                f"there is no topic {changelog.name}: say 'stream-app topics create', or name the --prefix"
            )
        return Directory(self.broker, changelog.name, counts[changelog.name])

    def topics(self, config: Config) -> dict[str, Kind]:
        """What it reads: scores only where they are sent."""
        found = {self.manifest["transitions"].name: Kind.transition}
        if config.filters.drift is not None:
            for base in ("lead-scores", "account-scores"):
                if base.removesuffix("-scores") in config.filters.subjects:
                    found[self.manifest[base].name] = Kind.score
        return found


def destination_of(config: Config, email_of: EmailOf, seconds: Callable[[], int]) -> Destination:
    """The vendor of a configuration."""
    vendor = config.vendor
    web = Web(config.timeout, config.desk.parallel, vendor.allow_private, vendor.allow_http)
    if isinstance(vendor, HubSpotSettings):
        return HubSpot(vendor, web, email_of)
    if isinstance(vendor, SalesforceSettings):
        return Salesforce(vendor, web, seconds, email_of)
    return Webhook(vendor, web, seconds, email_of)


async def connect(
    connection: Connection, config: Config, ready: Callable[[], None], metrics: Metrics | None = None
) -> str:
    """Run until SIGTERM or SIGINT; what was done, in words. Raises `KnownError`, or what else ended it."""
    clock, ledger = SystemClock(), Ledger()
    directory = await connection.directory(config)
    emails = directory.addresses.email_of if directory is not None else email_in_key
    destination = destination_of(config, emails, lambda: clock.now() // 1000)
    desk = Desk(config.desk, random.random, clock.now())
    parking = connection.parking()
    runner = Runner(
        desk,
        destination,
        config.filters,
        parking,
        ledger,
        clock,
        random.random,
        config.pending,
        config.after_parked == "park",
        metrics,
    )
    if metrics is not None:
        metrics.watch(runner, desk, parking.index, clock, config.timeout)
    topics = connection.topics(config)
    source = KafkaSource(
        connection.broker,
        connection.group,
        topics,
        config.start,
        ledger,
        connection.instance,
        directory,
    )
    _on_signals(runner)
    try:
        await parking.open()
        if parking.index.disabled is not None:
            raise KnownError(f"{connection.name} is disabled: {parking.index.disabled}")
        if directory is not None:
            await directory.open()
        await source.open(runner)
        try:
            await runner.run(source, metrics.ready_after(ready) if metrics is not None else ready)
        except Disabled:
            await runner.flush(source)
            raise
        return runner.summary()
    finally:
        await source.close()
        await parking.close()
        if directory is not None:
            await directory.close()
        await destination.stop()


def _on_signals(runner: Runner) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runner.stop)


async def planned(connection: Connection, config: Config, limit: int) -> AsyncIterator[Mapping[str, Any]]:
    """What would be sent of what is there now, from where the group stands: nothing is sent or committed."""
    from aiokafka import AIOKafkaConsumer, TopicPartition
    from aiokafka.admin import AIOKafkaAdminClient

    directory = await connection.directory(config)
    emails = directory.addresses.email_of if directory is not None else email_in_key
    destination = destination_of(config, emails, lambda: 0)
    admin = AIOKafkaAdminClient(**client_options(connection.broker))
    consumer = AIOKafkaConsumer(
        **client_options(connection.broker), isolation_level="read_committed", enable_auto_commit=False
    )
    try:
        if directory is not None:
            await directory.open()
        await admin.start()
        await consumer.start()
        topics = connection.topics(config)
        described = await admin.describe_topics(list(topics))
        places = [TopicPartition(one["topic"], part["partition"]) for one in described for part in one["partitions"]]
        known = await _committed(admin, connection.group)
        starts = await (consumer.beginning_offsets if config.start == "beginning" else consumer.end_offsets)(places)
        ends = await consumer.end_offsets(places)
        left = limit
        for place in sorted(places):
            consumer.assign([place])
            consumer.seek(place, known.get(place, starts[place]))
            while left and await consumer.position(place) < ends[place]:
                for records in (await consumer.getmany(place, timeout_ms=200, max_records=500)).values():
                    for record in records:
                        told = _told(
                            destination,
                            config,
                            Place(place.topic, place.partition, record.offset),
                            record.key,
                            record.value,
                        )
                        if told is not None and left:
                            left -= 1
                            yield told
    finally:
        await consumer.stop()
        await admin.close()
        if directory is not None:
            await directory.close()


async def _committed(admin: Any, group: str) -> dict[Any, int]:
    from aiokafka.errors import GroupCoordinatorNotAvailableError

    try:
        found = await admin.list_consumer_group_offsets(group)
    except GroupCoordinatorNotAvailableError:
        return {}  # nobody ever used a group here
    return {place: one.offset for place, one in found.items() if one.offset >= 0}


def _told(
    destination: Destination, config: Config, place: Place, key: bytes | None, value: bytes | None
) -> dict[str, Any] | None:
    try:
        change = change_of(place, key, value)
    except NotAChangeError as error:
        return {"place": f"{place.topic}-{place.partition}@{place.offset}", "unreadable": str(error)}
    if change is None or config.filters.unwanted(change) is not None:
        return None
    item = destination.item(change)
    about = {"id": change.id, "kind": change.kind.value, "subject": change.subject, "key": change.key}
    if isinstance(item, Skip):
        return {**about, "skipped": item.why}
    if isinstance(item, Refused):
        return {**about, "parked": item.reason}
    return {**about, "send": destination.shown(item)}
