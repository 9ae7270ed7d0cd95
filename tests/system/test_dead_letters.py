"""Dead letters under load and under kills: a flood of bad events, and the replay of thousands."""

import itertools
import struct
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c_py

from stream_app.streaming.transaction import default_partition
from stream_app.worker import messages
from stream_app.worker.links import LINKS
from tests.lanes.kafka_tools import Row, fill, lag, read_all
from tests.lanes.process import until
from tests.pipeline.desk import event
from tests.pipeline.letters import START, command, finish, refuse, sent_again, start
from tests.pipeline.models import TEXT
from tests.pipeline.system import System

PARTITIONS = 4
FLOOD = 80_000
GOOD = 2_400
LEADS = 300

NESTED = b'{"event_id":"e","type":"t","time":"2026-03-02T09:20:00Z","user_id":"u","properties":{"a":%s}}'
POISON = [
    b"nonsense",
    b"\xff\xfe\x00",
    NESTED % (b"[" * 300 + b"]" * 300),
    NESTED % (b"[" + b"null," * 6_000 + b"null]"),
    b"[" * 30_000,
    b'{"event_id":"e1","type":"page_view","time":"2026-03-02T09:20:00Z","user_id":"ann","colour":1}',
]


def leads() -> list[str]:
    """Leads of every partition but the first, which has the flood."""
    names = (f"u{number}" for number in itertools.count())
    away = (name for name in names if default_partition(f"user:{name}".encode(), PARTITIONS))
    return list(itertools.islice(away, LEADS))


def good() -> Iterator[Row]:
    """Their events in turn, with poison in the middle and at the tail of each partition."""
    names = leads()
    for number in range(GOOD):
        name, when = names[number % LEADS], START + number
        key = f"user:{name}".encode()
        yield default_partition(key, PARTITIONS), when, key, orjson.dumps(event(number, when, user=name))
        if number == GOOD // 2:
            yield from poison(when)
    yield from poison(START + GOOD)


def poison(when: int) -> Iterator[Row]:
    """One of each kind on each of the other partitions."""
    for partition in range(1, PARTITIONS):
        for value in POISON:
            yield partition, when, b"user:x", value


