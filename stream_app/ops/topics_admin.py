"""The topic manifest applied to a broker, and compared with it.

The rule of this module: nothing that could lose or move data, but for what is to be deleted by name. Missing topics are created and settings are brought in
line; a partition count is never changed, because a lead's state lies where its key's partition is.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from stream_app.broker import client_options, demand_entry
from stream_app.errors import KnownError
from stream_app.topics import Manifest, Topic

PARTITIONS = "partitions"
EXISTS = "exists"
_SET_ON_TOPIC = 1  # DescribeConfigs: the config_source of a setting that was made on the topic itself
_MOST_REPLICAS = 3
_APPLIED_WITHIN = 30.0
_UNKNOWN_TOPIC = 3


class TopicsError(KnownError):
    """The broker cannot be reached, refuses a topic, or has one that must not be changed in place."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on the broker that is not as the manifest says; `setting` may be `exists` and `partitions`."""

    topic: str
    setting: str
    expected: str
    actual: str


@dataclass(frozen=True, slots=True)
class Applied:
    """What `create_topics` did: names of the topics created, and the settings brought in line."""

    created: tuple[str, ...]
    changed: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    """A topic as it is: partition count, all settings, and which of them were made on the topic."""

    partitions: int
    config: Mapping[str, str]
    own: frozenset[str]


async def check_topics(bootstrap: str, manifest: Manifest) -> list[Difference]:
    """What differs between the broker and the manifest, in the manifest's order. Raises `TopicsError`."""
    async with _admin(bootstrap) as admin:
        found = await _describe(admin, manifest)
        return [difference for topic in manifest for difference in _compare(topic, found.get(topic.name))]


async def create_topics(
    bootstrap: str,
    manifest: Manifest,
    *,
    replication_factor: int | None = None,
) -> Applied:
    """Create what is missing, bring settings in line, and wait until every topic can be used.

    Calling it again does nothing. Without `replication_factor` there are as many replicas as brokers, at most three.
    Raises `TopicsError`, before anything is changed, where a partition count differs.
    """
    async with _admin(bootstrap) as admin:
        found = await _describe(admin, manifest)
        _forbid_repartitioning(manifest, found)
        missing = [topic for topic in manifest if topic.name not in found]
        await _create(admin, missing, replication_factor)
        wrong = [
            (topic, found[topic.name], _compare(topic, found[topic.name])) for topic in manifest if topic.name in found
        ]
        for topic, actual, differences in wrong:
            if differences:
                await _alter(admin, topic, actual)
        await _wait_until_applied(admin, manifest)
        changed = tuple(difference for _, _, differences in wrong for difference in differences)
        return Applied(tuple(topic.name for topic in missing), changed)


async def delete_topics(bootstrap: str, names: Sequence[str]) -> None:
    """Delete those of some topics that there are, and wait until they are gone. Raises `TopicsError`."""
    async with _admin(bootstrap) as admin:
        there = sorted(set(await admin.list_topics()) & set(names))
        if there:
            response = await admin.delete_topics(there)
            for name, code, *message in response.topic_error_codes:
                if code != _UNKNOWN_TOPIC:  # another one was quicker
                    _demand(code, name, message[0] if message else None)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _APPLIED_WITHIN
        while left := sorted(set(await admin.list_topics()) & set(names)):
            if loop.time() > deadline:
                raise TopicsError(f"{left[0]} is still there {_APPLIED_WITHIN:.0f} s after its deletion")
            await asyncio.sleep(0.05)


async def partition_counts(bootstrap: str, manifest: Manifest) -> dict[str, int]:
    """The partitions of those of the manifest's topics that exist, by their names on the broker. Raises `TopicsError`."""
    async with _admin(bootstrap) as admin:
        return await _partition_counts(admin, manifest)


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**client_options(bootstrap))
    try:
        await admin.start()
        yield admin
    except KafkaConnectionError:
        await demand_entry(bootstrap)
        raise TopicsError(f"Kafka does not answer at {bootstrap}") from None
    except KafkaError as error:
        raise TopicsError(f"Kafka at {bootstrap} refuses: {error}") from error
    finally:
        await admin.close()


