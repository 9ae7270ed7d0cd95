"""Accounts on the real broker while workers are killed: their scores, and what their members see, are the replay's."""

import json
import signal
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.engine.published import rounded
from stream_app.engine.times import DAY, MINUTE, format_time, parse_time
from stream_app.streaming.transaction import default_partition
from stream_app.worker.composition import compose
from stream_app.worker.fanout import HEAD, MOST, under_way
from tests.lanes.kafka_tools import Row, fill
from tests.lanes.process import until
from tests.pipeline.companies import END, GATHERED, LARGE, Event, crowd, ends, foretold, month
from tests.pipeline.models import TEXT
from tests.pipeline.system import ScoringWorker, System
from tests.pipeline.tables import accounts_at, leads_at
from tests.pipeline.verdict import ladders

PARTITIONS = 2
CROWD = 5 * MOST
pytestmark = pytest.mark.timeout(300)


async def send(system: System, events: list[Event]) -> None:
    """Events where they belong, at their times."""
    rows: dict[str, list[Row]] = {}
    for event in events:
        user, visitor = event.get("user_id"), event.get("anonymous_id")
        key = (f"user:{user}" if user else f"anon:{visitor}" if visitor else event["account_id"]).encode()
        row = (default_partition(key, PARTITIONS), parse_time(event["time"]), key, json.dumps(event).encode())
        rows.setdefault(f"{event['channel']}-events", []).append(row)
    for topic, some in rows.items():
        await fill(system.broker, system.topic(topic), some)


async def killed_while_telling(system: System, worker: ScoringWorker, news: Event) -> bool:
    """Kill the worker when some members have heard, and start it again; whether there were others who had not."""
    places = [TopicPartition(system.topic("lead-inbox"), partition) for partition in range(PARTITIONS)]
    async with AIOKafkaConsumer(bootstrap_servers=system.broker) as reader:
        before: int = sum((await reader.end_offsets(places)).values())
        await send(system, [news])

        async def some_told() -> bool:
            return bool(sum((await reader.end_offsets(places)).values()) > before + CROWD // 20)

        await until(some_told, 20, worker.said)
        worker.send(signal.SIGKILL)
        worker.wait(10)
    entries = await system.entries("account", HEAD + LARGE.encode())
    worker.start()
    return any(map(under_way, entries.values()))


async def test_news_reach_all_members_through_kills(broker: str, tmp_path: Path) -> None:
    """Killed in a month in which people move between companies and turn out to be one, and twice while a company of
    thousands is told something new: every lead and account scores as in the replay, and no ladder has a gap."""
    file = tmp_path / "small.yaml"
    file.write_text(TEXT)
    system = await System(broker, tmp_path, file, partitions=PARTITIONS).create()
    story, end = month(3, 4_000), list(ends(PARTITIONS))
    await send(system, story)
    with system.worker("a", "--instance", "a") as worker:
        await worker.ready()
        worker.send(signal.SIGKILL)
        worker.wait(10)
        assert await system.lag() > 0
        worker.start()
        await send(system, crowd(CROWD))
        await worker.ready(times=2)
        await system.caught_up(60, worker.said)
        await system.settled(GATHERED - DAY, 60, worker.said)
        hits = 0
        for number in range(6):
            employees = 5 if number % 2 else 500 + number
            hits += await killed_while_telling(system, worker, _news(number, employees))
            await worker.ready(times=number + 3)
            if hits == 2:
                break
        assert hits == 2, "all members were told before the kill: make the crowd larger"
        await send(system, end)
        await system.settled(END, 90, worker.said)
        assert worker.stop() == 0, worker.said()[-3000:]
    assert await system.records("dead-letters") == []
    await _compare(system, [*story, *end], employees)


def _news(number: int, employees: int) -> Event:
    """Something new of the large company."""
    time = format_time(GATHERED + MINUTE + number)
    event = {"event_id": f"news-{number}", "time": time, "channel": "account", "type": "update", "account_id": LARGE}
    return event | {"account_facts": {"employees": employees}}


async def _compare(system: System, story: list[Event], employees: int) -> None:
    leads, accounts = await system.latest("lead-scores"), await system.latest("account-scores")
    scoring = compose(system.model, system.manifest)
    tables = leads_at(scoring, await system.entries("lead"), END)
    tables |= accounts_at(scoring, await system.entries("account"), END)
    for key, record in foretold(system.model, story).items():
        published = leads[key] if "lead" in record else accounts[key]
        assert published["scores"] == record["scores"], key
        assert tables[key]["raw"] == pytest.approx(record["raw"], rel=0, abs=1e-8), key
    people = {key: record for key, record in leads.items() if key.startswith("user:crowd-")}
    assert len(people) == CROWD
    (interest,) = {record["scores"]["interest"] for record in people.values()}
    assert accounts[LARGE]["scores"]["score"] == rounded(CROWD * interest, 0)
    fit = 15 if employees >= 100 else 0
    assert {record["scores"]["fit"] for record in people.values()} == {fit}
    raw = tables["user:crowd-0"]["raw"]
    assert raw["total"] == pytest.approx(raw["interest"] + fit + accounts[LARGE]["scores"]["score"] / 10, abs=1e-8)
    assert {record["raw"]["total"] for record in (tables[key] for key in people)} == {raw["total"]}
    for kind in ("lead", "account"):
        assert list(ladders(kind, await system.transitions(kind))) == []
