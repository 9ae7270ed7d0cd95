"""`lead history` against a running worker: a version published in the middle, and what was told before and after it."""

import json
import time
from pathlib import Path
from typing import Any

from stream_app.engine.model.load import load_model
from stream_app.engine.times import DAY, HOUR, MINUTE, format_time, parse_time
from tests.pipeline.desk import event
from tests.pipeline.models import TEXT
from tests.pipeline.story import write
from tests.pipeline.system import System, run
from tests.subjects import world_of

FIRST = TEXT.replace(", account.score: 0.1", "")
SECOND = FIRST.replace("page_view}, points: 10", "page_view}, points: 25")


def before(start: int) -> list[dict[str, Any]]:
    """Ann on three channels, at first without a name; somebody else; all of it days ago."""
    made = [event(number, start + number * HOUR, anonymous_id="d-1", channel="web") for number in range(2)]
    made.append(event(2, start + 2 * HOUR, user="ann", anonymous_id="d-1", channel="web"))
    made += [event(number, start + number * HOUR, user="ann", channel="web") for number in range(3, 6)]
    made.append(event(6, start + DAY, user="ann", channel="email", type="open"))
    made.append(event(7, start + DAY, user="bob", channel="web"))
    return made


def after(now: int) -> list[dict[str, Any]]:
    """Ann again, now."""
    return [event(number, now + number, user="ann", channel="web") for number in range(10, 13)]


async def test_as_it_was_scored_and_as_it_would_have_been(broker: str, tmp_path: Path) -> None:
    """S9: one command tells of any lead how it was scored then, and how today's model would have; with the record as proof."""
    now = time.time_ns() // 1_000_000
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    first.write_text(FIRST)
    second.write_text(SECOND)
    system = await System(broker, tmp_path, first, clock="wall", partitions=2).create()
    place = ["--bootstrap", broker, "--prefix", system.manifest.prefix]
    story = before(now - 9 * DAY)
    write(tmp_path / "before.ndjson", story)
    await system.produce(tmp_path / "before.ndjson")
    with system.worker("a") as worker:
        await worker.ready()
        await system.caught_up(60, worker.said)
        await run("model", "publish", str(second), "--transitions", "restated", "--by", "ann", "--wait", "60", *place)
        recent = after(time.time_ns() // 1_000_000)
        write(tmp_path / "after.ndjson", recent)
        await system.produce(tmp_path / "after.ndjson")
        await system.caught_up(60, worker.said)
        assert worker.stop() == 0, worker.said()
    words = ["lead", "history", "anon:d-1", "--model", str(first), *place]
    told = json.loads(await run(*words, "--json"))
    check_rows(told, story, recent)
    assert [move for row in told["rows"] for move in plain(row)] == await everything(system)
    await check_moment(words, story, now - 9 * DAY + 4 * HOUR + MINUTE)
    shown = (await run(*words)).decode()
    assert "version 1 goes live by ann" in shown and "as anon:d-1: web page_view e0" in shown
    assert all(len(line) <= 120 for line in shown.splitlines())
    same = json.loads(await run(*words, "--against", str(first), "--since", format_time(now - 8 * DAY), "--json"))
    assert same["rows"][0]["differs"] == [], "then it was the first version too"
    assert same["rows"][-1]["differs"], "now it is not"


def check_rows(told: dict[str, Any], story: list[dict[str, Any]], recent: list[dict[str, Any]]) -> None:
    """The versions in force, the keys, and each side against the offline replay of its version."""
    rows = told["rows"]
    live = next(place for place, row in enumerate(rows) if row["what"] == "version")
    versions = [load_model(text, "model").version for text in (FIRST, SECOND)]
    assert {row["version"]["version"] for row in rows[:live]} == {versions[0]}
    assert {row["version"]["version"] for row in rows[live:]} == {versions[1]}
    assert all(not row["notes"] for row in rows), [row["notes"] for row in rows]
    assert [row["lead"] for row in rows][:3] == ["anon:d-1", "anon:d-1", "user:ann"]
    assert any(row["differs"] for row in rows[:live]) and not any(row["differs"] for row in rows[live:])
    for row in rows:
        offline(SECOND, [*story, *recent], row, "today")
    for row in rows[:live]:
        offline(FIRST, story, row, "then")


def offline(text: str, story: list[dict[str, Any]], row: dict[str, Any], side: str) -> None:
    """Hold one side of a row against the replay of what had happened by then."""
    at = parse_time(row["at"])
    record = score_of(text, [one for one in story if parse_time(one["time"]) <= at], row["lead"], at)
    assert row[side] == {name: record[name] for name in ("scores", "grades", "bands", "stages")}


def score_of(text: str, story: list[dict[str, Any]], key: str, at: int) -> Any:
    """A score record by the offline replay."""
    world = world_of(load_model(text, "model"), story, at)
    lead = world.find(key)
    assert lead is not None
    return world.score(lead)


def plain(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The transitions of a row, which all must be on record, as they are there."""
    moves = []
    for move in row["transitions"]:
        assert move.pop("told") == "recorded"
        moves.append(move)
    return moves


async def everything(system: System) -> list[dict[str, Any]]:
    """Ann's transitions on record, under all her keys, in order."""
    found = await system.transitions()
    return sorted((move for key in ("anon:d-1", "user:ann") for move in found.get(key, [])), key=lambda one: one["seq"])


async def check_moment(words: list[str], story: list[dict[str, Any]], at: int) -> None:
    """One moment, rule by rule: the parts add up to both scores."""
    told = json.loads(await run(*words, "--at", format_time(at), "--json"))
    (lead,) = told["leads"]
    known = [one for one in story if parse_time(one["time"]) <= at]
    for side, text in (("then", FIRST), ("today", SECOND)):
        record = score_of(text, known, "user:ann", at)
        assert lead[side]["scores"] == record["scores"]
        parts = [part[side] or 0 for part in lead["scores"]["interest"]["parts"]]
        assert round(sum(parts), 6) == round(record["raw"]["interest"], 6)
