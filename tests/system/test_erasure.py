"""What an operator does after an erasure (docs/erasure.md), on the real broker."""

import json
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from stream_app.engine.times import format_time, parse_time
from tests.pipeline.models import TEXT
from tests.pipeline.system import System, run

START = parse_time("2026-03-02T09:20:00Z")


async def test_what_an_operator_expires_is_gone_and_missed_by_nobody(broker: str, tmp_path: Path) -> None:
    """docs/erasure.md: after `lead erase`, records of before are deleted from every topic that is not compacted; the
    worker goes on, and finds its own after a restart."""
    file = tmp_path / "small.yaml"
    file.write_text(TEXT)
    system = await System(broker, tmp_path, file, partitions=2).create()
    with system.worker("a") as worker:
        await worker.ready()
        await _produce(system, 1, {"anonymous_id": "ann-a"}, {"user_id": "bob"})
        await _produce(system, 3, {"anonymous_id": "ann-a", "user_id": "ann", "email": "ann@x.example"})
        await system.caught_up(30, worker.said)
        assert json.loads(await run("lead", "erase", "anon:ann-a", "--json", *_place(system)))["erased"][0]["known"]
        await system.caught_up(30, worker.said)
        assert await _topics_with(system, b"ann") >= {"web-events", "lead-inbox", "transitions"}
        await _expire(system)
        assert await _topics_with(system, b"ann") == {"lead-scores", "lead-changelog", "account-changelog"}
        assert worker.stop() == 0, worker.said()[-3000:]
        worker.start()
        await worker.ready(times=2)
        await _produce(system, 5, {"user_id": "ann"}, {"user_id": "bob"})
        await system.caught_up(30, worker.said)
        assert worker.stop() == 0, worker.said()[-3000:]
    scores = await system.latest("lead-scores")
    assert scores.keys() == {"user:bob"}
    assert scores["user:bob"]["scores"]["interest"] == 20


def _place(system: System) -> list[str]:
    return ["--bootstrap", system.broker, "--prefix", system.manifest.prefix]


async def _produce(system: System, number: int, *keys: dict[str, str]) -> None:
    lines = []
    for index, some in enumerate(keys):
        event = {"event_id": f"e{number + index}", "type": "page_view", "time": format_time(START + number), **some}
        lines.append(json.dumps({**event, "channel": "web"}).encode() + b"\n")
    file = system.directory / "events.ndjson"
    file.write_bytes(b"".join(lines))
    await run("produce", str(file), *_place(system))


async def _expire(system: System) -> None:
    """Delete all records below the ends, as `kafka-delete-records.sh` does."""
    topics = [topic for topic in system.manifest if topic.config.get("cleanup.policy") == "delete"]
    places = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
    admin = AIOKafkaAdminClient(bootstrap_servers=system.broker)
    consumer = AIOKafkaConsumer(bootstrap_servers=system.broker)
    await admin.start()
    await consumer.start()
    try:
        ends = await consumer.end_offsets(places)
        await admin.delete_records({place: RecordsToDelete(before_offset=end) for place, end in ends.items() if end})
    finally:
        await consumer.stop()
        await admin.close()


async def _topics_with(system: System, text: bytes) -> set[str]:
    """The topics with a record that holds a text in its key or value."""
    found = set()
    for topic in system.manifest:
        records = await system.records(topic.base)
        if any(text in (record.key or b"") or text in (record.value or b"") for record in records):
            found.add(topic.base)
    return found
