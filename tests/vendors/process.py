"""`stream-app connect` as a user runs it, on topics of its own of a real broker."""

import itertools
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson
from aiokafka import AIOKafkaProducer

from stream_app.ops.topics_admin import create_topics
from stream_app.topics import Manifest, load_manifest
from tests.lanes.kafka_tools import lag, read_all
from tests.lanes.process import ROOT, WorkerProcess, until
from tests.pipeline.system import COMMAND
from tests.vendors.configs import ENVIRONMENT

_numbers = itertools.count()


class ConnectProcess(WorkerProcess):
    """One process of a connector, to start, stop and kill."""

    def __init__(self, directory: Path, name: str, words: list[str]) -> None:
        super().__init__(directory, name, {})
        self.words = words
        self.starts = 0

    def start(self) -> Self:
        """Start it (again)."""
        self.starts += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "connect", *self.words],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, **ENVIRONMENT},
            )
        return self

    async def ready_said(self, within: float = 30.0) -> None:
        """Return when its latest start has said `ready`."""

        async def is_ready() -> bool:
            assert self.running, self.said()[-3000:]
            return self.said().splitlines().count("ready") >= self.starts

        await until(is_ready, within, lambda: self.said()[-3000:])


@dataclass
class Connected:
    """Topics under a prefix of their own, and one connector's configuration."""

    broker: str
    directory: Path
    name: str = "crm"
    partitions: int = 2
    manifest: Manifest = field(init=False)

    def __post_init__(self) -> None:
        self.manifest = load_manifest(f"con{os.getpid()}-{next(_numbers)}.", self.partitions)

    async def create(self, config: str) -> Self:
        """Make the topics, write the configuration."""
        self.file.write_text(config)
        wanted = tuple(
            self.manifest[base] for base in ("transitions", "lead-scores", "account-scores", "lead-changelog")
        )
        await create_topics(self.broker, Manifest(wanted, self.manifest.prefix, wanted[0]))
        return self

    @property
    def file(self) -> Path:
        """The configuration."""
        return self.directory / f"{self.name}.yaml"

    @property
    def group(self) -> str:
        """The connector's consumer group."""
        return f"{self.manifest.prefix}connect-{self.name}"

    @property
    def place(self) -> list[str]:
        """Where the system is."""
        return ["--bootstrap", self.broker, "--prefix", self.manifest.prefix]

    def process(self, name: str = "a") -> ConnectProcess:
        """A process of the connector, not started."""
        return ConnectProcess(
            self.directory, name, [self.name, "--config", str(self.file), "--instance", name, *self.place]
        )

    async def write(self, documents: Iterable[dict[str, Any]], base: str = "transitions") -> None:
        """Send documents as the worker does: by their leads' keys, in one transaction."""
        transactional = f"{self.manifest.prefix}{next(_numbers)}"
        async with (
            AIOKafkaProducer(bootstrap_servers=self.broker, transactional_id=transactional) as producer,
            producer.transaction(),
        ):
            for one in documents:
                await producer.send(self.manifest[base].name, orjson.dumps(one), one["lead"].encode())

    async def done(self, within: float = 60.0, process: ConnectProcess | None = None) -> None:
        """Return when everything is committed."""

        async def none_left() -> bool:
            assert process is None or process.running, process.said()[-3000:]
            return await lag(self.broker, self.group, [self.manifest["transitions"].name], self.partitions) == 0

        await until(none_left, within, process.said if process is not None else str)

    async def parked(self) -> dict[str, dict[str, Any]]:
        """What lies in the parked topic."""
        found: dict[str, dict[str, Any]] = {}
        for record in await read_all(self.broker, f"{self.manifest.prefix}connect-{self.name}-parked", 1):
            found.pop(record.key.decode(), None)
            if record.value is not None:
                found[record.key.decode()] = orjson.loads(record.value)
        return found
