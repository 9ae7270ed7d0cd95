"""A rebuild under live load, with everything killed on the way: the live scores never notice, and in the end all are those of a
replay of all events under the new version, and nobody was told anything twice."""

import asyncio
import json
import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stream_app.engine.times import parse_time
from stream_app.modelfiles import read_model
from stream_app.ops.lag_reader import open_lag_reader
from stream_app.publishing.crew import side_group
from stream_app.publishing.reading import registry_at
from stream_app.publishing.registry import Registry
from stream_app.streaming.transaction import default_partition
from stream_app.worker.before import BEFORE
from stream_app.worker.composition import compose
from stream_app.worker.versions import VERSIONS
from tests.lanes.kafka_tools import Row, fill
from tests.lanes.process import ROOT, WorkerProcess, until
from tests.pipeline.public import faults
from tests.pipeline.system import COMMAND, System
from tests.pipeline.tables import accounts_at, leads_at
from tests.pipeline.versions import END, TOPICS, edited_text, ends, history, parts, rebuilt_text, replayed

PARTITIONS = 2
LEADS, ACCOUNTS, EVENTS = 900, 40, 6_000
CHUNK = 40
pytestmark = pytest.mark.timeout(300)


class Rebuild:
    """`stream-app model rebuild`, to be killed and said again."""

    def __init__(self, system: System, model: Path) -> None:
        self.system = system
        self.log = system.directory / "rebuild.log"
        self.words = ["model", "rebuild", str(model), "--clock", "event", "--jobs", "1", "--by", "test"]
        self.words += ["--transitions", "restated", "--group", system.group]
        self.words += ["--bootstrap", system.broker, "--prefix", system.manifest.prefix]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Say it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, *self.words], cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self) -> None:
        """SIGKILL; its worker sees that its parent is gone."""
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        self.process.kill()
        self.process.wait(10)

    async def ended(self, within: float) -> int:
        """Its exit code."""
        process = self.process
        assert process is not None

        async def has_ended() -> bool:
            return process.poll() is not None

        await until(has_ended, within, self.said)
        return process.returncode

    def said(self) -> str:
        """What it wrote."""
        return self.log.read_text(errors="replace")[-3000:]


def live_worker(system: System, name: str, slow: Path) -> WorkerProcess:
    """A worker as a supervisor would have it."""
    settings = {
        "broker": system.broker,
        "prefix": system.manifest.prefix,
        "partitions": system.partitions,
        "model": str(system.model_file),
        "group": system.group,
        "data_dir": str(system.directory / f"{name}.data"),
        "store": "memory",
        "slow": str(slow),
        "plain": False,
    }
    return WorkerProcess(system.directory, name, settings, "tests.pipeline.chaos_worker")


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


async def load(system: System, events: list[dict[str, Any]], paced: Callable[[], bool]) -> None:
    """Events as they come, a few at a time, for as long as `paced`; then the rest at once."""
    while events and paced():
        some, events = events[:CHUNK], events[CHUNK:]
        await send(system, some)
        await asyncio.sleep(0.1)
    await send(system, events)


async def status_is(system: System, status: str, what: Callable[[], str]) -> None:
    """Return when the generation has come to a status."""
    await seen(system, lambda registry: any(one.status == status for one in registry.generations), what)


async def seen(system: System, holds: Callable[[Registry], bool], what: Callable[[], str]) -> None:
    """Return when the registry says so."""

    async def is_so() -> bool:
        registry, _ = await registry_at(system.broker, system.manifest)
        return holds(registry)

    await until(is_so, 90, what)


async def begun(system: System, number: int) -> None:
    """Return when the workers of a generation have read some of it."""
    async with open_lag_reader(system.broker, system.manifest.beside(number)) as reader:

        async def has_begun() -> bool:
            return any((one.committed or 0) > 0 for one in await reader.look([side_group(system.group, number)]))

        await until(has_begun, 60)


