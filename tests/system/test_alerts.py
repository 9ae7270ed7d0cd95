"""Rules and dashboards against a real Prometheus that scrapes a running system: well, flooded with bad events, dead."""

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from stream_app.local.process import KeptProcess
from tests.integration.test_metrics import port_of
from tests.lanes.process import ROOT, until
from tests.lanes.prometheus import Prometheus, promtool
from tests.pipeline.desk import event
from tests.pipeline.models import TEXT
from tests.pipeline.system import COMMAND, ScoringWorker, System

DASHBOARDS = sorted((ROOT / "ops" / "grafana" / "dashboards").glob("*.json"))


def test_rules_hold() -> None:
    """What promtool says of them, and when each fires."""
    promtool("check", "rules", "ops/prometheus/rules.yml")
    promtool("check", "config", "--syntax-only", "ops/prometheus/prometheus.yml")
    promtool("test", "rules", "ops/prometheus/rules.test.yml")


@asynccontextmanager
async def lag_exporter(system: System) -> AsyncIterator[int]:
    """`stream-app lag --serve`; its port."""
    log = system.directory / "lag.log"
    words = ["lag", "--serve", "0", "--bootstrap", system.broker, "--prefix", system.manifest.prefix]
    process = KeptProcess([sys.executable, *COMMAND[1:], *words], log, ROOT)

    async def says() -> bool:
        return "ready: http://" in log.read_text(errors="replace")

    try:
        await until(says, 30.0)
        found = re.search(r"ready: http://127.0.0.1:(\d+)/", log.read_text())
        assert found is not None
        yield int(found.group(1))
    finally:
        process.kill()


async def traffic(system: System, bad: bool) -> None:
    """Events of now, for ever: of thirty leads, or such as are refused."""
    topic, number = system.topic("web-events"), 0
    async with AIOKafkaProducer(bootstrap_servers=system.broker) as producer:
        while True:
            for _ in range(20):
                number += 1
                now = time.time_ns() // 1_000_000
                text = json.dumps(event(now * 1000 + number, now, user=f"u{number % 30}")).encode()
                await producer.send(topic, b"bad" if bad else text, b"user:u%d" % (number % 30), timestamp_ms=now)
            await asyncio.sleep(0.1)


def queries() -> list[tuple[str, str]]:
    """Every query of every dashboard, as Grafana asks it, with where it stands."""
    found = []
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                text = target["expr"].replace("$__rate_interval", "10s").replace("$group", ".*")
                found.append((f"{path.name}: {panel['title']}", text))
    return found


@pytest.mark.timeout(180)
async def test_alerts_fire_and_dashboards_show(broker: str, tmp_path: Path) -> None:
    """While all is well nothing fires and every panel has data; then what is broken is told by its alert."""
    model = tmp_path / "small.yaml"
    model.write_text(TEXT)
    system = await System(broker, tmp_path, model, partitions=2, clock="wall").create()
    with system.worker("one", "--metrics-port", "0") as worker:
        port = await port_of(worker)
        await worker.ready()
        async with lag_exporter(system) as lag_port:
            jobs = {"worker": [f"127.0.0.1:{port}"], "lag": [f"127.0.0.1:{lag_port}"]}
            with Prometheus(tmp_path / "prometheus", jobs) as prometheus:
                await watched(system, prometheus, worker)


async def watched(system: System, prometheus: Prometheus, worker: ScoringWorker) -> None:
    """From a good start to the end of the only worker."""
    unseen: list[str] = []

    async def all_show() -> bool:
        unseen[:] = [where for where, text in queries() if not await asyncio.to_thread(prometheus.query, text)]
        return not unseen

    async def is_up() -> bool:
        return await asyncio.to_thread(prometheus.up)

    def fires(*names: str) -> Callable[[], Awaitable[bool]]:
        async def fire() -> bool:
            return set(names) <= await asyncio.to_thread(prometheus.firing)

        return fire

    good = asyncio.create_task(traffic(system, bad=False))
    await until(is_up, 30.0, prometheus.said)
    await until(all_show, 60.0, lambda: f"no data: {unseen}")
    rules = prometheus.rules()
    assert [(rule["name"], rule["health"]) for rule in rules if rule["health"] != "ok"] == []

    async def is_quiet() -> bool:
        return not await asyncio.to_thread(prometheus.firing)

    await until(is_quiet, 20.0, lambda: str(prometheus.firing()))  # but for what was so before the first event

    flood = asyncio.create_task(traffic(system, bad=True))
    await until(fires("DeadLetters"), 30.0, lambda: str(prometheus.firing()))
    flood.cancel()
    worker.kill()
    told = ("WorkerDown", "NoWorkers", "GroupStopped")
    await until(fires(*told), 40.0, lambda: str(prometheus.firing()))
    good.cancel()
    await asyncio.gather(good, flood, return_exceptions=True)
