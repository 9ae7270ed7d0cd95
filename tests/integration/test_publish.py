"""Versions of a model published into running workers on a real broker (section 9 of the specification)."""

import asyncio
import json
import random
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stream_app.engine.times import format_time, parse_time
from stream_app.errors import KnownError
from stream_app.modelfiles import read_model
from stream_app.publishing.publisher import Terms, open_publisher
from stream_app.publishing.reading import INBOXES, registry_at
from stream_app.streaming.transaction import default_partition
from stream_app.worker.composition import compose
from stream_app.worker.publications import read_publication
from stream_app.worker.versions import VERSIONS
from tests.lanes.kafka_tools import Row, fill
from tests.lanes.process import ROOT
from tests.pipeline.system import COMMAND, System
from tests.pipeline.tables import accounts_at, leads_at
from tests.pipeline.versions import END, TOPICS, edited, edited_text, ends, history, parts, replayed

PARTITIONS = 2
SCENARIOS = """
model: small
scenarios:
  - scenario: A page view
    events: [{lead: ann, channel: web, type: page_view}]
    expect: [{lead: ann, scores: {interest: POINTS}}]
"""


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


async def command(system: System, *words: str) -> Said:
    """A command of `stream-app` on a system."""
    place = ["--bootstrap", system.broker, "--prefix", system.manifest.prefix]
    process = await asyncio.create_subprocess_exec(
        *COMMAND, *words, *place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
    return Said(process.returncode or 0, out.decode(), err.decode())


async def send(system: System, events: list[dict[str, Any]]) -> None:
    """Events where they belong, at their times."""
    rows: dict[str, list[Row]] = {}
    for event in events:
        key = (f"user:{event['user_id']}" if "user_id" in event else event["account_id"]).encode()
        place = default_partition(key, system.partitions)
        rows.setdefault(TOPICS[event["channel"]], []).append(
            (place, parse_time(event["time"]), key, json.dumps(event).encode())
        )
    for topic, some in rows.items():
        await fill(system.broker, system.topic(topic), some)


def versions_of(directory: Path) -> list[Path]:
    """The small model, and two versions of it."""
    files = []
    for name, edits in {"first": (), "second": (0, 1, 4), "third": (2, 3, 7)}.items():
        file = directory / f"{name}.yaml"
        file.write_text(edited_text(*edits))
        files.append(file)
    return files


async def tables(system: System, *edits: int) -> dict[str, Any]:
    """The score records at the end, by the tables, under a version."""
    scoring, found = compose(edited(*edits), system.manifest), dict[str, Any]()
    for agent, at in (("lead", leads_at), ("account", accounts_at)):
        entries = await system.entries("lead" if agent == "lead" else "account")
        found |= at(scoring, {key: entry for key, entry in entries.items() if not key.startswith(VERSIONS)}, END)
    return {key: parts(record) for key, record in found.items()}


def expected(events: list[dict[str, Any]], *edits: int) -> dict[str, Any]:
    """What a replay under a version makes of all events."""
    world, _ = replayed(edited(*edits), events)
    return {record.get("lead") or record["account_id"]: parts(record) for record in world.scores()}


async def must_not_go_live(system: System, model: Path) -> None:
    """A model whose scenario fails, one that lint refuses, and one published over another than was thought."""
    scenarios = model.with_suffix(".scenarios.yaml")
    scenarios.write_text(SCENARIOS.replace("POINTS", "10"))
    refused = await command(system, "model", "publish", str(model))
    assert (refused.code, "does not hold" in refused.err) == (1, True), refused
    scenarios.write_text(SCENARIOS.replace("POINTS", "17"))
    stale = await command(system, "model", "publish", str(model), "--expect", "0123456789")
    assert (stale.code, "somebody was faster" in stale.err) == (2, True), stale
    listed = await command(system, "model", "list")
    assert (listed.code, "no version was published" in listed.err) == (0, True)


async def approved(system: System, model: Path, live: str, at: str) -> None:
    """A version that needs two approvals goes live with the second."""
    words = ["--approvals", "marketing,sales", "--approve-as", "marketing"]
    proposed = await command(system, "model", "publish", str(model), *words)
    assert (proposed.code, "needs the approval of sales" in proposed.err) == (0, True), proposed
    assert json.loads((await command(system, "model", "list", "--json")).out)["live"] == live
    digits = proposed.out[:8]
    assert (await command(system, "model", "approve", digits, "--as", "legal")).code == 2
    words = ["--as", "sales", "--by", "jo", "--at", at, "--wait", "30"]
    went = await command(system, "model", "approve", digits, *words)
    assert (went.code, "published as number 2" in went.err) == (0, True), went
    shown = await command(system, "model", "show", "live", "--document")
    assert json.loads(shown.out) == edited(2, 3, 7).document


async def test_a_version_goes_live_and_back(broker: str, tmp_path: Path) -> None:
    """S9: published while events arrive, taken up by every lane without a restart, restated, listed, rolled back; what a
    worker is started with later does not count; and what must not go live does not."""
    events = history(random.Random(5), 400)
    half, events = len(events) // 2, [*events, *ends(PARTITIONS)]
    first, second, third = versions_of(tmp_path)
    version = edited(0, 1, 4).version
    system = await System(broker, tmp_path, first, partitions=PARTITIONS).create()
    await send(system, events[:half])
    with system.worker("a") as worker:
        await worker.ready()
        await must_not_go_live(system, second)
        await system.caught_up(60, worker.said)
        words = ["--at", events[half]["time"], "--note", "views count more", "--by", "ann", "--wait", "30"]
        went = await command(system, "model", "publish", str(second), *words, "--expect", "none")
        assert (went.code, went.out.strip()) == (0, version), went
        await send(system, events[half:])
        await system.settled(END, 60, worker.said)
        found = json.loads((await command(system, "model", "list", "--json")).out)
        assert (found["live"], found["settled"], found["lanes_in_all"]) == (version, True, 4)
        made = found["versions"][0]["publications"]
        assert [(one["by"], one["note"], one["number"]) for one in made] == [("ann", "views count more", 1)]
        assert await tables(system, 0, 1, 4) == expected(events, 0, 1, 4)
        await approved(system, third, version, format_time(END))
        back = await command(
            system, "model", "rollback", "--transitions", "hold", "--at", format_time(END), "--wait", "30"
        )
        assert (back.code, back.out.strip()) == (0, version), back
        await system.settled(END, 60, worker.said)
        assert worker.stop() == 0
    with system.worker("b") as worker:
        await worker.ready()
        assert f"model small {version[:12]}, published as number 3, not the file's" in worker.said()
        assert worker.stop() == 0
    assert await tables(system, 0, 1, 4) == expected(events, 0, 1, 4)
    records = {**await system.latest("lead-scores"), **await system.latest("account-scores")}
    assert {record["model"]["version"] for record in records.values()} == {version}
    for moves in (await system.transitions()).values():
        assert [one["seq"] for one in moves] == list(range(1, len(moves) + 1))


async def test_two_publishers_at_once(broker: str, tmp_path: Path) -> None:
    """The second fences the first, which publishes nothing; what the second writes is whole."""
    first, second, third = versions_of(tmp_path)
    system = await System(broker, tmp_path, first, partitions=PARTITIONS).create()
    async with open_publisher(broker, system.manifest) as slow, open_publisher(broker, system.manifest) as quick:
        with pytest.raises(KnownError, match="somebody else began to publish"):
            await slow.publish(read_model(str(second)), Terms(by="slow"))
        await quick.publish(read_model(str(third)), Terms(by="quick"))
    registry, _ = await registry_at(broker, system.manifest)
    assert [(one.model, one.publications[-1].by, one.number) for one in registry.newest_first] == [
        ("small", "quick", 1)
    ]
    inboxes = [record for base in INBOXES for record in await system.records(base)]
    assert [read_publication(record.value).version for record in inboxes] == [edited(2, 3, 7).version] * 4
