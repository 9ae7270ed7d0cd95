"""Merges, unlinks and erasures on the real broker while workers are killed in the middle of each."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from stream_app.engine.times import DAY, MINUTE, format_time, parse_time
from stream_app.streaming.transaction import default_partition
from stream_app.worker.composition import compose
from stream_app.worker.links import Erase, link_output
from tests.lanes.kafka_tools import Row, fill, lag
from tests.lanes.process import until
from tests.pipeline.chaos import ChaosSystem, Worker
from tests.pipeline.companies import END, Event, ends, foretold
from tests.pipeline.models import TEXT
from tests.pipeline.system import COMMAND, System
from tests.pipeline.tables import leads_at
from tests.pipeline.verdict import ladders

PARTITIONS = 2
PEOPLE = 240
ERASED = range(0, PEOPLE, 3)
FREED = range(1, PEOPLE, 3)
START = END - 20 * DAY
CALLS = itertools.count()
pytestmark = pytest.mark.timeout(300)


def keys(person: int) -> tuple[str, str, str]:
    """What a person is known by, strongest first."""
    return f"user:person-{person}", f"email:person-{person}@gmail.com", f"anon:person-{person}"


def told(person: int, day: float, kind: str, *some: str) -> Event:
    """An event of a person, with some of its keys."""
    names = {"user": "user_id", "email": "email", "anon": "anonymous_id"}
    time = START + round(day * DAY) + person
    stated: Event = {"event_id": f"e{next(CALLS)}", "time": format_time(time), "type": kind}
    stated |= {"channel": "crm" if kind == "unlink" else "web"}
    return stated | {names[key.partition(":")[0]]: key.partition(":")[2] for key in some}


async def send(system: System, events: list[Event]) -> None:
    """Events under their strongest keys, so that the partitions of the others have to be asked."""
    rows: dict[str, list[Row]] = {}
    for event in events:
        key = next(
            f"{head}:{event[name]}"
            for head, name in (("user", "user_id"), ("email", "email"), ("anon", "anonymous_id"))
            if name in event
        ).encode()
        row = (default_partition(key, PARTITIONS), parse_time(event["time"]), key, json.dumps(event).encode())
        rows.setdefault(f"{event['channel']}-events", []).append(row)
    for topic, some in rows.items():
        await fill(system.broker, system.topic(topic), some)


async def killed_in_the_middle(system: System, worker: Worker, start: Callable[[], Awaitable[None]]) -> None:
    """Start something, and kill the worker when some of its messages have been sent and not all of them been taken."""
    worker.slow.touch()
    inbox = system.topic("lead-inbox")
    places = [TopicPartition(inbox, partition) for partition in range(PARTITIONS)]
    async with AIOKafkaConsumer(bootstrap_servers=system.broker) as reader:
        before: int = sum((await reader.end_offsets(places)).values())
        await start()

        async def under_way() -> bool:
            return bool(sum((await reader.end_offsets(places)).values()) > before + PEOPLE // 8)

        await until(under_way, 30, worker.said)
        worker.kill()
    assert await lag(system.broker, system.group, [inbox], PARTITIONS) > 0, "all was done before the kill"
    worker.slow.unlink()
    worker.start()
    await system.caught_up(60, worker.said)


async def ask(system: System, people: range) -> None:
    """Ask for erasures by the weakest keys, as `stream-app lead erase` does one by one."""
    async with AIOKafkaProducer(bootstrap_servers=system.broker) as producer:
        sent = []
        for person in people:
            topic, key, value, headers, time, _ = link_output(
                system.topic("lead-inbox"), keys(person)[2], Erase(f"r{person}", END - DAY, None), END - DAY
            )
            place = default_partition(key or b"", PARTITIONS)
            sent.append(
                await producer.send(topic, value, key, partition=place, timestamp_ms=time, headers=list(headers))
            )
        await asyncio.gather(*sent)


def visits() -> Iterator[Event]:
    """Everybody comes unnamed, then with an address."""
    for person in range(PEOPLE):
        yield told(person, 1, "page_view", keys(person)[2])
        yield told(person, 2, "page_view", keys(person)[1])


def meetings() -> Iterator[Event]:
    """And gives a name, which links all."""
    return (told(person, 3, "identify", *keys(person)) for person in range(PEOPLE))


async def test_merges_unlinks_and_erasures_through_kills(broker: str, tmp_path: Path) -> None:
    """Each is killed in its middle: scores are then the replay's, and of who was erased nothing is left."""
    file = tmp_path / "small.yaml"
    file.write_text(TEXT)
    system = await ChaosSystem(broker, tmp_path, file, partitions=PARTITIONS).create()
    story = [*visits(), *meetings()]
    with Worker(system, "a", "memory", tmp_path / "slow") as worker:
        await send(system, story[: 2 * PEOPLE])
        await system.caught_up(60, worker.said)
        await killed_in_the_middle(system, worker, lambda: send(system, story[2 * PEOPLE :]))
        unlinks = [told(person, 4, "unlink", keys(person)[0], keys(person)[2]) for person in FREED]
        await killed_in_the_middle(system, worker, lambda: send(system, unlinks))
        later = [told(person, 5, "page_view", keys(person)[2]) for person in range(PEOPLE)]
        await send(system, later)
        await system.caught_up(60, worker.said)
        await killed_in_the_middle(system, worker, lambda: ask(system, ERASED))
        late = [told(person, 6, "page_view", key) for person in ERASED for key in keys(person)]
        await send(system, [*late, *ends(PARTITIONS)])
        await system.caught_up(60, worker.said)
        await system.settled(END - MINUTE, 60, worker.said)
        await _commands(system)
        assert worker.stop() == 0, worker.said()[-3000:]
    assert await system.records("dead-letters") == []
    await _compare(system, [*story, *unlinks, *later, *ends(PARTITIONS)])


