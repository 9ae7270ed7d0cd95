"""`stream-app serve` and `top` as processes, on a real Valkey and a real Kafka."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from stream_app.serving.projection.store import open_store
from stream_app.topics import Manifest
from tests.lanes.kafka_tools import read_all
from tests.lanes.process import until
from tests.pipeline.models import TEXT
from tests.pipeline.system import CommandProcess, run
from tests.projection.asking import project_desk
from tests.projection.feeding import new_topics, output, send
from tests.projection.histories import some_leads
from tests.projection.records import move_document

EXAMPLES = 12
NARROWER = [positive_data_acceptance]
"""A schema can't say which cursors, stages and times before a lead's clock there are: those are refused with 400."""


class Server(CommandProcess):
    """`stream-app serve`."""

    def __init__(self, directory: Path, words: list[str]) -> None:
        super().__init__(directory, "serve", ["serve", *words])

    async def url(self) -> str:
        """Where it listens, once it does."""
        found: list[str] = []

        async def listens() -> bool:
            assert self.running, self.said()[-3000:]
            found.extend(re.findall(r"listening on (\S+)", self.said()))
            return bool(found)

        await until(listens, 30, lambda: self.said()[-3000:])
        return found[0]


@dataclass(frozen=True)
class Served:
    """A running server, its topics, a key to it, and the options of the system."""

    url: str
    manifest: Manifest
    token: str
    words: list[str]
    server: Server

    @property
    def headers(self) -> dict[str, str]:
        """The key, as it is sent."""
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture
async def served(broker: str, valkey: str, tmp_path: Path) -> AsyncIterator[Served]:
    """Some leads of the small model, projected and served."""
    model = tmp_path / "small.yaml"
    model.write_text(TEXT)
    manifest = await new_topics(broker)
    async with open_store(valkey, f"stream-app{manifest.prefix}:") as store:
        await project_desk(some_leads(), store)
    words = ["--redis", valkey, "--prefix", manifest.prefix, "--model", str(model)]
    keys = ["--keys", str(tmp_path / "keys.json")]
    token = (await run("serve", "keys", "create", "test", *keys)).decode().strip()
    with Server(tmp_path, [*words, "--bootstrap", broker, "--port", "0", *keys]) as server:
        yield Served(await server.url(), manifest, token, words, server)


async def test_schemathesis(served: Served) -> None:
    """Whatever is asked, the answer is as the OpenAPI document says: status, type, shape."""
    await asyncio.to_thread(_probe, served)
    assert "Traceback" not in served.server.said()
    assert served.token not in served.server.said()


def _probe(served: Served) -> None:
    schema = schemathesis.openapi.from_url(f"{served.url}/api/v1/openapi.json")
    probed = 0
    for result in schema.exclude(path="/api/v1/transitions/stream").get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        def probe(case: Any) -> None:
            case.call_and_validate(headers=served.headers, timeout=20, excluded_checks=NARROWER)

        probe()
        probed += 1
    assert probed == 10


async def test_transitions_as_they_come(broker: str, served: Served) -> None:
    """From now on; and for a client that comes back, from where it was, without a gap or a repetition."""
    url = f"{served.url}/api/v1/transitions/stream"
    keys = ["user:a", "user:b", "user:c"]
    await _move(broker, served.manifest, "user:before", 1)
    topic = served.manifest["transitions"]

    async def is_past() -> bool:
        """A transaction is committed a moment before it can be read."""
        return bool(await read_all(broker, topic.name, topic.partitions))

    await until(is_past, 20)
    async with aiohttp.ClientSession(headers=served.headers) as client:
        async with client.get(url) as answer:
            assert answer.content_type == "text/event-stream"
            assert (await _event(answer))["event"] == "open"
            for key in keys:
                await _move(broker, served.manifest, key, 1)
            seen = [await _event(answer) for _ in keys]
        assert sorted(json.loads(one["data"])["lead"] for one in seen) == keys
        await _move(broker, served.manifest, "user:d", 1)
        later = {json.loads(one["data"])["lead"] for one in seen[1:]} | {"user:d"}
        async with client.get(url, headers={"Last-Event-ID": seen[0]["id"]}) as answer:
            assert (await _event(answer))["event"] == "open"
            again = [await _event(answer) for _ in range(3)]
        assert {json.loads(one["data"])["lead"] for one in again} == later
        async with client.get(url, headers={"Last-Event-ID": "AAAA"}) as answer:
            assert (answer.status, answer.content_type) == (400, "application/problem+json")
        async with client.get(f"{served.url}/api/v1/leads", headers={"Authorization": "Bearer no"}) as answer:
            assert answer.status == 401
        async with client.get(url) as answer:
            assert (await _event(answer))["event"] == "open"
            assert served.server.stop() == 0, served.server.said()  # a stream does not keep it


async def _move(broker: str, manifest: Manifest, key: str, seq: int) -> None:
    await send(broker, manifest, output(manifest, "transitions", key, move_document(key, seq)))


async def _event(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """The next event of a stream, in bounded time."""
    fields: dict[str, str] = {}
    async with asyncio.timeout(20):
        while line := (await answer.content.readline()).decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
    return fields


async def test_top(served: Served) -> None:
    """The same order as the API's, as a table and as JSON; S303 a call list with deterministic ties."""
    printed = (await run("top", "--json", "--limit", "5", *served.words)).splitlines()
    url = f"{served.url}/api/v1/leads?limit=5"
    async with aiohttp.ClientSession(headers=served.headers) as client, client.get(url) as answer:
        items = (await answer.json())["items"]
    assert [json.loads(line) for line in printed] == items
    table = (await run("top", "--band", "warm", "--limit", "2", *served.words)).decode().splitlines()
    assert table[0].split("\t")[:3] == ["#", "total", "lead"]
    assert [line.split("\t")[2] for line in table[1:]] == [one["lead"] for one in items[:2]]
