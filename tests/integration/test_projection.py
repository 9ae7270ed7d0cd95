"""The projection in a real Valkey, from a real Kafka."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest
from redis.asyncio import Redis

from stream_app.errors import KnownError
from stream_app.ops.topics_admin import create_topics
from stream_app.serving.accounts import view_of_account
from stream_app.serving.api.reads import account_material, document_of, find_lead, lead_material
from stream_app.serving.lead_view import LeadView
from stream_app.serving.leads import view_of_lead
from stream_app.serving.projection.base import Query, Row
from stream_app.serving.projection.projector import Settings, project
from stream_app.serving.projection.rebuild import rebuild
from stream_app.serving.projection.store import Store, open_store
from stream_app.serving.reading import open_reader
from stream_app.topics import load_manifest
from stream_app.worker.composition import compose
from stream_app.worker.links import Erase, link_output
from tests.lanes.kafka_tools import lag
from tests.lanes.process import until
from tests.pipeline.models import TEXT
from tests.pipeline.story import write
from tests.pipeline.system import System
from tests.projection.contract import ProjectionContract
from tests.projection.feeding import PARTITIONS, becomes, new_topics, output, projecting, send
from tests.projection.histories import NOW, history
from tests.projection.records import move_document, score_document

_numbers = itertools.count()


@pytest.fixture
async def projection(valkey: str) -> AsyncIterator[Store]:
    """An empty one, under a prefix of its own that looks like a pattern."""
    async with open_store(valkey, f"contract[{next(_numbers)}]*:") as store:
        yield store


class TestValkey(ProjectionContract):
    """See the contract."""


async def keys(url: str, store: Store) -> set[bytes]:
    """All keys of a projection."""
    async with Redis.from_url(url) as redis:
        return {key async for key in redis.scan_iter(count=1000) if key.startswith(store.prefix.encode())}


async def wipe(url: str, store: Store) -> None:
    """Lose everything, scripts included, as a server without persistence does when it ends."""
    async with Redis.from_url(url) as redis:
        await redis.delete(*await keys(url, store))
        await redis.script_flush()


async def test_from_kafka_and_back_after_everything_was_lost(broker: str, valkey: str, projection: Store) -> None:
    """Commits what the server has; reads by the server's positions, so that an empty one is filled again; a rebuild
    serves the old generation until the switch, and leaves nothing of it."""
    manifest = await new_topics(broker)
    settings = Settings(bootstrap=broker, manifest=manifest, group=f"{manifest.prefix}projector")
    leads = [f"user:{number}" for number in range(40)]
    first = [output(manifest, "lead-scores", key, score_document(key, 1, 10)) for key in leads]
    moves = [output(manifest, "transitions", key, move_document(key, 1)) for key in leads]
    junk = output(manifest, "lead-scores", "user:junk", b"{")
    await send(broker, manifest, *first, *moves, junk)
    async with projecting(settings, projection):
        await becomes(projection, dict.fromkeys(leads, 1) | {"user:junk": None})
        await send(broker, manifest, output(manifest, "lead-scores", leads[0], score_document(leads[0], 2, 50)))
        await becomes(projection, {leads[0]: 2})
        await wipe(valkey, projection)
        await becomes(projection, {leads[0]: 2, leads[1]: 1})
        before = await projection.begin()
        assert await rebuild(settings, projection, 30) == before + 1
        await send(broker, manifest, output(manifest, "lead-scores", leads[1], None))
        await becomes(projection, {leads[0]: 2, leads[1]: None, leads[2]: 1})
        assert (await projection.row("lead", leads[0])).moves_total == 1

        async def committed() -> bool:
            bases = ("lead-scores", "transitions")
            return await lag(broker, settings.group, [manifest[base].name for base in bases], PARTITIONS) == 0

        await until(committed, 20)
    page = await projection.page(Query("lead", "total", limit=1))
    assert [orjson.loads(value)["lead"] for _, value in page.rows] == [leads[0]]
    await projection.sweep()
    assert not [key for key in await keys(valkey, projection) if f"g{before}:".encode() in key]


async def test_topics_that_were_made_anew(broker: str, projection: Store) -> None:
    """A position behind the end is of another topic: what is stored is given up."""
    manifest = await new_topics(broker)
    settings = Settings(bootstrap=broker, manifest=manifest, group=f"{manifest.prefix}projector", states=False)
    old = await projection.begin()
    redis = projection._redis
    await redis.hset(f"{projection.prefix}g{old}:positions", f"{manifest['lead-scores'].name}:0", "1000")
    await send(broker, manifest, output(manifest, "lead-scores", "user:ann", score_document("user:ann", 1, 10)))
    async with projecting(settings, projection):
        await becomes(projection, {"user:ann": 1})
    assert await projection.begin() > old


async def test_what_is_not_there_is_told(broker: str, valkey: str) -> None:
    """One line, for the person who starts it."""
    stop = asyncio.Event()
    missing = Settings(bootstrap=broker, manifest=load_manifest("nowhere."), group="g")
    async with open_store(valkey, "nowhere:") as store:
        with pytest.raises(KnownError, match=r"there is no topic nowhere\.lead-scores on this broker: say"):
            await project(missing, store, stop)
    manifest = load_manifest("noredis.", 1)
    await create_topics(broker, manifest)
    async with open_store("redis://user:secret@127.0.0.1:1/0", "x:") as store:
        with pytest.raises(KnownError, match="Redis: ConnectionError") as told:
            await project(Settings(bootstrap=broker, manifest=manifest, group="noredis"), store, stop)
    assert "secret" not in str(told.value)


async def test_what_a_worker_wrote_is_told_as_the_single_view_tells_it(
    broker: str, projection: Store, tmp_path: Path
) -> None:
    """A worker's own topics, aliases and an erasure among them: each lead's record, view and transitions, projected, are
    those that reading the topics gives (S033 apart, which is read from the events)."""
    model, file = tmp_path / "small.yaml", tmp_path / "events.ndjson"
    model.write_text(TEXT)
    write(file, history())
    system = await System(broker, tmp_path, model, partitions=PARTITIONS).create()
    await system.produce(file)
    erase = output(system.manifest, "lead-inbox", "user:u/3", b"")
    request = link_output(erase.topic, "user:u/3", Erase("request-1", NOW, None), NOW)
    await send(broker, system.manifest, request._replace(partition=erase.partition))
    with system.worker("a") as worker:
        await worker.ready()
        await system.caught_up(60, worker.said)
        assert worker.stop() == 0, worker.said()
    settings = Settings(bootstrap=broker, manifest=system.manifest, group=f"{system.manifest.prefix}projector")
    scoring = compose(system.model, system.manifest)
    async with projecting(settings, projection):
        pass
    records = await system.latest("lead-scores")
    assert len(records) == 9
    async with open_reader(broker, system.manifest) as reader:
        for key, record in records.items():
            found = await find_lead(projection, [key])
            material = await lead_material(projection, scoring, found)
            view = await view_of_lead(reader, scoring, [key], NOW)
            assert isinstance(view, LeadView)
            assert (document_of(found.row), material.view(NOW, None).as_json()) == (record, view.as_json()), key
        for name in await system.latest("account-scores"):
            told = (await account_material(projection, scoring, name)).view(None, None).as_json()
            seen = await view_of_account(reader, scoring, name)
            assert seen is not None
            assert told == seen.as_json(), name
    assert (await find_lead(projection, ["email:nine@x.example"])).key == "user:u/9"
    assert await projection.row("lead", "user:u/3") == Row(moves=[])