async def _describe(admin: AIOKafkaAdminClient, manifest: Manifest) -> dict[str, _Found]:
    counts = await _partition_counts(admin, manifest)
    if not counts:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in counts]
    found = {}
    for response in await admin.describe_configs(resources):
        for code, message, _, name, entries in response.resources:
            _demand(code, name, message)
            config = {entry[0]: entry[1] for entry in entries}
            own = frozenset(entry[0] for entry in entries if entry[3] == _SET_ON_TOPIC)
            found[name] = _Found(counts[name], config, own)
    return found


async def _partition_counts(admin: AIOKafkaAdminClient, manifest: Manifest) -> dict[str, int]:
    """Of the topics that exist. Topics are listed first: asking for one by name can create it."""
    existing = set(await admin.list_topics()) & {topic.name for topic in manifest}
    if not existing:
        return {}
    described = await admin.describe_topics(sorted(existing))
    for topic in described:
        if topic["error_code"] != _UNKNOWN_TOPIC:
            _demand(topic["error_code"], topic["topic"], None)
    return {topic["topic"]: len(topic["partitions"]) for topic in described if topic["error_code"] == 0}


def _compare(topic: Topic, found: _Found | None) -> list[Difference]:
    if found is None:
        return [Difference(topic.name, EXISTS, "yes", "no")]
    differences = []
    if found.partitions != topic.partitions:
        differences.append(Difference(topic.name, PARTITIONS, str(topic.partitions), str(found.partitions)))
    for setting, expected in topic.config.items():
        actual = found.config.get(setting, "unknown to this broker")
        if actual != expected:
            differences.append(Difference(topic.name, setting, expected, actual))
    return differences


def _forbid_repartitioning(manifest: Manifest, found: Mapping[str, _Found]) -> None:
    for topic in manifest:
        actual = found.get(topic.name)
        if actual is not None and actual.partitions != topic.partitions:
            raise TopicsError(
                f"{topic.name} has {actual.partitions} partitions and {topic.partitions} are asked for: a lead's state "
                "lies in the partition of its key, so a running system keeps its count. To migrate, create the topics "
                "under another prefix (--prefix), send the retained events to them, let workers there catch up with "
                "--clock event, and move producers and readers over"
            )


async def _create(admin: AIOKafkaAdminClient, topics: list[Topic], replication_factor: int | None) -> None:
    if not topics:
        return
    if replication_factor is None:
        cluster = await admin.describe_cluster()
        replication_factor = min(_MOST_REPLICAS, len(cluster["brokers"]))
    wanted = [
        NewTopic(topic.name, topic.partitions, replication_factor, topic_configs=dict(topic.config)) for topic in topics
    ]
    response = await admin.create_topics(wanted)
    for name, code, *message in response.topic_errors:
        if code != TopicAlreadyExistsError.errno:  # another one was quicker
            _demand(code, name, message[0] if message else None)


async def _alter(admin: AIOKafkaAdminClient, topic: Topic, found: _Found) -> None:
    """AlterConfigs replaces all of a topic's own settings, so those that are not ours are sent along."""
    kept = {setting: found.config[setting] for setting in found.own}
    resource = ConfigResource(ConfigResourceType.TOPIC, topic.name, {**kept, **topic.config})
    for response in await admin.alter_configs([resource]):
        for code, message, _, name in response.resources:
            _demand(code, name, message)


async def _wait_until_applied(admin: AIOKafkaAdminClient, manifest: Manifest) -> None:
    """Kafka answers before all its parts know: wait until what it describes is what was asked for."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _APPLIED_WITHIN
    while True:
        found = await _describe(admin, manifest)
        differences = [difference for topic in manifest for difference in _compare(topic, found.get(topic.name))]
        if not differences:
            return
        if loop.time() > deadline:
            raise TopicsError(f"not as asked for after {_APPLIED_WITHIN:.0f} s: {differences[0]}")
        await asyncio.sleep(0.05)


def _demand(code: int, name: str, message: str | None) -> None:
    if code:
        raise TopicsError(f"topic {name}: {message or for_code(code).__name__}")