async def _compare(system: System, story: list[Event]) -> None:
    gone = {key for person in [*ERASED, 2] for key in keys(person)}
    wanted = {key: record for key, record in foretold(system.model, story).items() if "lead" in record}
    wanted = {key: record for key, record in wanted.items() if key not in gone}
    published, entries = await system.latest("lead-scores"), await system.entries("lead")
    tables = leads_at(compose(system.model, system.manifest), entries, END)
    assert published.keys() == tables.keys() == wanted.keys()
    for key, record in wanted.items():
        assert published[key]["scores"] == record["scores"], key
        assert tables[key]["raw"] == pytest.approx(record["raw"], rel=0, abs=1e-8), key
    kept = b"\n".join(itertools.chain(*entries.items()))
    assert not any(key.encode() + b"\n" in kept + b"\n" for key in gone)
    names = {key.partition(":")[2].encode() for key in gone if key.startswith("email:")}
    assert not any(name in kept for name in names)
    said = [json.loads(record.value) for record in await system.records("transitions")]
    erased = [document["lead"] for document in said if document.get("erased") and document["known"]]
    assert sorted(erased) == sorted(gone)
    made = await system.transitions()
    assert list(ladders("lead", made, made.keys())) == []


async def _commands(system: System) -> None:
    """`lead erase` waits for the answer; of an unknown key it says so."""
    code, out = await _erase(system, keys(2)[1], "--json")
    answer = json.loads(out)
    assert (code, {document["lead"] for document in answer["erased"]}) == (0, set(keys(2)))
    assert {document["request"] for document in answer["erased"]} == {answer["request"]}
    code, out = await _erase(system, "user:nobody")
    assert (code, out) == (1, b"erased user:nobody: nothing was known of it\n")


async def _erase(system: System, *words: str) -> tuple[int, bytes]:
    place = ["--bootstrap", system.broker, "--prefix", system.manifest.prefix]
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "lead", "erase", *words, *place, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
    return process.returncode or 0, out
