"""Versions published while workers join and are killed: every lane ends under the last one, as if nothing had happened."""

import asyncio
import itertools
import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from stream_app.engine.times import parse_time
from stream_app.modelfiles import read_model
from stream_app.publishing.publisher import Terms, open_publisher
from stream_app.publishing.reading import registry_at
from stream_app.streaming.transaction import default_partition
from stream_app.worker.composition import compose
from stream_app.worker.publications import Mode
from stream_app.worker.versions import VERSIONS
from tests.lanes.kafka_tools import Row, fill
from tests.lanes.process import ROOT, WorkerProcess, until
from tests.pipeline.system import System
from tests.pipeline.tables import accounts_at, leads_at
from tests.pipeline.verdict import ladders
from tests.pipeline.versions import END, TOPICS, edited, edited_text, ends, history, parts, replayed

PARTITIONS = 2
LEADS, ACCOUNTS, EVENTS = 1_200, 60, 6_000
SECOND, THIRD, LAST = (0, 1, 4), (2, 7), (0, 5, 6, 8)
pytestmark = pytest.mark.timeout(240)


class Chaos:
    """A system, its workers (which a supervisor would start again), and what is published into it."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.slow = system.directory / "slow"
        self.workers = [self._worker(f"w{number}") for number in range(2)]
        self.files = {}
        for number, edits in enumerate([SECOND, THIRD, LAST]):
            self.files[edits] = system.directory / f"version{number}.yaml"
            self.files[edits].write_text(edited_text(*edits, plain=True))

    def _worker(self, name: str) -> WorkerProcess:
        system = self.system
        settings = {
            "broker": system.broker,
            "prefix": system.manifest.prefix,
            "partitions": system.partitions,
            "model": str(system.model_file),
            "group": system.group,
            "data_dir": str(system.directory / f"{name}.data"),
            "store": "memory",
            "slow": str(self.slow),
            "plain": False,
        }
        return WorkerProcess(system.directory, name, settings, "tests.pipeline.chaos_worker")

    async def publish(self, edits: tuple[int, ...], at: str, mode: Mode = "emit") -> None:
        """Publish a version, in force from a time on."""
        async with open_publisher(self.system.broker, self.system.manifest) as publisher:
            terms = Terms(by="test", mode=mode, at=parse_time(at))
            await publisher.publish(read_model(str(self.files[edits])), terms)

    def publish_in_vain(self, edits: tuple[int, ...], at: str) -> None:
        """A publisher that is killed before it commits."""
        given = {
            "broker": self.system.broker,
            "prefix": self.system.manifest.prefix,
            "partitions": self.system.partitions,
            "model": str(self.files[edits]),
            "at": parse_time(at),
        }
        words = [sys.executable, "-m", "tests.pipeline.dying_publisher", json.dumps(given)]
        ended = subprocess.run(words, cwd=ROOT, capture_output=True, timeout=60, check=False)
        assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()[-2000:]

    async def restating(self, number: int) -> None:
        """Return when some lane restates for a publication and is not done."""

        async def under_way() -> bool:
            registry, _ = await registry_at(self.system.broker, self.system.manifest)
            return any(lane.number == number and lane.left > LEADS // 10 for lane in registry.lanes)

        await until(under_way, 60, self.said)

    async def killed(self, worker: WorkerProcess) -> None:
        """Kill a worker in the middle of restating, and start it again."""
        worker.kill()
        registry, _ = await registry_at(self.system.broker, self.system.manifest)
        assert any(lane.left for lane in registry.lanes), "all was restated before the kill: make it slower"
        worker.start()

    async def settled(self) -> None:
        """Return when every lane has the last publication and has restated all."""

        async def is_settled() -> bool:
            registry, lanes = await registry_at(self.system.broker, self.system.manifest)
            assert registry.live is not None
            done = [lane for lane in registry.lanes if lane.number == registry.live.number and not lane.left]
            return len(done) == lanes

        await until(is_settled, 60, self.said)

    def said(self) -> str:
        """The ends of the workers' logs."""
        return "\n".join(worker.said()[-1500:] for worker in self.workers)


