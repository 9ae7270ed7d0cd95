"""What reads the projection goes by the version of the model that is live, on a real broker and a real Valkey."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stream_app.engine.model.types import Model
from stream_app.modelfiles import read_model
from stream_app.publishing.following import Follower
from stream_app.publishing.publisher import Terms, open_publisher
from stream_app.publishing.reading import live_model, published_model
from stream_app.serving.in_force import in_force
from stream_app.serving.projection.projector import Settings
from stream_app.serving.projection.ranking import Rankings, ranked_scores
from stream_app.serving.projection.store import open_store
from tests.integration.test_api import Server
from tests.integration.test_publish import command
from tests.lanes.process import until
from tests.pipeline.models import TEXT
from tests.pipeline.system import ScoringWorker, System, run
from tests.pipeline.versions import edited_text
from tests.projection.feeding import projecting
from tests.projection.histories import history

VIEWS_COUNT_MORE, OPPORTUNITY = 0, 7
LEAD = "/leads/user:u%2F1"


@dataclass
class Asked:
    """The query API of a running server."""

    url: str
    client: aiohttp.ClientSession
    server: Server

    async def get(self, path: str) -> Any:
        """What it answers."""
        async with self.client.get(f"{self.url}/api/v1{path}") as answer:
            return await answer.json()

    async def items(self, query: str = "") -> int:
        """How many are in a queue."""
        return len((await self.get(f"/leads{query}"))["items"])

    async def explained_by(self, version: str, *, restated: bool) -> dict[str, Any]:
        """The lead's explanation, once it is by a version, and the worker has restated the lead or has not."""
        found: dict[str, Any] = {}

        async def explained() -> bool:
            found.update(await self.get(f"{LEAD}/explanation"))
            return found["model"]["version"] == version and bool(found["notes"]) != restated

        await until(explained, 30, lambda: f"{found}\n{self.server.said()}"[-3000:])
        return found


@dataclass
class Served:
    """A system, its worker and projector at work, and the API on them, as `place` says."""

    system: System
    worker: ScoringWorker
    api: Asked
    place: list[str]


@pytest.fixture
async def served(broker: str, valkey: str, tmp_path: Path) -> AsyncIterator[Served]:
    """A few leads of the small model, which was never published."""
    system = await System(broker, tmp_path, _file(tmp_path, TEXT, "file"), partitions=2).create()
    manifest, events = system.manifest, tmp_path / "events.ndjson"
    events.write_text("".join(json.dumps(event) + "\n" for event in history()))
    await system.produce(events)
    rankings = Rankings(ranked_scores(system.model), lambda version: published_model(broker, manifest, version))
    settings = Settings(bootstrap=broker, manifest=manifest, group=f"{manifest.prefix}projector", rankings=rankings)
    place = ["--prefix", manifest.prefix, "--redis", valkey, "--bootstrap", broker, "--model", str(system.model_file)]
    keys = ["--keys", str(tmp_path / "keys.json")]
    token = (await run("serve", "keys", "create", "test", *keys)).decode().strip()
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        open_store(valkey, f"stream-app{manifest.prefix}:") as store,
        aiohttp.ClientSession(headers=headers) as client,
    ):
        with system.worker("a") as worker, Server(tmp_path, [*place, *keys, "--port", "0"]) as server:
            await worker.ready()
            await system.caught_up(60, worker.said)
            async with projecting(settings, store):
                yield Served(system, worker, Asked(await server.url(), client, server), place)
            assert server.stop() == 0, server.said()


async def test_what_is_published_is_served(served: Served, tmp_path: Path) -> None:
    """The file counts while nothing was published. Then explanations, stages and the scores to rank by are the published
    version's, without a restart; a lead that the worker has not restated yet is told of as such."""
    system, worker, api = served.system, served.worker, served.api
    files = [
        _file(tmp_path, edited_text(VIEWS_COUNT_MORE), "second"),
        _file(tmp_path, edited_text(VIEWS_COUNT_MORE, OPPORTUNITY), "third"),
    ]
    second, third = (read_model(str(file)).version for file in files)
    before = await api.explained_by(system.model.version, restated=True)
    in_queue = await api.items()
    assert (in_queue, (await api.get("/leads?score=total_of_own"))["parameter"]) == (8, "score")

    assert (await command(system, "model", "publish", str(files[0]), "--wait", "30")).code == 0
    after = await api.explained_by(second, restated=True)
    assert after["scores"]["interest"] > before["scores"]["interest"]
    assert after["scores"] == (await api.get(LEAD))["scores"]

    async def all_ranked() -> bool:
        return await api.items("?score=total_of_own") == in_queue

    await until(all_ranked, 30, worker.said)
    assert (await api.get("/leads?stage=opportunity"))["parameter"] == "stage"
    assert worker.stop() == 0, worker.said()

    assert (await command(system, "model", "publish", str(files[1]))).code == 0
    pending = await api.explained_by(third, restated=False)
    told = f"made by the model small {second[:12]}; what is shown is computed by small {third[:12]}"
    assert told in pending["notes"][0]
    assert await api.items("?stage=opportunity") == 0
    assert await run("top", "--json", "--stage", "opportunity", *served.place) == b""
    worker.start()
    await api.explained_by(third, restated=True)
    assert len((await run("top", "--json", "--score", "total_of_own", *served.place)).splitlines()) == in_queue


async def test_a_version_without_the_scores_named_is_not_taken(
    broker: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The one before stays in force, which the log says, until there is one that has them."""
    system = await System(broker, tmp_path, _file(tmp_path, TEXT, "first"), partitions=1).create()
    first = in_force(system.model, system.manifest, ["total"])
    follower = Follower(broker, system.manifest, first, ["total"])
    task = asyncio.create_task(follower.follow())
    try:
        await _publish(system, read_model(str(_file(tmp_path, TEXT.replace("total", "sum"), "bad"))))
        await until(lambda: _is("has no such score" in caplog.text), 20, lambda: caplog.text)
        assert follower.now is first
        good = read_model(str(_file(tmp_path, edited_text(VIEWS_COUNT_MORE), "good")))
        await _publish(system, good)
        await until(lambda: _is(follower.now.scoring.model.version == good.version), 20, lambda: caplog.text)
    finally:
        task.cancel()
        await asyncio.wait([task])
    assert follower.now.ranked == {"total"}
    assert await live_model(broker, system.manifest, system.model) == good
    assert await published_model(broker, system.manifest, system.model.version) is None


async def _publish(system: System, model: Model) -> None:
    async with open_publisher(system.broker, system.manifest) as publisher:
        await publisher.publish(model, Terms(by="ann"))


def _file(folder: Path, text: str, name: str) -> Path:
    file = folder / f"{name}.yaml"
    file.write_text(text)
    return file


async def _is(value: bool) -> bool:
    return value
