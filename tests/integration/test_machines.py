"""A scanner in the running system: what its first clicks gave is taken back, though the worker was killed in between."""

from pathlib import Path

import orjson
from aiokafka import AIOKafkaProducer

from stream_app.engine.times import HOUR, parse_time
from stream_app.streaming.transaction import default_partition
from tests.pipeline.desk import event
from tests.pipeline.models import TEXT
from tests.pipeline.system import System

START = parse_time("2026-03-02T09:20:00Z")
MODEL = TEXT.replace("min_dwell: 1d, ", "").replace(
    "rules:\n",
    """machines:
  - {id: marked, on: {where: {machine: true}}}
  - {id: sweep, on: {channel: email, type: click}, sweep: {mail: email_id, link: url, links: 3, seconds: 10}}
rules:
  - {id: click, kind: activity, score: interest, on: {channel: email, type: click}, points: 20}
""",
    1,
)


async def click(system: System, number: int, user: str, time: int, **properties: object) -> None:
    """Send a click on a link of its own."""
    click = event(
        number, time, user=user, type="click", properties={"email_id": "n1", "url": f"/{number}", **properties}
    )
    key = f"user:{user}".encode()
    async with AIOKafkaProducer(bootstrap_servers=system.broker) as producer:
        await producer.send(
            system.topic("email-events"), orjson.dumps(click), key, default_partition(key, 1), timestamp_ms=time
        )


async def test_a_sweep_is_taken_back_after_a_kill(broker: str, tmp_path: Path) -> None:
    """Two clicks make an MQL; the third, after kill -9 and recovery, shows that none of them was a person's."""
    file = tmp_path / "machines.yaml"
    file.write_text(MODEL)
    system = await System(broker, tmp_path, file, partitions=1).create()
    with system.worker("a") as worker:
        await worker.ready()
        for number in range(2):
            await click(system, number, "ann", START + number * 1_000)
            await click(system, 10 + number, "bob", START + number * HOUR)
        await click(system, 20, "cyd", START, machine=True)
        await system.caught_up(30, worker.said)
        assert (await system.latest("lead-scores"))["user:ann"]["stages"] == {"lifecycle": "mql"}
        worker.kill()
        await click(system, 2, "ann", START + 9_000)
        await click(system, 12, "bob", START + 2 * HOUR)
        worker.start()
        await worker.ready(times=2)
        await system.caught_up(30, worker.said)
        assert worker.stop() == 0, worker.said()
    scores = {key: record["scores"]["interest"] for key, record in (await system.latest("lead-scores")).items()}
    assert scores == {"user:ann": 0, "user:bob": 60, "user:cyd": 0}
    made = await system.transitions()
    assert [(move["to"], move["cause"]["kind"]) for move in made["user:ann"]] == [
        ("mql", "activity"),
        ("known", "activity"),
    ]
    assert "user:cyd" not in made