async def send(system: System, events: list[dict[str, Any]]) -> None:
    """Events where they belong, at their times."""
    rows: dict[str, list[Row]] = {}
    for event in events:
        key = (f"user:{event['user_id']}" if "user_id" in event else event["account_id"]).encode()
        place = default_partition(key, system.partitions)
        row = place, parse_time(event["time"]), key, json.dumps(event).encode()
        rows.setdefault(TOPICS[event["channel"]], []).append(row)
    for topic, some in rows.items():
        await fill(system.broker, system.topic(topic), some)


async def test_versions_published_into_chaos(broker: str, tmp_path: Path) -> None:
    """S9: a publish during a rebalance, publishers and workers killed in the middle of publishing and of restating, a
    version published while another is restated: final scores are those of a replay under the last version, every record
    names it, and transitions are numbered without a gap."""
    file = tmp_path / "first.yaml"
    file.write_text(edited_text(plain=True))
    system = await System(broker, tmp_path, file, partitions=PARTITIONS).create()
    events = [*history(random.Random(11), EVENTS, LEADS, ACCOUNTS), *ends(PARTITIONS)]
    third = EVENTS // 3
    await send(system, events[:third])
    chaos = Chaos(system)
    one, two = chaos.workers
    try:
        one.start()
        await one.ready()
        await system.caught_up(90, chaos.said)
        chaos.slow.touch()
        two.start()
        chaos.publish_in_vain(THIRD, events[third]["time"])  # while the group is rebalancing
        await chaos.publish(SECOND, events[third]["time"])
        await chaos.restating(1)
        await chaos.killed(one)
        await send(system, events[third : 2 * third])
        await chaos.publish(THIRD, events[2 * third]["time"], "restated")
        await chaos.restating(2)
        await asyncio.gather(*(chaos.killed(worker) for worker in (two, one)))
        await chaos.publish(LAST, events[2 * third]["time"])
        await send(system, events[2 * third :])
        chaos.slow.unlink()
        await chaos.settled()
        await system.settled(END, 90, chaos.said)
        for worker in chaos.workers:
            assert worker.stop() == 0, worker.said()[-3000:]
    finally:
        for worker in chaos.workers:
            worker.kill()
    await compare(system, events)


async def compare(system: System, events: list[dict[str, Any]]) -> None:
    """Tables, records and transitions with a replay under the last version."""
    model = edited(*LAST, plain=True)
    scoring, last, found = compose(model, system.manifest), model.version, dict[str, Any]()
    leads, accounts = await system.entries("lead"), await system.entries("account")
    found |= leads_at(scoring, {key: entry for key, entry in leads.items() if not key.startswith(VERSIONS)}, END)
    found |= accounts_at(scoring, accounts, END)
    world, _ = replayed(model, events)
    expected = {record.get("lead") or record["account_id"]: parts(record) for record in world.scores()}
    actual = {key: parts(record) for key, record in found.items()}
    wrong = [key for key in expected.keys() | actual.keys() if expected.get(key) != actual.get(key)]
    assert not wrong, f"{len(wrong)}: {wrong[0]} is {actual.get(wrong[0])}, not {expected.get(wrong[0])}"
    records = {**await system.latest("lead-scores"), **await system.latest("account-scores")}
    assert {record["model"]["version"] for record in records.values()} == {last}
    leads_moves, accounts_moves = await system.transitions(), await system.transitions("account")
    assert [*ladders("lead", leads_moves, set()), *ladders("account", accounts_moves, set())] == []
    causes = {(move["cause"]["kind"], move["restated"]) for move in itertools.chain(*leads_moves.values())}
    assert {("model", False), ("model", True)} <= causes
    assert await system.records("dead-letters") == []
