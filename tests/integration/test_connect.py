"""`stream-app connect` on a real broker: from the topic to the vendor, the parked queue, and how it ends."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from aiokafka import AIOKafkaProducer

from stream_app.worker.entries import Alias, pack_marker
from tests.lanes.process import until
from tests.pipeline.system import COMMAND, run
from tests.vendors.changes import erased, transition
from tests.vendors.configs import hubspot_text, webhook_text
from tests.vendors.hubspot import HubSpotStandIn
from tests.vendors.process import Connected
from tests.vendors.webhook import Receiver

LEADS, EACH = 12, 5


def story(first: int = 1) -> list[dict[str, Any]]:
    """Transitions of several leads, interleaved."""
    return [transition(f"user:{lead}", seq) for seq in range(first, first + EACH) for lead in range(LEADS)]


def numbers(first: int, count: int) -> dict[str, list[int]]:
    """What a receiver must have of the story."""
    return {f"user:{lead}": list(range(first, first + count)) for lead in range(LEADS)}


async def _parked(place: list[str], *words: str) -> Any:
    out = await run("connect", "crm", "parked", *words, *place)
    return json.loads(out) if out else None


def _metrics(said: str) -> str:
    """What a process serves, by the line that says where."""
    where = next(line.rsplit(" ", 1)[1] for line in said.splitlines() if "serving /metrics" in line)
    for page in ("/livez", "/readyz"):
        with urlopen(f"{where}{page}", timeout=5) as response:
            assert response.read() == b"ok\n"
    with urlopen(f"{where}/metrics", timeout=5) as response:
        return str(response.read().decode())


async def test_from_the_topic_to_the_vendor_and_all_about_what_is_parked(broker: str, tmp_path: Path) -> None:
    """Each transition once and in order over two processes, a rebalance and a stop; `--dry-run` sends nothing; a refused
    record is parked, listed, shown, sent again by the process that has its partition, or dropped."""
    async with Receiver() as receiver:
        system = await Connected(broker, tmp_path).create(webhook_text(receiver.hook, "retry: {give_up: 0m}"))
        await system.write([transition("user:bad", 1), *story()])
        config = ["--config", str(system.file)]
        lines = (await run("connect", "crm", *config, "--dry-run", *system.place)).splitlines()
        assert len(lines) == LEADS * EACH + 1
        assert json.loads(lines[0])["send"]["POST"] == receiver.hook
        assert receiver.requests == 0

        receiver.refused = {"user:bad"}
        with system.process("a") as one:
            await one.ready_said()
            await system.done(process=one)
            with system.process("b") as two:
                await two.ready_said()
                await system.write(story(EACH + 1))
                await system.done(process=two)
                assert two.stop() == 0, two.said()
            await system.write(story(2 * EACH + 1))
            await system.done(process=one)

            [listed] = await _parked(system.place, "list", "--json")
            assert (listed["key"], listed["state"], listed["times"]) == ("user:bad", "parked", 1)
            assert listed["reason"] == "given up after 1 attempts: HTTP 400: no such person here"
            shown = await _parked(system.place, "show", listed["id"])
            assert shown["document"]["seq"] == 1
            receiver.refused = set()
            await _parked(system.place, "retry", listed["id"])

            async def sent() -> bool:
                return "user:bad" in receiver.effects() and await system.parked() == {}

            await until(sent, 20, one.said)
            receiver.refused, receiver.words = {"user:0"}, "unknown: ann@acme.example"
            await system.write([transition("user:0", 99)])
            await system.done(process=one)
            await _parked(system.place, "drop", "--all")
            assert await system.parked() == {}
            assert one.stop() == 0, one.said()
        assert "delivered" in one.said()
        assert "HTTP 400: unknown: ***@***" in one.said()  # what a vendor writes may name a person
    assert receiver.effects() == {**numbers(1, 3 * EACH), "user:bad": [1]}
    assert set(receiver.times().values()) == {1}
    assert receiver.unverified == 0


async def test_gone_disables_until_an_operator_says_enable(broker: str, tmp_path: Path) -> None:
    """410 ends it with code 2 and a line that says why; so does every start until `enable`. An erasure goes like the rest."""
    async with Receiver() as receiver:
        system = await Connected(broker, tmp_path).create(webhook_text(receiver.hook))
        await system.write([transition("user:ann", 1), erased("user:bob")])
        receiver.status = 410
        for _ in range(2):
            with system.process() as process:
                assert await asyncio.to_thread(process.wait, 30) == 2
        asked = receiver.requests
        assert "crm is disabled: the endpoint answers 410 Gone" in process.said()
        receiver.status = 200
        await run("connect", "crm", "enable", *system.place)
        with system.process() as process:
            await system.done(process=process)
            assert process.stop() == 0
        assert asked <= 2
    assert {payload["type"] for _, payload in receiver.deliveries} == {"lead.transition", "lead.erased"}


async def test_a_lead_with_a_user_id_is_found_by_its_linked_address(broker: str, tmp_path: Path) -> None:
    """HubSpot knows people by their addresses: the worker's changelog says which alias is one. S443."""
    async with HubSpotStandIn() as vendor:
        system = await Connected(broker, tmp_path).create(hubspot_text(vendor.url))
        async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
            entry = pack_marker(Alias(to="user:ann"))
            await producer.send_and_wait(system.manifest["lead-changelog"].name, entry, b"email:ann@x.example")
        await system.write([transition("user:ann", 1), transition("user:bob", 1)])
        process = system.process()
        process.words += ["--metrics-port", "0"]
        with process:
            await system.done(process=process)
            told = await asyncio.to_thread(_metrics, process.said())
            assert process.stop() == 0, process.said()
    assert 'leadscorer_connector_sent_total{connector="crm",result="ok"} 1.0' in told
    assert 'leadscorer_connector_queue{connector="crm"} 0.0' in told
    assert 'leadscorer_connector_delay_seconds_count{connector="crm"} 1.0' in told
    assert 'leadscorer_connector_failures_total{connector="crm",kind="refused"} 0.0' in told
    states = {
        name: f'leadscorer_connector_{name}{{connector="crm"}}' for name in ("ready", "oldest_seconds", "stuck_seconds")
    }
    assert [f"{states[name]} {value}" in told for name, value in zip(states, ("1.0", "0.0", "0.0"), strict=True)] == [
        True
    ] * 3
    assert list(vendor.contacts) == ["ann@x.example"]
    assert "1 skipped: no email" in process.said()


async def test_wrong_usage_is_one_line(tmp_path: Path) -> None:
    """File, line and field; exit code 2."""
    file = tmp_path / "crm.yaml"
    file.write_text("connector: webhook\nwebhook: {url: 1, secrets: []}\n")
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "connect", "crm", "--config", str(file), "--check", stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 2
    assert f"stream-app: {file}:2:16: webhook.url: expected a URL, found 1 (and 1 more)" in said.decode()
