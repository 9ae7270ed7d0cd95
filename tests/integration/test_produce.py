"""`stream-app produce`: events of a file on a real broker."""

import asyncio
import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord, TopicPartition

from stream_app.engine.times import parse_time
from stream_app.ingest import parse_event
from stream_app.ops.topics_admin import create_topics
from stream_app.topics import Manifest, load_manifest

EVENTS = Path(__file__).resolve().parents[2] / "examples" / "events.ndjson"


@pytest.fixture
def manifest(broker: str) -> Iterator[Manifest]:
    """Event topics of our own on the session's broker; they are deleted afterwards."""
    manifest = load_manifest(prefix=f"p{uuid.uuid4().hex[:8]}.", partitions=4)
    manifest = replace(manifest, topics=manifest.events())
    asyncio.run(create_topics(broker, manifest))
    yield manifest
    asyncio.run(_delete(broker, manifest))


async def _delete(broker: str, manifest: Manifest) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.delete_topics([topic.name for topic in manifest])
    await admin.close()


def _read(broker: str, manifest: Manifest) -> dict[str, list[ConsumerRecord]]:
    """All records of the event topics, by the topic's name in the manifest."""

    async def script() -> dict[str, list[ConsumerRecord]]:
        places = [TopicPartition(topic.name, part) for topic in manifest.events() for part in range(topic.partitions)]
        consumer = AIOKafkaConsumer(bootstrap_servers=broker, isolation_level="read_committed")
        await consumer.start()
        consumer.assign(places)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(places)
        found: dict[str, list[ConsumerRecord]] = {topic.base: [] for topic in manifest.events()}
        async with asyncio.timeout(30):
            while sum(len(records) for records in found.values()) < sum(ends.values()):
                for place, records in (await consumer.getmany(timeout_ms=200)).items():
                    found[place.topic.removeprefix(manifest.prefix)] += records
        await consumer.stop()
        return found

    return asyncio.run(script())


def _produce(broker: str, manifest: Manifest, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from stream_app.cli import main; main()", "produce", *words]
    command += ["--bootstrap", broker, "--prefix", manifest.prefix]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=100, check=False)


def test_every_event_goes_to_its_topic_under_its_leads_key_at_its_time(broker: str, manifest: Manifest) -> None:
    """The values are the lines as they came; the partition is that of the Java client's hash."""
    done = _produce(broker, manifest, str(EVENTS), "--json")
    assert done.returncode == 0, done.stderr
    found = _read(broker, manifest)
    lines = EVENTS.read_bytes().splitlines()
    assert json.loads(done.stdout)["sent"] == {manifest.prefix + base: len(found[base]) for base in sorted(found)}
    assert sorted(record.value for records in found.values() for record in records) == sorted(lines)
    for base, records in found.items():
        for record in records:
            event = parse_event(record.value, channel=None)
            assert record.timestamp == event.time
            assert manifest.topic_of(channel=event.channel, about_account=event.is_account_event).base == base
    keys = {record.key for records in found.values() for record in records}
    assert {b"acme", b"anon:d-ann", b"email:ann.lee@acme.example", b"user:u-1"} < keys
    assert {record.partition for record in found["web-events"] if record.key == b"user:u-1"} == {_java(b"user:u-1")}


def _java(key: bytes) -> int:
    """`Utils.toPositive(Utils.murmur2(key)) % 4`, as Kafka's Java client has it, written anew."""
    mask, m, h = 0xFFFFFFFF, 0x5BD1E995, 0x9747B28C ^ len(key)
    for i in range(0, len(key) - 3, 4):
        k = int.from_bytes(key[i : i + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ (k >> 24)) * m & mask)
    rest = key[len(key) & ~3 :]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return ((h ^ (h >> 15)) & 0x7FFFFFFF) % 4


