"""`stream-app topics`: the manifest on a real broker."""

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.structs import TopicPartition

from stream_app.ops.topics_admin import Difference, TopicsError, check_topics, create_topics
from stream_app.topics import Manifest, load_manifest

JULY_2018 = 1_530_403_200_000


@pytest.fixture
def manifest(broker: str) -> Iterator[Manifest]:
    """A system of its own on the session's broker; its topics are deleted afterwards."""
    manifest = load_manifest(prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=2)
    yield manifest
    asyncio.run(_delete(broker, [topic.name for topic in manifest]))


async def _delete(broker: str, names: list[str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.delete_topics(names)
    await admin.close()


async def _alter(broker: str, topic: str, config: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])
    await admin.close()


def test_create_makes_what_check_demands_and_again_changes_nothing(broker: str, manifest: Manifest) -> None:
    """Before: everything is missing. After: nothing differs, and a second `create` finds nothing to do."""

    async def script() -> None:
        missing = await check_topics(broker, manifest)
        assert missing == [Difference(topic.name, "exists", "yes", "no") for topic in manifest]
        first = await create_topics(broker, manifest)
        assert first.created == tuple(topic.name for topic in manifest)
        assert await check_topics(broker, manifest) == []
        again = await create_topics(broker, manifest)
        assert (again.created, again.changed) == ((), ())

    asyncio.run(script())


def test_create_brings_settings_in_line_and_keeps_those_of_others(broker: str, manifest: Manifest) -> None:
    """An operator's own settings stay; ours are set right."""
    name = manifest["web-events"].name

    async def script() -> None:
        await create_topics(broker, manifest)
        ours = {**manifest["web-events"].config, "retention.ms": "1000", "segment.bytes": "1048576"}
        await _alter(broker, name, ours)
        expected = [Difference(name, "retention.ms", "-1", "1000")]
        async with asyncio.timeout(20):  # Kafka answers before all its parts know
            while await check_topics(broker, manifest) != expected:
                await asyncio.sleep(0.05)
        assert (await create_topics(broker, manifest)).changed == tuple(expected)
        assert await check_topics(broker, manifest) == []
        admin = AIOKafkaAdminClient(bootstrap_servers=broker)
        await admin.start()
        (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        await admin.close()
        settings = {entry[0]: entry[1] for entry in response.resources[0][4]}
        assert settings["segment.bytes"] == "1048576"

    asyncio.run(script())


def test_a_partition_count_is_never_changed(broker: str, manifest: Manifest) -> None:
    """Refused with a word on how to migrate, and nothing else is touched (design.md, "Details that bite")."""
    wider = load_manifest(prefix=manifest.prefix, partitions=3)

    async def script() -> None:
        await create_topics(broker, manifest)
        with pytest.raises(TopicsError, match="has 2 partitions and 3 are asked for: .* To migrate"):
            await create_topics(broker, wider)
        differences = await check_topics(broker, wider)
        assert {(one.setting, one.expected, one.actual) for one in differences} == {("partitions", "3", "2")}
        assert len(differences) == 13

    asyncio.run(script())


def test_an_event_of_2018_is_accepted_and_kept_with_its_time(broker: str, manifest: Manifest) -> None:
    """As is one of the far future, which the worker refuses with a reason, and not the broker."""
    name = manifest["web-events"].name
    times = [JULY_2018, 4_102_444_800_000]

    async def script() -> list[int]:
        await create_topics(broker, manifest)
        producer = AIOKafkaProducer(bootstrap_servers=broker)
        await producer.start()
        for time in times:
            await producer.send_and_wait(name, b"{}", partition=0, timestamp_ms=time)
        await producer.stop()
        consumer = AIOKafkaConsumer(bootstrap_servers=broker)
        await consumer.start()
        consumer.assign([TopicPartition(name, 0)])
        await consumer.seek_to_beginning()
        found = [(await asyncio.wait_for(consumer.getone(), 20)).timestamp for _ in times]
        await consumer.stop()
        return found

    assert asyncio.run(script()) == times


def test_a_broker_that_does_not_answer_is_named() -> None:
    """One line, no traceback."""
    with pytest.raises(TopicsError, match="Kafka does not answer at 127.0.0.1:1"):
        asyncio.run(check_topics("127.0.0.1:1", load_manifest()))


def test_the_commands(broker: str, manifest: Manifest) -> None:
    """Exit codes 1 (differs), 0 and 2 (wrong usage); data on stdout, messages on stderr."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        common = ["--bootstrap", broker, "--prefix", manifest.prefix]
        command = [sys.executable, "-c", "from stream_app.cli import main; main()", "topics", *words, *common]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    before = run("check", "--partitions", "2", "--json")
    assert before.returncode == 1
    assert len(json.loads(before.stdout)) == len(list(load_manifest()))
    created = run("create", "--partitions", "2")
    assert (created.returncode, created.stdout) == (0, "")
    assert f"created {manifest.prefix}lead-inbox" in created.stderr
    after = run("check", "--partitions", "2")
    assert (after.returncode, after.stdout, after.stderr) == (0, "", "")
    table = run("check")
    assert table.returncode == 1
    assert table.stdout.splitlines()[:2] == [
        "topic\tsetting\texpected\tactual",
        f"{manifest.prefix}web-events\tpartitions\t4\t2",
    ]
    refused = run("create")
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"stream-app: {manifest.prefix}web-events has 2 partitions")
    assert len(refused.stderr.splitlines()) == 1