class Chaos:
    """A system under load, a rebuild, and what is killed when."""

    def __init__(self, system: System, model: Path) -> None:
        self.system = system
        self.slow = system.directory / "slow"
        self.rebuild = Rebuild(system, model)
        self.workers = [live_worker(system, f"w{number}", self.slow) for number in range(2)]

    async def while_it_is_built(self) -> None:
        """The live generation does not notice."""
        self.rebuild.start()
        await begun(self.system, 1)
        self.rebuild.kill()
        registry, _ = await registry_at(self.system.broker, self.system.manifest)
        assert registry.live is None
        assert all(worker.running for worker in self.workers)

    async def while_it_stands_still(self) -> None:
        """Nor then."""
        self.rebuild.start()
        await status_is(self.system, "settling", self.said)
        self.rebuild.kill()

    async def while_lanes_take_over(self) -> None:
        """The command right after the switch, all workers at the same time, and one once more while leads are revealed."""
        self.rebuild.start()
        self.slow.touch()
        await status_is(self.system, "taken_over", self.said)
        self.rebuild.kill()
        for worker in self.workers:
            worker.kill()
            worker.start()
        await seen(self.system, lambda found: any(lane.left for lane in found.lanes), self.said)
        self.workers[0].kill()
        self.workers[0].start()
        self.slow.unlink()

    async def said_once_more(self) -> None:
        """Whoever says it again brings it to its end."""
        self.rebuild.start()
        assert await self.rebuild.ended(90) == 0, self.said()

    def stop(self) -> None:
        """Let the workers finish."""
        for worker in self.workers:
            assert worker.stop() == 0, worker.said()[-3000:]

    def end(self) -> None:
        """Leave nothing running."""
        for worker in self.workers:
            worker.kill()
        if self.rebuild.process is not None and self.rebuild.process.poll() is None:
            self.rebuild.process.send_signal(signal.SIGKILL)

    def said(self) -> str:
        """The ends of the logs."""
        return "\n".join([self.rebuild.said(), *(worker.said()[-1500:] for worker in self.workers)])


async def test_a_rebuild_under_live_load(broker: str, tmp_path: Path) -> None:
    """S405: the rebuild is killed while it is built, while its lanes stand still, and after the switch; the live workers are
    killed in the middle of taking over. Events come all the time."""
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(edited_text(plain=True))
    second.write_text(rebuilt_text(random.Random(3), plain=True))
    system = await System(broker, tmp_path, first, partitions=PARTITIONS).create()
    events = [*history(random.Random(11), EVENTS, LEADS, ACCOUNTS), *ends(PARTITIONS)]
    half = EVENTS // 2
    await send(system, events[:half])
    chaos, going = Chaos(system, second), asyncio.Event()
    loading = asyncio.create_task(asyncio.sleep(0))
    try:
        for worker in chaos.workers:
            await worker.start().ready()
        await system.caught_up(90, chaos.said)
        loading = asyncio.create_task(load(system, events[half:], lambda: not going.is_set()))
        await chaos.while_it_is_built()
        await chaos.while_it_stands_still()
        await chaos.while_lanes_take_over()
        await chaos.said_once_more()
        going.set()
        await loading
        await system.settled(END, 90, chaos.said)
        chaos.stop()
    finally:
        loading.cancel()
        chaos.end()
    await check(system, second, events)


async def check(system: System, model_file: Path, events: list[dict[str, Any]]) -> None:
    """Tables and what was published, held to a replay under the version in force; nothing is left of the generation."""
    model = read_model(str(model_file))
    scoring = compose(model, system.manifest)
    leads, accounts = await system.entries("lead"), await system.entries("account")
    assert [key for key in (*leads, *accounts) if key.startswith(BEFORE)] == []
    found = leads_at(scoring, {key: entry for key, entry in leads.items() if not key.startswith(VERSIONS)}, END)
    found |= accounts_at(scoring, accounts, END)
    world, _ = replayed(model, events)
    expected = {record.get("lead") or record["account_id"]: parts(record) for record in world.scores()}
    actual = {key: parts(record) for key, record in found.items()}
    wrong = [key for key in expected.keys() | actual.keys() if expected.get(key) != actual.get(key)]
    assert not wrong, f"{len(wrong)}: {wrong[0]} is {actual.get(wrong[0])}, not {expected.get(wrong[0])}"
    for base, subject in (("lead-scores", "lead"), ("account-scores", "account")):
        assert faults(await system.records(base), await system.transitions(subject), model.version) == []
    moves = [one for some in (await system.transitions()).values() for one in some]
    assert len({one["id"] for one in moves}) == len(moves)
    assert {one["cause"]["kind"] for one in moves if one["restated"]} <= {"model"}
    assert await system.records("dead-letters") == []
    registry, _ = await registry_at(system.broker, system.manifest)
    assert [one.status for one in registry.generations] == ["finished"]
