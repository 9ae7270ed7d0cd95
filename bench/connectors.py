"""What a webhook connector carries: `python -m bench.connectors [--changes 20000] [--leads 2000] [--rate 500] [--seconds 20]`.

A Kafka of its own on a free port, a receiver in a process of its own (it notes when each request came, and verifies
nothing), and `stream-app connect` as a user runs it. First a backlog: changes a second, CPU a change, and whether each came
once and each lead's in order. Then at a steady rate: milliseconds from the transition's commit to the receiver.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from aiokafka import AIOKafkaProducer

from stream_app.engine.times import format_time, parse_time
from stream_app.local.kafka import KafkaServer
from stream_app.ops.topics_admin import create_topics
from stream_app.topics import Manifest, load_manifest

START = parse_time("2026-03-02T09:00:00Z")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_DEADLINE = 300.0


@dataclass(frozen=True)
class Result:
    """Changes a second and CPU microseconds a change of the backlog; of the steady rate, what was reached and how late."""

    backlog_per_second: float
    cpu_us: float
    peak_mib: float
    steady_per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float


def transition(lead: int, seq: int) -> dict[str, Any]:
    """A transition of the default model, of ordinary size."""
    at = format_time(START + seq * 60_000)
    rules = ("pricing_page", "demo_request", "webinar", "email_click", "title")
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{lead}|{seq}")),
        "subject": "lead",
        "lead": f"user:u-{lead}",
        "account_id": f"acct-{lead // 10}",
        "model": {"id": "b2b-saas", "version": "3" * 64},
        "ladder": "lifecycle",
        "from": "awareness",
        "to": "mql",
        "direction": "up",
        "seq": seq,
        "at": at,
        "cause": {"kind": "activity", "event_id": f"e-{lead}-{seq}"},
        "scores": {"before": {"total": 34.1, "engagement": 20.0}, "after": {"total": 52.0, "engagement": 35.0}},
        "grades": {"profile": "B3"},
        "bands": {"temperature": "warm"},
        "reasons": [{"rule": rule, "score": "engagement", "points": 15.0, "count": 1, "last_at": at} for rule in rules],
        "route": "marketing",
        "actions": {"campaign": "testimonials", "respond_within": "2d"},
        "holds_until": at,
        "restated": False,
        "suppressed": False,
    }


def receive(file: str) -> None:
    """The receiver: its port and, once asked, what came, as JSON."""
    came: list[tuple[str, str, int, float]] = []

    async def take(request: web.Request) -> web.Response:
        data = orjson.loads(await request.read())["data"]
        came.append((request.headers["webhook-id"], data["lead"], data["seq"], time.time()))
        return web.Response(status=204)

    async def count(request: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(len(came)))

    async def tell(request: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps(came))

    async def serve() -> None:
        app = web.Application()
        app.add_routes([web.post("/hook", take), web.get("/count", count), web.get("/came", tell)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        Path(file).write_text(str(runner.addresses[0][1]))
        await asyncio.sleep(_DEADLINE * 2)

    asyncio.run(serve())


async def get(port: int, what: str) -> Any:
    """Ask the receiver."""
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/{what}") as response:
        return orjson.loads(await response.read())


async def until(port: int, wanted: int) -> None:
    """Return when so many requests came."""
    deadline = time.monotonic() + _DEADLINE
    while await get(port, "count") < wanted:
        if time.monotonic() > deadline:
            raise SystemExit("not delivered in time")
        await asyncio.sleep(0.05)


async def backlog(broker: str, topic: str, changes: int, leads: int) -> None:
    """Lay the changes down before the connector starts."""
    async with AIOKafkaProducer(bootstrap_servers=broker, linger_ms=20) as producer:
        for number in range(changes):
            one = transition(number % leads, number // leads + 1)
            await producer.send(topic, orjson.dumps(one), one["lead"].encode())


async def steady(broker: str, topic: str, first: int, leads: int, rate: int, seconds: int) -> dict[str, float]:
    """Write at a rate, a transaction each 20 ms as a worker does; when each change was committed."""
    committed: dict[str, float] = {}
    number, began = 0, time.monotonic()
    async with AIOKafkaProducer(bootstrap_servers=broker, transactional_id="bench-connectors") as producer:
        while number < rate * seconds:
            due = int((time.monotonic() - began) * rate)
            ids = []
            async with producer.transaction():
                while number < min(due, rate * seconds):
                    one = transition(number % leads, first + number // leads)
                    await producer.send(topic, orjson.dumps(one), one["lead"].encode())
                    ids.append(one["id"])
                    number += 1
            committed.update(dict.fromkeys(ids, time.time()))
            await asyncio.sleep(0.02)
    return committed


def check(came: Sequence[tuple[str, str, int, float]], wanted: int) -> None:
    """Each change once, each lead's in order."""
    last: dict[str, int] = {}
    if len({one[0] for one in came}) != wanted or len(came) != wanted:
        raise SystemExit(
            f"{len(came)} requests of {len({one[0] for one in came})} changes, expected {wanted} once each"
        )
    for _, lead, seq, _ in came:
        if seq <= last.get(lead, 0):
            raise SystemExit(f"{lead}: {seq} came after {last[lead]}")
        last[lead] = seq