def test_the_java_hash_is_kafkas() -> None:
    """The vectors of Kafka's UtilsTest: murmur2 of "21" is -973932308, of "foobar" -790332482."""
    assert _java(b"21") == (-973932308 & 0x7FFFFFFF) % 4
    assert _java(b"foobar") == (-790332482 & 0x7FFFFFFF) % 4


def test_order_within_a_lead_is_the_files(broker: str, manifest: Manifest) -> None:
    """Thousands of events, many batches: of one key they arrive in the order of the lines."""
    padding = "x" * 300
    lines = [
        f'{{"event_id":"e{i:05d}","channel":"web","type":"v","time":"2018-07-01T00:00:00Z","user_id":"u{i % 7}",'
        f'"properties":{{"p":"{padding}"}}}}'
        for i in range(20_000)
    ]
    done = _produce(broker, manifest, "-", text="\n".join(lines))
    assert done.returncode == 0, done.stderr
    assert "sent 20,000 events" in done.stderr
    by_key: dict[bytes, list[str]] = {}
    for record in _read(broker, manifest)["web-events"]:
        assert record.timestamp == parse_time("2018-07-01T00:00:00Z")
        by_key.setdefault(record.key, []).append(json.loads(record.value)["event_id"])
    assert len(by_key) == 7
    assert all(ids == sorted(set(ids)) for ids in by_key.values())
    assert sum(len(ids) for ids in by_key.values()) == 20_000


def test_one_bad_line_stops_everything_before_anything_is_sent(broker: str, manifest: Manifest, tmp_path: Path) -> None:
    """Exit code 2 and one line that names the file, the line and the field."""
    file = tmp_path / "events.ndjson"
    good, *_ = EVENTS.read_text().splitlines()
    file.write_text(f"{good}\n\n{good.replace('event_id', 'eventid', 1)}\nnonsense\n")
    done = _produce(broker, manifest, str(file))
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"stream-app: {file}, line 3: schema at /event_id: missing (and 1 more lines); --skip-invalid FILE sends the others"
    ]
    assert not any(_read(broker, manifest).values())


def test_bad_lines_are_kept_and_the_others_sent(broker: str, manifest: Manifest, tmp_path: Path) -> None:
    """`--skip-invalid`: what was skipped is in the file, byte for byte."""
    skipped = tmp_path / "skipped.ndjson"
    good, *_ = EVENTS.read_text().splitlines()
    done = _produce(broker, manifest, "-", "--skip-invalid", str(skipped), "--json", text=f"{good}\nnonsense\n{{}}\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["skipped"] == 2
    assert skipped.read_text() == "nonsense\n{}\n"
    assert sum(len(records) for records in _read(broker, manifest).values()) == 1


def test_an_event_without_channel_needs_one(broker: str, manifest: Manifest) -> None:
    """The channel decides the topic; `--channel` is written into the event where the topic would not say the same."""
    line = '{"event_id":"e1","type":"reply","time":"2026-03-01T10:00:00Z","user_id":"u1"}'
    refused = _produce(broker, manifest, "-", text=line)
    assert refused.returncode == 2
    assert "standard input, line 1: schema at /channel: no channel" in refused.stderr
    for channel in ("email", "sms"):
        assert _produce(broker, manifest, "-", "--channel", channel, text=line).returncode == 0
    values = [record.value for record in _read(broker, manifest)["email-events"]]
    assert values == [line.encode(), line.encode()[:-1] + b',"channel":"sms"}']


def test_missing_files_and_topics_are_one_line(broker: str) -> None:
    """Exit code 2, no traceback."""
    elsewhere = load_manifest(prefix=f"none{uuid.uuid4().hex[:8]}.")
    no_file = _produce(broker, elsewhere, "/nowhere.ndjson")
    no_topic = _produce(broker, elsewhere, str(EVENTS))
    assert (no_file.returncode, no_file.stderr) == (2, "stream-app: /nowhere.ndjson: No such file or directory\n")
    assert no_topic.returncode == 2
    assert "say 'stream-app topics create' first" in no_topic.stderr
