"""Projectors and their server killed while records flow: what is left must be what the topics say, once."""

import asyncio
import random
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Self

import orjson

from stream_app.local.valkey import ValkeyServer
from stream_app.serving.projection.base import Query
from stream_app.serving.projection.store import Store, open_store
from stream_app.streaming.processor import Output
from stream_app.topics import Manifest
from tests.lanes.kafka_tools import lag
from tests.lanes.process import ROOT, WorkerProcess, until
from tests.pipeline.system import COMMAND
from tests.projection.feeding import PARTITIONS, becomes, new_topics, output, send
from tests.projection.records import move_document, score_document

LEADS = 60
CHAPTER = 500


class Projector(WorkerProcess):
    """`stream-app projector`, to start, stop and kill."""

    def __init__(self, directory: Path, name: str, words: list[str]) -> None:
        super().__init__(directory, name, {})
        self.words = words

    def start(self) -> Self:
        """Start it (again), unless it runs."""
        if self.process is None or self.process.poll() is not None:
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(
                    [*COMMAND, "projector", *self.words], cwd=ROOT, stdout=log, stderr=log, start_new_session=True
                )
        return self


async def test_kills_of_projectors_and_server(broker: str, tmp_path: Path) -> None:
    """Each fault lands while records are being taken, and is followed by a full recovery: nothing is missing, nothing is
    kept twice, nothing older comes back."""
    chaos = Chaos(broker, tmp_path, await new_topics(broker))
    with chaos.server, chaos:
        await chaos.round(chaos.one.kill)
        await chaos.round(chaos.server.kill)
        await chaos.round(chaos.older)
        await chaos.round(chaos.lose)
        await chaos.zombie()
        await chaos.round(chaos.two.kill)
        await until(chaos.all_committed, 40, chaos.one.said)
        async with chaos.open_store() as store:
            page = await store.page(Query("lead", "total", limit=LEADS))
        ranked = [(orjson.loads(value)["scores"]["total"], spot[1]) for spot, value in page.rows]
        assert {key for _, key in ranked} == {key for key, known in chaos.story.revisions.items() if known is not None}
        assert [score for score, _ in ranked] == sorted((score for score, _ in ranked), reverse=True)
        assert chaos.one.stop() == 0, chaos.one.said()


class Chaos:
    """Two projectors, their server, what is sent, and what befalls them."""

    def __init__(self, broker: str, folder: Path, manifest: Manifest) -> None:
        self.broker, self.folder, self.manifest = broker, folder, manifest
        self.story = Story(manifest, random.Random(7))
        self.server = ValkeyServer(folder / "valkey")

    def __enter__(self) -> Self:
        words = ["--bootstrap", self.broker, "--prefix", self.manifest.prefix, "--redis", self.server.url]
        self.one, self.two = (Projector(self.folder, name, words).start() for name in ("one", "two"))
        return self

    def __exit__(self, *_: object) -> None:
        self.one.kill()
        self.two.kill()

    def open_store(self) -> Store:
        """The projection."""
        return open_store(self.server.url, f"stream-app{self.manifest.prefix}:")

    async def send(self, length: int) -> None:
        """A chapter more, in one transaction."""
        await send(self.broker, self.manifest, *self.story.chapter(length))

    async def send_on_and_on(self) -> None:
        """Chapter after chapter, until the fault."""
        self.flowing = True
        while self.flowing:
            await self.send(CHAPTER)

    async def round(self, fault: Callable[[], None]) -> None:
        """A fault amid work, and everything started again."""
        self.copy()
        sending = await self.amid_work()
        fault()
        self.flowing = False
        self.server.start()
        self.one.start()
        self.two.start()
        await sending
        await self.send(200)
        await self.all_right()

    async def zombie(self) -> None:
        """One is frozen amid work for longer than its session, the other does it all, then it wakes up."""
        sending = await self.amid_work()
        self.two.send(signal.SIGSTOP)
        self.flowing = False
        await sending
        await self.all_right()
        self.two.send(signal.SIGCONT)
        await self.send(200)
        await self.all_right()

    async def amid_work(self) -> asyncio.Task[None]:
        """Return while records flow and are taken; what sends them is to be awaited after the fault."""
        async with self.open_store() as store:

            async def taken() -> int:
                known = await store.generations()
                positions = {} if known.live is None else await store.positions(known.live)
                return sum(positions.values())

            await until(self.all_committed, 40, self.one.said)
            before = await taken()
            sending = asyncio.create_task(self.send_on_and_on())

            async def begun() -> bool:
                return await taken() > before + CHAPTER

            await until(begun, 40, self.one.said)
            return sending

    def copy(self) -> None:
        """Keep what the server has on disk."""
        shutil.rmtree(self.folder / "copy", ignore_errors=True)
        shutil.copytree(self.server.data_dir, self.folder / "copy", ignore_dangling_symlinks=True)

    def older(self) -> None:
        """The server comes back as it was at the last copy: its last seconds are lost."""
        self.server.kill()
        shutil.rmtree(self.server.data_dir)
        shutil.copytree(self.folder / "copy", self.server.data_dir)

    def lose(self) -> None:
        """The server and all it had."""
        self.server.kill()
        shutil.rmtree(self.server.data_dir / "appendonlydir")

    async def all_committed(self) -> bool:
        """Whether the group has committed every record."""
        topics = [self.manifest[base].name for base in ("lead-scores", "transitions")]
        return await lag(self.broker, f"{self.manifest.prefix}stream-app-projector", topics, PARTITIONS) == 0

    async def all_right(self) -> None:
        """Return when the projection is what was sent: records by revision, transitions once each and in order."""
        async with self.open_store() as store:
            await becomes(store, self.story.revisions, 60)

            async def all_there() -> bool:
                rows = [(await store.row("lead", key), count) for key, count in self.story.moves.items()]
                return all(row.moves_total >= count for row, count in rows)

            await until(all_there, 60, self.one.said)
            for key, count in self.story.moves.items():
                row = await store.row("lead", key)
                seen = [orjson.loads(move)["seq"] for move in row.moves]
                assert (row.moves_total, seen) == (count, list(range(count, max(0, count - 200), -1))), key


class Story:
    """Scores, tombstones and transitions of some leads, and what they must come to."""

    def __init__(self, manifest: Manifest, chance: random.Random) -> None:
        self.manifest, self.chance = manifest, chance
        self.last = dict.fromkeys([f"user:{number}" for number in range(LEADS)], 0)
        self.moves = dict.fromkeys(self.last, 0)
        self.revisions: dict[str, int | None] = {}

    def chapter(self, length: int) -> list[Output]:
        """So many records more."""
        return [self._record(self.chance.choice(list(self.last))) for _ in range(length)]

    def _record(self, key: str) -> Output:
        what = self.chance.random()
        if what < 0.2:
            self.moves[key] += 1
            return output(self.manifest, "transitions", key, move_document(key, self.moves[key]))
        if what < 0.3:
            self.revisions[key] = None
            return output(self.manifest, "lead-scores", key, None)
        self.last[key] += 1
        self.revisions[key] = self.last[key]
        document = score_document(key, self.last[key], self.chance.randrange(100))
        return output(self.manifest, "lead-scores", key, document)