def start(module: list[str]) -> "subprocess.Popen[bytes]":
    """A Python process of its own."""
    environment = {**os.environ, "WEBHOOK_SECRET": SECRET}
    return subprocess.Popen([sys.executable, "-m", *module], env=environment, stderr=subprocess.DEVNULL)


async def measure(changes: int, leads: int, rate: int, seconds: int, folder: Path) -> Result:
    """Both parts."""
    server = KafkaServer(folder / "kafka", heap="512m")
    server.start()
    manifest = load_manifest("bench.", 4)
    topic = manifest["transitions"]
    port_file = folder / "port"
    receiver = start(["bench.connectors", "--receive", str(port_file)])
    connector = None
    try:
        await create_topics(server.bootstrap, Manifest((topic,), "bench.", topic))
        while not port_file.exists() or not port_file.read_text():
            await asyncio.sleep(0.05)
        port = int(port_file.read_text())
        (folder / "hook.yaml").write_text(
            f"connector: webhook\nwebhook: {{url: 'http://127.0.0.1:{port}/hook', secrets: ['${{WEBHOOK_SECRET}}'], "
            "allow_http: true, allow_private: true}\nlimits: {requests: 100000}\n"
        )
        await backlog(server.bootstrap, topic.name, changes, leads)
        words = ["connect", "hook", "--config", str(folder / "hook.yaml"), "--bootstrap", server.bootstrap]
        connector = start(["stream_app", *words, "--prefix", "bench."])
        await until(port, changes)
        came = await get(port, "came")
        check(came, changes)
        # The first tenth is the start.
        counted = came[changes // 10 :]
        per_second = len(counted) / (counted[-1][3] - counted[0][3])
        used = _cpu_seconds(connector.pid)
        committed = await steady(server.bootstrap, topic.name, changes // leads + 2, leads, rate, seconds)
        await until(port, changes + rate * seconds)
        came = await get(port, "came")
        check(came, changes + rate * seconds)
        steady_ones = [one for one in came if one[0] in committed]
        late = sorted(max(0.0, one[3] - committed[one[0]]) * 1000 for one in steady_ones)
        connector.terminate()
        connector.wait(20)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        return Result(
            round(per_second),
            round(used / changes * 1e6),
            round(peak),
            round(len(steady_ones) / (steady_ones[-1][3] - steady_ones[0][3])),
            round(statistics.median(late), 1),
            round(late[int(len(late) * 0.99)], 1),
            round(late[-1], 1),
        )
    finally:
        for process in (connector, receiver):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()
        server.kill()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=20_000)
    parser.add_argument("--leads", type=int, default=2_000)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--receive", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.receive:
        receive(given.receive)
        return
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(given.changes, given.leads, given.rate, given.seconds, Path(folder)))
    if given.json:
        print(json.dumps(asdict(found)))
        return
    print(
        f"backlog: {found.backlog_per_second:,.0f} changes/s, {found.cpu_us:,.0f} us of CPU each, {found.peak_mib:.0f} MiB"
        f"\nsteady:  {found.steady_per_second:,.0f} changes/s, commit to receiver p50 {found.p50_ms} ms, "
        f"p99 {found.p99_ms} ms, max {found.max_ms} ms"
    )


if __name__ == "__main__":
    main()
