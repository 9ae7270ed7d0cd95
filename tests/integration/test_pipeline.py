"""The whole path on a real broker: events of every channel in, scores, transitions and dead letters out."""

import json
import time
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from stream_app.contracts import validator
from stream_app.engine.model.load import load_model
from stream_app.engine.times import HOUR, MINUTE, format_time, parse_time
from stream_app.history.replay import Refused, finish, ordered, replay
from stream_app.ingest.ndjson import read_events
from stream_app.runtime.world import World
from stream_app.streaming.transaction import default_partition
from stream_app.worker.composition import compose
from tests.lanes.process import until
from tests.pipeline.desk import event
from tests.pipeline.models import TEXT
from tests.pipeline.system import System
from tests.pipeline.tables import leads_at

START = parse_time("2026-03-02T09:20:00Z")
PARTITIONS = 2
TOPICS = ["web-events", "email-events", "social-events", "crm-events", "account-events"]

Sent = tuple[str, int, int, bytes | None, bytes | None]
"""Topic (as in the manifest), partition, timestamp, key, value."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The small model as a file."""
    file = tmp_path / "small.yaml"
    file.write_text(TEXT)
    return file


async def send(system: System, records: list[Sent], headers: list[tuple[str, bytes]] | None = None) -> None:
    """Send records as a producer of any make might."""
    async with AIOKafkaProducer(bootstrap_servers=system.broker, max_request_size=2 << 20) as producer:
        for topic, partition, timestamp, key, value in records:
            await producer.send(
                system.topic(topic), value, key, partition, timestamp_ms=timestamp, headers=headers or []
            )


def record(topic: str, document: dict[str, Any], key: str | None = None, partition: int | None = None) -> Sent:
    """An event's record, where its key says, at its time."""
    name = key or (f"user:{document['user_id']}" if "user_id" in document else document["account_id"])
    place = default_partition(name.encode(), PARTITIONS) if partition is None else partition
    return topic, place, parse_time(document["time"]), name.encode(), orjson.dumps(document)


def stream() -> list[Sent]:
    """Events of five topics, that make leads and an account rise."""
    return [
        *(record("web-events", event(number, START + number * MINUTE, user="ann", account_id="acme")) for number in range(3)),
        record("web-events", event(3, START, user="ann", type="identify", facts={"job_title": "Chief", "department": "it"})),
        *(record("email-events", event(10 + n, START + n * MINUTE, user="bob", type="open")) for n in range(3)),
        *(record("social-events", event(20 + n, START + n, user="cyd", type="like")) for n in range(3)),
        record("crm-events", event(30, START + HOUR, user="cyd", type="stage_set", properties={"stage": "customer"})),
        record("crm-events", event(31, START + HOUR, user="bob", type="owner_set", properties={"owner": "jo"})),
        record("account-events", event(40, START, account_id="acme", type="funding")),
        record("account-events", event(41, START, account_id="acme", type="update", account_facts={"employees": 500})),
        record("web-events", event(0, START + HOUR, user="ann")),  # a duplicate
    ]  # fmt: skip


def poison() -> list[tuple[Sent, str]]:
    """What is refused, and with which code."""
    key, place = b"user:ann", default_partition(b"user:ann", PARTITIONS)
    good = event(50, START, user="ann")
    future = int(time.time() * 1000) + HOUR
    raws: list[tuple[bytes | None, str]] = [
        (b"nonsense", "not_json"),
        (b"\xff\xfe\x00", "not_json"),
        (None, "not_json"),
        (b"[]", "schema"),
        (orjson.dumps(good | {"colour": "red"}), "schema"),
        (orjson.dumps(good | {"time": "2026-03-02"}), "schema"),
        (orjson.dumps(good | {"properties": {"a": {"b": 1}}}), "schema"),
        (orjson.dumps({name: value for name, value in good.items() if name != "user_id"}), "no_identity"),
        (
            orjson.dumps(good | {"properties": {"a": "x" * 4096, **{f"p{n}": "y" * 4000 for n in range(8)}}}),
            "too_large",
        ),
        (b"x" * 1_000_000, "too_large"),
        (orjson.dumps(good | {"time": format_time(future)}), "future"),
        (orjson.dumps(good | {"event_id": "old", "time": format_time(START - 31 * 24 * HOUR)}), "too_old"),
    ]
    return [(("web-events", place, START + 10 * MINUTE + n, key, raw), code) for n, (raw, code) in enumerate(raws)]


