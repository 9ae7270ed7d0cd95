"""The metrics of `stream-app serve` on a port of their own: requests, the projection it reads, all groups' lag; its health."""

import asyncio
from pathlib import Path

import aiohttp

from stream_app.ops.metric_names import METRICS
from stream_app.serving.projection.projector import Settings
from stream_app.serving.projection.store import open_store
from tests.integration.test_api import Server
from tests.integration.test_metrics import get, port_of, read, value
from tests.integration.test_projector_metrics import answers, says
from tests.lanes.process import until
from tests.pipeline.system import run
from tests.projection.feeding import becomes, new_topics, output, projecting, send
from tests.projection.records import score_document


async def status(client: aiohttp.ClientSession, path: str, method: str = "GET") -> int:
    """What a path of the API answers."""
    async with client.request(method, f"/api/v1/{path}") as answer:
        return answer.status


async def test_what_a_server_tells(broker: str, valkey: str, tmp_path: Path) -> None:
    """Not on the API's port. Requests by template, never by path; open streams; what the projection lacks, by its own
    positions, while a projector is gone; every group's lag under kafka-lag-exporter's names."""
    manifest = await new_topics(broker)
    place = ["--bootstrap", broker, "--prefix", manifest.prefix, "--redis", valkey]
    keys = ["--keys", str(tmp_path / "keys.json")]
    token = (await run("serve", "keys", "create", "test", *keys)).decode().strip()
    words = [*place, *keys, "--port", "0", "--metrics-port", "0", "--cluster", "here"]
    settings = Settings(bootstrap=broker, manifest=manifest, group=f"{manifest.prefix}projector")
    with Server(tmp_path, words) as server:
        url, port = await server.url(), await port_of(server)
        assert get(port, "/livez") == (200, "ok\n")
        assert get(port, "/readyz") == (503, "the projection is being built\n")
        await send(broker, manifest, output(manifest, "lead-scores", "user:ann", score_document("user:ann", 1, 10)))
        async with open_store(valkey, f"stream-app{manifest.prefix}:") as store:
            async with projecting(settings, store):
                await becomes(store, {"user:ann": 1})
                await until(answers(port, "/readyz", 200), 20, server.said)
            await until(says(port, "served_ready", 1), 20, server.said)
        await send(broker, manifest, output(manifest, "lead-scores", "user:bob", score_document("user:bob", 1, 10)))
        await until(says(port, "served_lag_records", 1, topic=manifest["lead-scores"].name), 30, server.said)
        async with aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {token}"}) as client:
            paths = ("leads/user:ann", "leads/user:nobody", "leads?limit=x", "nowhere/ann", "../../metrics")
            assert [await status(client, path) for path in paths] == [200, 404, 400, 404, 404]
            assert await status(client, "leads", "BREW") == 405
            async with client.get("/api/v1/transitions/stream"):
                await until(says(port, "http_streams", 1), 20, server.said)
            await until(says(port, "http_streams", 0), 20, server.said)
        samples = await asyncio.to_thread(read, port)
        assert server.stop() == 0, server.said()[-3000:]

    def requests(**labels: str) -> float:
        return value(samples, "leadscorer_http_requests_total", **labels)

    lead = "/api/v1/leads/{key}"
    assert (requests(route=lead, status="200"), requests(route=lead, status="404")) == (1, 1)
    assert requests(route="/api/v1/leads", method="GET", status="400") == 1
    assert requests(route="/api/v1/leads", method="other", status="405") == 1
    assert requests(route="other", status="404") == 2
    assert value(samples, "leadscorer_http_request_seconds_count", route=lead) == 2
    assert value(samples, "leadscorer_served_delay_seconds", topic=manifest["lead-scores"].name) > 0
    assert value(samples, "kafka_consumergroup_group_sum_lag", cluster_name="here", group=settings.group) == 1
    named = {series for metric in METRICS for series in metric.series()}
    assert {name for name, _ in samples if name.startswith(("leadscorer_", "kafka_"))} - named == set()
    assert [label for _, labels in samples for _, label in labels if "ann" in label or "bob" in label] == []


async def test_a_server_without_its_projection(broker: str, tmp_path: Path) -> None:
    """It lives, and is not ready, while Redis is away."""
    manifest = await new_topics(broker)
    words = ["--bootstrap", broker, "--prefix", manifest.prefix, "--redis", "redis://127.0.0.1:1/0", "--port", "0"]
    with Server(tmp_path, [*words, "--keys", str(tmp_path / "keys.json"), "--metrics-port", "0"]) as server:
        port = await port_of(server)
        assert get(port, "/livez") == (200, "ok\n")
        assert get(port, "/readyz") == (503, "the projection's server does not answer\n")
        assert value(read(port), "leadscorer_served_ready") == 0
        assert server.stop() == 0, server.said()[-3000:]
