"""Rules and dashboards against a real Prometheus that scrapes a running system: well, flooded with bad events, dead."""

import asyncio
import json
import re
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NoReturn

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer

from stream_app.local.process import KeptProcess
from stream_app.local.valkey import ValkeyServer
from tests.conftest import start_or_skip
from tests.integration.test_api import Server
from tests.integration.test_metrics import port_of
from tests.lanes.process import ROOT, until
from tests.lanes.prometheus import Prometheus, promtool
from tests.pipeline.desk import event
from tests.pipeline.models import TEXT
from tests.pipeline.system import COMMAND, CommandProcess, System, run
from tests.vendors.configs import webhook_text
from tests.vendors.process import ConnectProcess
from tests.vendors.webhook import Receiver

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
    """Events of now, for ever: forty of each lead, so that there are transitions all the time; or such as are refused."""
    topic, number = system.topic("web-events"), 0
    async with AIOKafkaProducer(bootstrap_servers=system.broker) as producer:
        while True:
            for _ in range(20):
                number += 1
                now = time.time_ns() // 1_000_000
                text = json.dumps(event(now * 1000 + number, now, user=f"u{number // 40}")).encode()
                await producer.send(topic, b"bad" if bad else text, b"user:u%d" % (number // 40), timestamp_ms=now)
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


class Running:
    """Every process of a system, each with metrics on a port: a worker, the lag's exporter, a projector, a server, a connector."""

    def __init__(self, system: System, valkey: ValkeyServer, receiver: Receiver) -> None:
        self.system, self.valkey, self.receiver = system, valkey, receiver
        self.worker = system.worker("one", "--metrics-port", "0")
        self.jobs: dict[str, list[str]] = {}
        self.url = self.token = ""

    async def start(self, stack: AsyncExitStack) -> None:
        """Start them; they end with the stack."""
        system, folder = self.system, self.system.directory
        place = ["--bootstrap", system.broker, "--prefix", system.manifest.prefix, "--metrics-port", "0"]
        shown = [*place, "--redis", self.valkey.url, "--model", str(system.model_file)]
        keys = ["--keys", str(folder / "keys.json")]
        self.token = (await run("serve", "keys", "create", "test", *keys)).decode().strip()
        (folder / "crm.yaml").write_text(webhook_text(self.receiver.hook, "retry: {give_up: 0m}"))
        server = Server(folder, [*shown, *keys, "--port", "0"])
        connector = ConnectProcess(folder, "connect", ["crm", "--config", str(folder / "crm.yaml"), *place])
        projector = CommandProcess(folder, "projector", ["projector", *shown])
        processes = {"worker": self.worker, "projector": projector, "serve": server, "connect": connector}
        for process in processes.values():
            stack.enter_context(process)
        self.jobs = {job: [f"127.0.0.1:{await port_of(process)}"] for job, process in processes.items()}
        self.jobs["lag"] = [f"127.0.0.1:{await stack.enter_async_context(lag_exporter(system))}"]
        self.url = await server.url()
        await self.worker.ready()

    async def visits(self) -> NoReturn:
        """Somebody who looks at the queue, for ever."""
        async with aiohttp.ClientSession(self.url, headers={"Authorization": f"Bearer {self.token}"}) as client:
            while True:
                async with client.get("/api/v1/leads") as answer:
                    await answer.read()
                await asyncio.sleep(0.2)


@pytest.mark.timeout(300)
async def test_alerts_fire_and_dashboards_show(broker: str, tmp_path: Path) -> None:
    """While all is well nothing fires and every panel has data; then what is broken is told by its alert."""
    model = tmp_path / "small.yaml"
    model.write_text(TEXT)
    system = await System(broker, tmp_path, model, partitions=2, clock="wall").create()
    valkey = ValkeyServer(tmp_path / "valkey", persist=False)
    start_or_skip(valkey)
    async with AsyncExitStack() as stack:
        stack.callback(valkey.kill)
        running = Running(system, valkey, await stack.enter_async_context(Receiver()))
        await running.start(stack)
        with Prometheus(tmp_path / "prometheus", running.jobs) as prometheus:
            await watched(running, prometheus)


async def watched(running: Running, prometheus: Prometheus) -> None:
    """From a good start to the end of the only worker."""
    unseen: list[str] = []

    async def all_show() -> bool:
        unseen[:] = [where for where, text in queries() if not await asyncio.to_thread(prometheus.query, text)]
        return not unseen

    async def is_up() -> bool:
        return await asyncio.to_thread(prometheus.up)

    async def fire(*names: str, within: float = 40.0) -> None:
        async def all_fire() -> bool:
            return set(names) <= await asyncio.to_thread(prometheus.firing)

        await until(all_fire, within, lambda: f"only {prometheus.firing()} of {names}")

    good = [asyncio.create_task(traffic(running.system, bad=False)), asyncio.create_task(running.visits())]
    await until(is_up, 30.0, prometheus.said)
    await until(all_show, 60.0, lambda: f"no data: {unseen}")
    rules = prometheus.rules()
    assert [(rule["name"], rule["health"]) for rule in rules if rule["health"] != "ok"] == []

    async def is_quiet() -> bool:
        return not await asyncio.to_thread(prometheus.firing)

    await until(is_quiet, 20.0, lambda: str(prometheus.firing()))  # but for what was so before the first event

    flood = asyncio.create_task(traffic(running.system, bad=True))
    await fire("DeadLetters")
    flood.cancel()
    running.receiver.status = 400
    await fire("RecordsParked")
    running.receiver.status = 503
    await fire("ConnectorCircuitOpen")
    running.valkey.kill()
    await fire("ApiNotReady", "ApiErrors", "ProjectionRetries", "ProjectionStuck", "ProjectionDelayed", within=100.0)
    running.worker.kill()
    await fire("WorkerDown", "NoWorkers", "GroupStopped")
    for task in (*good, flood):
        task.cancel()
    await asyncio.gather(*good, flood, return_exceptions=True)
