"""A worker's metrics and health while it works, over HTTP, as Prometheus and an orchestrator see them."""

import asyncio
import http.client
import re
import time
from pathlib import Path

import orjson
from prometheus_client.parser import text_string_to_metric_families

from stream_app.ops.metric_names import METRICS
from tests.lanes.process import WorkerProcess, until
from tests.pipeline.desk import event
from tests.pipeline.models import TEXT
from tests.pipeline.story import write
from tests.pipeline.system import ScoringWorker, System

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def get(port: int, path: str) -> tuple[int, str]:
    """Status and body of a page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


async def port_of(worker: WorkerProcess) -> int:
    """Where a process serves, once it says so."""

    async def says() -> bool:
        return "/metrics" in worker.said()

    await until(says, 30.0, worker.said)
    found = re.search(r"/metrics.* on http://127.0.0.1:(\d+)", worker.said())
    assert found is not None
    return int(found.group(1))


def read(port: int) -> Samples:
    """All samples, by name and labels."""
    status, text = get(port, "/metrics")
    assert status == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """The sum of the samples of a name that have these labels."""
    wanted = set(labels.items())
    return sum(found for (one, has), found in samples.items() if one == name and wanted <= has)


def correlated(worker: ScoringWorker) -> set[tuple[str, str]]:
    """Transitions and the events that made them, as the worker logged them, a JSON object a line."""
    lines = [orjson.loads(line) for line in worker.said().splitlines() if line.startswith("{")]
    return {(line["transition_id"], line["correlation_id"]) for line in lines if line["event"] == "transition"}


async def test_a_worker_tells_what_it_does(broker: str, tmp_path: Path) -> None:
    """Events by channel and result, dead letters by reason, latency, state, timers and the model; ready once recovered."""
    model, file, bad = tmp_path / "small.yaml", tmp_path / "events.ndjson", tmp_path / "bad.ndjson"
    model.write_text(TEXT)
    now = time.time_ns() // 1_000_000
    rows = [event(n, now - 2_000 + n, user="ann", channel="web") for n in range(6)]
    rows += [event(50, now, user="bob", channel="email", type="open"), rows[0]]
    write(file, rows)
    bad.write_bytes(orjson.dumps(rows[0] | {"event_id": "later", "time": "2999-01-01T00:00:00Z"}))
    system = await System(broker, tmp_path, model, partitions=2, clock="wall").create()
    with system.worker("one", "--metrics-port", "0", "--log-format", "json", "--log-level", "debug") as worker:
        port = await port_of(worker)
        assert get(port, "/livez") == (200, "ok\n")
        await worker.ready()
        assert get(port, "/readyz") == (200, "ok\n")
        await system.produce(file)
        await system.produce(bad)

        async def counted() -> bool:
            return value(await asyncio.to_thread(read, port), "leadscorer_events_total", agent="lead") >= 9

        await until(counted, 30.0)
        await system.caught_up()
        samples = read(port)

    def events(**labels: str) -> float:
        return value(samples, "leadscorer_events_total", agent="lead", **labels)

    assert (events(channel="web", result="counted"), events(channel="email", result="counted")) == (6, 1)
    assert (events(result="duplicate"), events(result="future")) == (1, 1)
    assert value(samples, "leadscorer_dead_letters_total", reason="future") == 1
    assert value(samples, "leadscorer_dead_letters_total") == 1
    assert value(samples, "leadscorer_records_total", agent="lead") >= 9
    assert value(samples, "leadscorer_transaction_seconds_count", agent="lead") >= 1
    assert 0 < value(samples, "leadscorer_engine_seconds_total") < 30
    assert value(samples, "leadscorer_state_entries", agent="lead") >= 2
    assert value(samples, "leadscorer_timers", agent="lead") >= 1
    moves = [move for moves in (await system.transitions()).values() for move in moves]
    assert correlated(worker) == {(move["id"], move["cause"]["event_id"]) for move in moves} != set()
    assert value(samples, "leadscorer_event_to_transition_seconds_count") == len(moves)
    assert value(samples, "leadscorer_model_info", model="small", version=system.model.version[:12]) == 4
    assert (value(samples, "leadscorer_ready"), value(samples, "leadscorer_stuck_seconds")) == (1, 0)
    assert value(samples, "process_resident_memory_bytes") > 10_000_000

    named = {series for metric in METRICS for series in metric.series()}
    served = {name for name, _ in samples if name.startswith(("leadscorer_", "kafka_"))}
    assert served - named == set()
    assert [label for _, labels in samples for _, label in labels if "ann" in label or "bob" in label] == []