def flood() -> Iterator[Row]:
    """Nothing but bad events on the first partition, under ever new keys."""
    for number in range(FLOOD):
        yield 0, START + number, b"user:%d" % number, POISON[number % 2] if number % 50 else POISON[number // 50 % 6]


async def send_to_inboxes(system: System) -> int:
    """Records in both inboxes that no worker wrote; how many."""
    kinds = [b"", b"event", messages.MEMBER.encode(), messages.ACCOUNT.encode(), LINKS.encode(), b"\xff"]
    sent = 0
    async with AIOKafkaProducer(bootstrap_servers=system.broker) as producer:
        for inbox, partition in itertools.product(("lead-inbox", "account-inbox"), range(PARTITIONS)):
            for kind, value in itertools.product(kinds, (POISON[0], POISON[2], None)):
                stated = [(messages.KIND, kind)] if kind else []
                await producer.send(
                    system.topic(inbox), value, b"user:x", partition, timestamp_ms=START, headers=stated
                )
                sent += 1
    return sent


async def send_a_bad_header_name(system: System) -> None:
    """A good event of a lead with a header whose name is no UTF-8, as a client in C may send it."""
    name = leads()[0]
    key = f"user:{name}".encode()
    async with AIOKafkaProducer(bootstrap_servers=system.broker) as producer:
        batch = producer.create_batch()
        value = orjson.dumps(event(GOOD, START + GOOD, user=name))
        batch.append(key=key, value=value, timestamp=START + GOOD, headers=[("zz", b"1")])
        raw = bytearray(batch._build())
        at = raw.index(b"zz")
        raw[at : at + 2] = b"\xff\xfe"
        raw[17:21] = struct.pack(">I", calc_crc32c_py(bytes(raw[21:])))
        batch._buffer = raw
        place = default_partition(key, PARTITIONS)
        await (await producer.send_batch(batch, system.topic("web-events"), partition=place))


async def send_bombs(system: System) -> int:
    """Records that are many times as large as the batches they come in; how many."""
    bombs: list[tuple[bytes, list[tuple[str, bytes]]]] = [(b"x" * (20 << 20), []), (b"{}", [("h", b"v" * (9 << 20))])]
    packed = {"compression_type": "zstd", "max_request_size": 64 << 20, "max_batch_size": 64 << 20}
    async with AIOKafkaProducer(bootstrap_servers=system.broker, **packed) as producer:
        for value, stated in bombs:
            await producer.send_and_wait(
                system.topic("web-events"), value, b"k" * 5_000, 1, timestamp_ms=START, headers=stated
            )
    return len(bombs)


async def test_a_flood_neither_stops_nor_harms_the_others(broker: str, tmp_path: Path) -> None:
    """All good events' scores are out while most of the flood still waits, and every bad record has one letter.

    One worker has all partitions; it is killed in the middle of the flood and started again.
    """
    model = tmp_path / "small.yaml"
    model.write_text(TEXT)
    system = await System(broker, tmp_path, model, partitions=PARTITIONS).create()
    topic = system.topic("web-events")
    await fill(broker, topic, flood())
    await fill(broker, topic, good())
    in_inboxes = await send_to_inboxes(system)
    await send_a_bad_header_name(system)
    bombs = await send_bombs(system)
    wanted = {f"user:{name}": 10 * GOOD // LEADS for name in leads()}
    wanted[f"user:{leads()[0]}"] = min(100, wanted[f"user:{leads()[0]}"] + 10)

    async def scored() -> bool:
        found = await system.latest("lead-scores")
        return {key: round(found[key]["raw"]["interest"]) for key in found} == wanted

    with system.worker("a") as worker:
        await worker.ready()
        await until(scored, 60, worker.said)
        left = await lag(broker, system.group, [topic], PARTITIONS)
        assert left > FLOOD // 4
        worker.kill()
        worker.start()
        await worker.ready(times=2)
        await system.caught_up(100, worker.said)
        assert worker.stop() == 0, worker.said()
    letters = await read_all(broker, system.topic("dead-letters"), PARTITIONS)
    origins = Counter(
        tuple(dict(letter.headers)[f"__connect.errors.{name}"] for name in ("topic", "partition", "offset"))
        for letter in letters
    )
    assert set(origins.values()) == {1}
    by_topic = Counter(origin[0].decode() for origin in origins)
    assert by_topic[topic] == FLOOD + 2 * (PARTITIONS - 1) * len(POISON) + bombs
    assert sum(by_topic.values()) - by_topic[topic] == in_inboxes
    assert await scored()


async def test_a_replay_that_is_killed_sends_each_letter_once(broker: str, tmp_path: Path) -> None:
    """Killed twice while it sends, then run to its end: every event once, and in order."""
    model = tmp_path / "small.yaml"
    model.write_text(TEXT)
    system = await System(broker, tmp_path, model, partitions=PARTITIONS).create()
    count = 3_000
    events = [event(number, START + number, user="ann", colour=1) for number in range(count)]
    await refuse(system, [orjson.dumps(one) for one in events])
    words = ("replay", "--reason", "schema", "--remove", "/colour", "--batch", "3")
    sent = 0
    for _ in range(2):
        process = await start(system, *words)
        before = sent

        async def under_way(before: int = before) -> bool:
            return len(await read_all(broker, system.topic("dead-letter-replays"), 1)) > before + 100

        await until(under_way, 30)
        process.kill()
        await finish(process)
        sent = len(await read_all(broker, system.topic("dead-letter-replays"), 1))
        assert before < sent < count, "it was not killed in the middle"
    _, said = await command(system, *words[:-1], "500")
    assert f"{sent:,} had been sent again before" in said
    found = await sent_again(system)
    assert Counter(orjson.loads(one.value)["event_id"] for one in found) == Counter(f"e{n}" for n in range(count))
    for partition in range(PARTITIONS):
        times = [one.timestamp for one in found if one.partition == partition]
        assert times == sorted(times)
