"""Projectors and their server killed while records flow: what is left must be what the topics say, once."""

import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Self

import orjson

from stream_app.local.valkey import ValkeyServer
from stream_app.serving.projection.base import Query
from stream_app.serving.projection.store import Store, open_store
from stream_app.streaming.once import OnceSender
from stream_app.streaming.processor import Output
from stream_app.topics import Manifest
from tests.lanes.kafka_tools import lag
from tests.lanes.process import ROOT, WorkerProcess, until
from tests.pipeline.system import COMMAND
from tests.projection.feeding import PARTITIONS, becomes, new_topics, output
from tests.projection.records import move_document, score_document

LEADS = 60


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
    """SIGKILL of each projector, SIGSTOP of one (a zombie), SIGKILL of the server, loss of all it had: each lands while
    records are unread, and each is followed by a full recovery. No transition is kept twice, none is missing."""
    chance = random.Random(7)
    manifest = await new_topics(broker)
    story = Story(manifest, chance)
    server = ValkeyServer(tmp_path / "valkey")
    words = ["--bootstrap", broker, "--prefix", manifest.prefix, "--model", "b2b-saas"]
    with server:
        words += ["--redis", server.url]
        one, two = (Projector(tmp_path, name, words) for name in ("one", "two"))
        faults: list[Callable[[], None]] = [
            one.kill,
            lambda: two.send(signal.SIGSTOP),
            server.kill,
            lambda: lose(server),
            two.kill,
        ]
        with one, two:
            async with OnceSender(broker, f"{manifest.prefix}worker", "worker") as sender:
                for fault in faults:
                    await sender.send(story.chapter(400))
                    one.start()
                    two.start()
                    await sender.send(story.chapter(400))
                    assert await unread(broker, manifest) > 0
                    fault()
                    await sender.send(story.chapter(200))
                    server.start()
                    one.start()
                    two.start()
                    two.send(signal.SIGCONT)
                    async with open_store(server.url, f"stream-app{manifest.prefix}:") as store:
                        await becomes(store, story.revisions, 60)
                        await check_moves(store, story)
                    one.kill()

                one.start()

                async def none_left() -> bool:
                    return await unread(broker, manifest) == 0

                await until(none_left, 40, lambda: one.said()[-3000:])
            async with open_store(server.url, f"stream-app{manifest.prefix}:") as store:
                page = await store.page(Query("lead", "total", limit=LEADS))
                ranked = [(orjson.loads(value)["scores"]["total"], spot[1]) for spot, value in page.rows]
            known = {key for key, revision in story.revisions.items() if revision is not None}
            assert {key for _, key in ranked} == known
            assert [score for score, _ in ranked] == sorted((score for score, _ in ranked), reverse=True)
            assert one.stop() == 0, one.said()


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


async def check_moves(store: Store, story: Story) -> None:
    """Each lead's transitions are there, once each and in order."""

    async def all_there() -> bool:
        for key, count in story.moves.items():
            if (await store.row("lead", key)).moves_total < count:
                return False
        return True

    await until(all_there, 30)
    for key, count in story.moves.items():
        row = await store.row("lead", key)
        seen = [orjson.loads(move)["seq"] for move in row.moves]
        assert (row.moves_total, seen) == (count, list(range(count, max(0, count - 200), -1))), key


async def unread(broker: str, manifest: Manifest) -> int:
    """Records that the group has not committed."""
    topics = [manifest[base].name for base in ("lead-scores", "transitions")]
    return await lag(broker, f"{manifest.prefix}stream-app-projector", topics, PARTITIONS)


def lose(server: ValkeyServer) -> None:
    """The server and all it had."""
    server.kill()
    for file in (server.data_dir / "appendonlydir").glob("*"):
        file.unlink()