def expected(records: list[Sent], until_: int | None = None) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """What the replay makes of the events: the score records, and the transitions by lead."""
    world, moves = World(load_model(TEXT, "small.yaml")), dict[str, list[Any]]()
    channels = {topic: topic.removesuffix("-events") for topic in TOPICS}
    lines = [
        orjson.dumps({"channel": channels[topic], **orjson.loads(value or b"{}")}) for topic, _, _, _, value in records
    ]

    def moved(document: dict[str, Any]) -> None:
        if document["lead"] is not None:
            moves.setdefault(document["lead"], []).append(document)

    def refused(refusal: Refused) -> None:
        raise AssertionError(refusal)

    replay(
        world,
        ordered(read_events(BytesIO(b"\n".join(lines)), "-"), "time"),
        now=None,
        transition=moved,
        refused=refused,
    )
    finish(world, until_, moved)
    return {record.get("lead") or record["account_id"]: record for record in world.scores()}, moves


async def test_every_kind_of_event(broker: str, tmp_path: Path, model: Path) -> None:
    """Good and bad ones of all channels in one run: each output as its schema says, nothing dropped, nothing stopped."""
    system = await System(broker, tmp_path, model, partitions=PARTITIONS).create()
    bad = poison()
    await send(system, [*stream()[:4], *(sent for sent, _ in bad), *stream()[4:]])
    with system.worker("a") as worker:
        await worker.ready()
        await system.caught_up(60, worker.said)
        assert worker.stop() == 0, worker.said()
    end = START + HOUR
    scores, moves = expected(stream(), end)
    leads, accounts = await system.latest("lead-scores"), await system.latest("account-scores")
    for document in leads.values():
        validator("lead-scores.schema.json").validate(document)
    for document in accounts.values():
        validator("account-scores.schema.json").validate(document)
    assert {key: (doc["stages"], doc["owner"], doc["bands"]) for key, doc in leads.items()} == {
        key: (doc["stages"], doc["owner"], doc["bands"]) for key, doc in scores.items() if key.startswith("user:")
    }
    tables = leads_at(compose(system.model, system.manifest), await system.entries("lead"), end)
    assert {key: doc["raw"]["interest"] for key, doc in tables.items()} == pytest.approx(
        {key: doc["raw"]["interest"] for key, doc in scores.items() if key.startswith("user:")}
    )
    assert {key: doc["scores"]["fit"] for key, doc in leads.items()} == {"user:ann": 35, "user:bob": 0, "user:cyd": 0}
    assert accounts["acme"]["scores"]["score"] == scores["acme"]["scores"]["score"]
    for move in await system.records("transitions"):
        document = json.loads(move.value)
        validator("transitions.schema.json").validate(document)
        headers = {name: value.decode() for name, value in move.headers}
        assert headers["ce_id"] == document["id"]
        assert headers["ce_type"] == f"leadscorer.{document['subject']}.transition"
        assert move.key.decode() == (document["lead"] or document["account_id"])
    made = await system.transitions()
    assert [(move["to"], move["seq"]) for move in made.pop("user:ann")] == [("mql", 1), ("sql", 2)]
    del moves["user:ann"]  # hers depend on when she saw her account
    assert made == moves
    await _check_dead_letters(system, bad)


async def _check_dead_letters(system: System, bad: list[tuple[Sent, str]]) -> None:
    letters = await system.records("dead-letters")
    found: Counter[tuple[bytes | None, bytes | None, str]] = Counter()
    for letter in letters:
        headers = {name: value.decode() for name, value in letter.headers}
        validator("dead-letters.schema.json").validate(headers)
        assert headers["__connect.errors.topic"] == system.topic("web-events")
        found[letter.key, letter.value, headers["error.code"]] += 1
    assert found == Counter((key, value, code) for (_, _, _, key, value), code in bad)


