"""The touchpoints proof: a month of real marketing touches through workers, held to the offline replay of the same file."""

import asyncio
import itertools
import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from stream_app.engine.times import format_time, parse_time
from stream_app.streaming.transaction import default_partition
from stream_app.worker.composition import compose
from tests.lanes.process import ROOT
from tests.pipeline.system import System, run
from tests.pipeline.tables import accounts_at, leads_at

DATA = ROOT.parent / "shared" / "data" / "touchpoints.csv"
"""Public, but not ours to ship: tests skip where it is missing."""
MODEL = ROOT / "examples" / "touchpoints-model.yaml"
PARTITIONS = 4
END = parse_time("2018-08-05T00:30:00Z")
"""Some days after the last row."""

log = logging.getLogger(__name__)


def sentinels() -> Iterator[dict[str, Any]]:
    """An event of `END` for every partition of leads, whose account lies in the same partition of accounts."""
    for partition in range(PARTITIONS):
        lead = _named("sentinel-{}", "user:", partition)
        account = _named("sentinels-{}", "", partition)
        yield {
            "event_id": f"end-{partition}",
            "channel": "web",
            "type": "impression",
            "time": format_time(END),
            "user_id": lead,
            "account_id": account,
            "properties": {"medium": "Paid Search"},
        }


def _named(pattern: str, prefix: str, partition: int) -> str:
    names = map(pattern.format, itertools.count())
    return next(name for name in names if default_partition((prefix + name).encode(), PARTITIONS) == partition)


def write_events(file: Path) -> None:
    """All rows as events, by time, and the sentinels."""
    with file.open("wb") as out:
        subprocess.run([sys.executable, ROOT / "examples" / "touchpoints.py", DATA], stdout=out, check=True, timeout=60)
        out.writelines(json.dumps(event).encode() + b"\n" for event in sentinels())


def replayed(events: Path) -> dict[str, list[Any]]:
    """What `stream-app replay --order time --until END` makes of them: `transitions` and `scores`."""
    files = {name: events.with_name(f"{name}.ndjson") for name in ("transitions", "scores")}
    words = ["--model", str(MODEL), "--events", str(events), "--order", "time", "--until", format_time(END)]
    words += [word for name, file in files.items() for word in (f"--{name}", str(file))]
    asyncio.run(run("replay", *words))
    return {name: [json.loads(line) for line in file.read_bytes().splitlines()] for name, file in files.items()}


async def prove(broker: str, directory: Path, events: Path, expected: dict[str, list[Any]], workers: int) -> None:
    """Send the events, let workers catch up, and compare all scores, and the transitions of every lead."""
    system = await System(broker, directory, MODEL, partitions=PARTITIONS).create()
    await system.produce(events)
    began = time.monotonic()
    with ExitStack() as stack:
        running = [stack.enter_context(system.worker(f"w{number}")) for number in range(workers)]

        def said() -> str:
            return "\n".join(worker.said()[-2000:] for worker in running)

        for worker in running:
            await worker.ready(within=60)
        opened = time.monotonic()
        await system.caught_up(180, said)
        done = time.monotonic()
        await system.settled(END, 120, said)
        count = len(events.read_bytes().splitlines())
        log.info(
            "%d workers: ready after %.1f s, %d events caught up after %.1f s (%.0f a second), settled after %.1f s",
            workers, opened - began, count, done - opened, count / (done - opened), time.monotonic() - done,
        )  # fmt: skip
        assert [worker.stop() for worker in running] == [0] * workers, said()
    await _compare(system, expected)


async def _compare(system: System, expected: dict[str, list[Any]]) -> None:
    assert await system.records("dead-letters") == []
    leads = {record["lead"]: record for record in expected["scores"] if "lead" in record}
    accounts = {record["account_id"]: record for record in expected["scores"] if "lead" not in record}
    assert len(leads) == 4722 + PARTITIONS
    assert len(accounts) == 400 + PARTITIONS
    scoring = compose(system.model, system.manifest)
    for documents, published, decoded in (
        (leads, await system.latest("lead-scores"), leads_at(scoring, await system.entries("lead"), END)),
        (accounts, await system.latest("account-scores"), accounts_at(scoring, await system.entries("account"), END)),
    ):
        assert {key: record["scores"] for key, record in published.items()} == {
            key: record["scores"] for key, record in documents.items()
        }
        for key, record in documents.items():
            assert decoded[key]["raw"] == pytest.approx(record["raw"], rel=0, abs=1e-9), key
    assert {key: record["stages"] for key, record in (await system.latest("lead-scores")).items()} == {
        key: record["stages"] for key, record in leads.items()
    }
    moves: dict[str, list[Any]] = {}
    for transition in expected["transitions"]:
        if transition["subject"] == "lead":
            moves.setdefault(transition["lead"], []).append(transition)
    assert sum(map(len, moves.values())) > 15_000
    made = await system.transitions()
    assert {lead: [move["id"] for move in some] for lead, some in made.items()} == {
        lead: [move["id"] for move in some] for lead, some in moves.items()
    }
    assert made == moves
