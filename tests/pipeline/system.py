"""One system on a real broker: topics under a prefix of their own, `stream-app` as a user runs it, and what it wrote."""

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from stream_app.engine.model.types import Model
from stream_app.modelfiles import read_model
from stream_app.ops.topics_admin import create_topics
from stream_app.topics import Agent, Manifest, load_manifest
from stream_app.worker.entries import NEVER_DUE, due_of
from stream_app.worker.fanout import HEAD, under_way
from tests.lanes.kafka_tools import lag, read_all, table
from tests.lanes.process import ROOT, WorkerProcess, until

COMMAND = [sys.executable, "-c", "from stream_app.cli import main; main()"]
_numbers = itertools.count()


class CommandProcess(WorkerProcess):
    """`stream-app` with some words, to start, stop and kill."""

    def __init__(self, directory: Path, name: str, words: list[str]) -> None:
        super().__init__(directory, name, {})
        self.words = words

    def start(self) -> Self:
        """Start it (again)."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, *self.words], cwd=ROOT, stdout=log, stderr=log, start_new_session=True
            )
        return self

    async def ready(self, times: int = 1, within: float = 30.0) -> None:
        """Return when it has said `ready` as many times."""

        async def is_ready() -> bool:
            assert self.running, self.said()[-3000:]
            return self.said().splitlines().count("ready") >= times

        await until(is_ready, within, lambda: self.said()[-3000:])


class ScoringWorker(CommandProcess):
    """`stream-app worker`."""

    def __init__(self, directory: Path, name: str, words: list[str]) -> None:
        super().__init__(directory, name, ["worker", *words])


@dataclass
class System:
    """Topics, workers and commands of one scoring system. Made by `open_system`."""

    broker: str
    directory: Path
    model_file: Path
    clock: str = "event"
    partitions: int = 4
    manifest: Manifest = field(init=False)
    model: Model = field(init=False)

    def __post_init__(self) -> None:
        prefix = f"sys{os.getpid()}-{next(_numbers)}."
        self.manifest = load_manifest(prefix, self.partitions)
        self.model = read_model(str(self.model_file))

    async def create(self) -> Self:
        """Make the topics."""
        await create_topics(self.broker, self.manifest)
        return self

    def topic(self, base: str) -> str:
        """A topic's name on the broker."""
        return self.manifest[base].name

    @property
    def group(self) -> str:
        """The workers' consumer group."""
        return f"{self.manifest.prefix}app"

    def worker(self, name: str, *more: str) -> ScoringWorker:
        """A worker process, not started."""
        words = ["--model", str(self.model_file), "--group", self.group, "--clock", self.clock]
        words += ["--partitions", str(self.partitions), "--data-dir", str(self.directory / f"{name}.data"), *more]
        return ScoringWorker(self.directory, name, [*words, *self._place()])

    def _place(self) -> list[str]:
        return ["--bootstrap", self.broker, "--prefix", self.manifest.prefix]

    async def produce(self, file: Path) -> None:
        """Send a file of events."""
        await run("produce", str(file), *self._place())

    # -- what came of it ------------------------------------------------------------------------------------------------

    async def lag(self) -> int:
        """How many offsets of all inputs are not committed."""
        agents: tuple[Agent, ...] = ("lead", "account")
        topics = [topic.name for agent in agents for topic in self.manifest.inputs(agent)]
        return await lag(self.broker, self.group, topics, self.partitions)

    async def caught_up(self, within: float = 60.0, what: Callable[[], str] = str) -> None:
        """Return when every input is processed and committed, those that the workers write included."""

        async def none_left() -> bool:
            return await self.lag() == 0 and await self.lag() == 0

        await until(none_left, within, what)

    async def settled(self, at: int, within: float = 60.0, what: Callable[[], str] = str) -> None:
        """Return when moreover no timer is due any more at a time (ms), and every account has told its members its news."""

        async def is_settled() -> bool:
            if await self.lag():
                return False
            entries = [*(await self.entries("lead")).values(), *(await self.entries("account", b"a")).values()]
            if any(map(under_way, (await self.entries("account", HEAD)).values())):
                return False
            return all((due_of(entry) or NEVER_DUE) > at for entry in entries) and await self.lag() == 0

        await until(is_settled, within, what)

    async def entries(self, agent: Agent, head: bytes = b"") -> dict[bytes, bytes]:
        """An agent's table, as its changelog has it: the keys that start with `head`."""
        values = await table(self.broker, self.manifest.changelog(agent).name, self.partitions)
        return {key: value for key, value in values.items() if key.startswith(head)}

    async def records(self, base: str) -> list[Any]:
        """All committed records of a topic."""
        return await read_all(self.broker, self.topic(base), self.manifest[base].partitions)

    async def latest(self, base: str) -> dict[str, Any]:
        """The last value of each key of a topic; without what a tombstone removed."""
        values = {record.key.decode(): record.value for record in await self.records(base)}
        return {key: json.loads(value) for key, value in values.items() if value is not None}

    async def transitions(self, subject: str = "lead") -> dict[str, list[Any]]:
        """The transitions of each lead or account, in order."""
        found: dict[str, list[Any]] = {}
        for record in await self.records("transitions"):
            document = json.loads(record.value)
            if document["subject"] == subject and "ladder" in document:
                found.setdefault(record.key.decode(), []).append(document)
        return found


async def run(*words: str) -> bytes:
    """A command of `stream-app` that must succeed; what it wrote to standard output."""
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, err.decode()
    return out