async def test_events_under_foreign_keys(broker: str, tmp_path: Path, model: Path) -> None:
    """Wherever they land, under whatever key: forwarded to their lead and scored as if they had come there."""
    system = await System(broker, tmp_path, model, partitions=PARTITIONS).create()
    home = default_partition(b"user:ann", PARTITIONS)
    keys = [b"crm-id-77", b"user:ann", None, b"user:somebody-else"]
    events = [event(number, START + number * MINUTE, user="ann") for number in range(len(keys))]
    sent: list[Sent] = [
        ("web-events", 1 - home, parse_time(one["time"]), key, orjson.dumps(one))
        for one, key in zip(events, keys, strict=True)
    ]
    await send(system, sent, [("trace", b"7")])
    with system.worker("a") as worker:
        await worker.ready()
        await system.caught_up(60, worker.said)
        assert worker.stop() == 0, worker.said()
    scores, moves = expected(sent)
    leads = await system.latest("lead-scores")
    assert leads.keys() == {"user:ann"}
    assert leads["user:ann"]["raw"] == pytest.approx(scores["user:ann"]["raw"])
    assert await system.transitions() == moves
    forwarded = await system.records("lead-inbox")
    assert [one.value for one in forwarded] == [value for _, _, _, _, value in sent]
    assert [one.timestamp for one in forwarded] == [timestamp for _, _, timestamp, _, _ in sent]
    assert {(one.partition, one.key, one.headers[0]) for one in forwarded} == {(home, b"user:ann", ("trace", b"7"))}


async def test_a_restart_goes_on(broker: str, tmp_path: Path, model: Path) -> None:
    """SIGTERM in the middle, kill -9 once more, events in between: as if nothing had been; duplicates stay known."""
    system = await System(broker, tmp_path, model, partitions=PARTITIONS).create()
    names = [f"u{number}" for number in range(40)]
    rounds = [
        [record("web-events", event(40 * turn + n, START + turn * HOUR + n, user=name)) for n, name in enumerate(names)]
        for turn in range(3)
    ]
    with system.worker("a") as worker:
        await worker.ready()
        for turn, some in enumerate(rounds):
            await send(system, some)
            if turn == 0:
                await system.caught_up(30, worker.said)
            if turn == 1:
                worker.kill()
            else:
                assert worker.stop(10) == 0, worker.said()
            await send(system, rounds[0])  # all duplicates
            worker.start()
            await worker.ready(times=turn + 2)
        await system.caught_up(60, worker.said)
        assert worker.stop() == 0, worker.said()
    everything = [one for some in rounds for one in some]
    scores, moves = expected(everything)
    leads = await system.latest("lead-scores")
    assert {key: doc["scores"] for key, doc in leads.items()} == {key: doc["scores"] for key, doc in scores.items()}
    assert await system.transitions() == moves
    for key in leads:
        revisions = [json.loads(one.value)["revision"] for one in await _of(system, key)]
        assert revisions == sorted(set(revisions))


async def _of(system: System, key: str) -> list[Any]:
    return [one for one in await system.records("lead-scores") if one.key == key.encode()]


async def test_a_lead_falls_by_the_wall_clock(broker: str, tmp_path: Path) -> None:
    """By itself, when its dwell ends, within two seconds and not before; not again after a restart."""
    text = TEXT.replace("resolution: 1h", "resolution: 1m").replace("half_life: 2d", "expire: 1m")
    model = tmp_path / "minute.yaml"
    model.write_text(text.replace("min_dwell: 1d, cooldown: 1d", "min_dwell: 1m"))
    system = await System(broker, tmp_path, model, clock="wall", partitions=PARTITIONS).create()
    with system.worker("a") as worker:
        await worker.ready()
        rise = int(time.time() * 1000) - 55_000
        await send(system, [record("web-events", event(number, rise, user="ann")) for number in range(3)])

        async def fallen() -> bool:
            return len((await system.transitions()).get("user:ann", [])) == 2

        await until(fallen, 20, worker.said)
        assert worker.stop() == 0
    up, down = (await system.transitions())["user:ann"]
    assert (up["to"], down["to"], down["cause"]) == ("mql", "known", {"kind": "decay"})
    assert (up["at"], down["at"], up["holds_until"]) == (format_time(rise), format_time(rise + MINUTE), down["at"])
    (published,) = [one.timestamp for one in await system.records("transitions") if b'"down"' in one.value]
    assert rise + MINUTE <= published < rise + MINUTE + 2000
    with system.worker("b") as worker:
        await worker.ready()
        await send(system, [record("web-events", event(9, rise, user="bob"))])
        await system.caught_up(30, worker.said)
        assert worker.stop() == 0
    assert len((await system.transitions())["user:ann"]) == 2
