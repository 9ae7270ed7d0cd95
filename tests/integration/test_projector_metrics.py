"""A projector's metrics and health over HTTP, and its log, while it works and when its server has lost everything."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson

from stream_app.ops.metric_names import METRICS
from stream_app.serving.projection.store import open_store
from tests.integration.test_metrics import get, port_of, read, value
from tests.integration.test_projection import wipe
from tests.lanes.process import WorkerProcess, until
from tests.pipeline.system import CommandProcess
from tests.projection.feeding import new_topics, output, send
from tests.projection.records import move_document, score_document


def says(port: int, name: str, wanted: float, **labels: str) -> Callable[[], Awaitable[bool]]:
    """Whether a metric has a value."""

    async def told() -> bool:
        return value(await asyncio.to_thread(read, port), f"leadscorer_{name}", **labels) == wanted

    return told


def answers(port: int, page: str, status: int) -> Callable[[], Awaitable[bool]]:
    """Whether a page answers with a status."""

    async def told() -> bool:
        return (await asyncio.to_thread(get, port, page))[0] == status

    return told


def projected(process: WorkerProcess) -> list[tuple[str, str]]:
    """Transitions and the events that made them, as it logged them."""
    lines = [orjson.loads(line) for line in process.said().splitlines() if line.startswith("{")]
    return [(line["transition_id"], line["correlation_id"]) for line in lines if line["event"] == "projected"]


async def test_a_projector_tells_what_it_does(broker: str, valkey: str, tmp_path: Path) -> None:
    """Updates by kind and result, batches, lag, delay, the live generation; ready once it has caught up, and again."""
    manifest = await new_topics(broker)
    leads = [f"user:{number}" for number in range(20)]
    scores = [output(manifest, "lead-scores", key, score_document(key, 1, 10)) for key in leads]
    move = move_document(leads[0], 1) | {"cause": {"event_id": "e-1"}}
    await send(broker, manifest, *scores, output(manifest, "transitions", leads[0], move))
    words = ["projector", "--bootstrap", broker, "--prefix", manifest.prefix, "--redis", valkey]
    words += ["--metrics-port", "0", "--log-format", "json", "--log-level", "debug"]
    with CommandProcess(tmp_path, "projector", words) as projector:
        port = await port_of(projector)
        await until(answers(port, "/readyz", 200), 30, projector.said)
        assert get(port, "/livez") == (200, "ok\n")
        again = output(manifest, "lead-scores", leads[0], score_document(leads[0], 1, 10))
        await send(broker, manifest, again, output(manifest, "lead-scores", "user:junk", b"{"))
        updates = "projection_updates_total"
        await until(says(port, updates, 1, kind="lead-scores", result="unreadable"), 20, projector.said)
        await until(says(port, updates, 1, kind="score", result="older"), 20, projector.said)
        await until(says(port, "projection_partitions", 10), 20, projector.said)
        await until(says(port, "projection_lag_records", 0), 20, projector.said)
        samples = read(port)
        assert projected(projector) == [(f"{leads[0]}-1", "e-1")]

        async with open_store(valkey, f"stream-app{manifest.prefix}:") as store:
            await wipe(valkey, store)
        await until(says(port, "projection_retries_total", 1, reason="gone"), 20, projector.said)
        await until(answers(port, "/readyz", 200), 20, projector.said)
        assert projector.stop() == 0, projector.said()[-3000:]

    def told(name: str, **labels: str) -> float:
        return value(samples, f"leadscorer_{name}", **labels)

    assert (told(updates, kind="score", result="taken"), told(updates, kind="transition", result="taken")) == (20, 1)
    assert told("record_to_projection_seconds_count") == told("projection_batch_records_sum") == 23
    assert told("projection_batch_seconds_count") >= 2
    assert (told("projection_ready"), told("projection_generation"), told("projection_rebuilding")) == (1, 1, 0)
    assert (told("projection_delay_seconds"), told("projection_stuck_seconds")) == (0, 0)
    named = {series for metric in METRICS for series in metric.series()}
    assert {name for name, _ in samples if name.startswith("leadscorer_")} - named == set()
    assert [label for _, labels in samples for _, label in labels if "user" in label] == []
