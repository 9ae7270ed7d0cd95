"""The offline replay and `score --at`: order, `--now`, `--until`, refused lines, times in the past (formats.md)."""

import json
from io import BytesIO
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stream_app.cli import make_app
from stream_app.engine.times import format_time, parse_time
from stream_app.history.replay import Order, Refused, finish, ordered, replay, score_at
from stream_app.ingest.ndjson import read_events
from stream_app.runtime.world import World
from tests.subjects import Json, event, model_of

DOCUMENT: Json = {
    "model": "m",
    "lateness": "2d",
    "scores": {"s": {}},
    "rules": [
        {"id": "r", "kind": "activity", "score": "s", "on": {"type": "view"}, "points": 4, "decay": {"half_life": "1h"}}
    ],
    "ladders": {"l": [{"stage": "low"}, {"stage": "high", "enter": {"scores": {"s": {"ge": 4}}}}]},
}
STORY = [
    event("b", "2026-03-01T12:00:00Z"),
    event("a", "2026-03-01T10:00:00Z"),
    event("c", "2026-03-01T12:00:00Z", "other"),
]


def run(
    events: list[Json], until: str | None = None, now: str | None = None, order: Order = "arrival"
) -> tuple[World, list[Json], list[Refused]]:
    """The world after a replay, its transitions and what was refused."""
    world = World(model_of(DOCUMENT))
    made: list[Json] = []
    refused: list[Refused] = []
    file = BytesIO(b"\n".join(json.dumps(one).encode() for one in events))
    lines = ordered(read_events(file, "events"), order)
    replay(world, lines, now=parse_time(now) if now else None, transition=made.append, refused=refused.append)
    finish(world, parse_time(until) if until else None, made.append)
    return world, made, refused


@pytest.mark.parametrize(("order", "at"), [("arrival", ["12:00"]), ("time", ["10:00", "11:00", "12:00", "13:00"])])
def test_order_decides_the_path_and_not_the_score(order: Order, at: list[str]) -> None:
    """By time the lead rises, falls and rises; in file order the late event moves nothing."""
    world, made, _ = run(STORY, "2026-03-01T13:00:00Z", order=order)
    assert [row["at"][11:16] for row in made][: len(at)] == (at if order == "time" else ["12:00"])
    assert world.scores()[0]["raw"] == {"s": 2.5}


def test_until_before_a_clock_has_no_effect() -> None:
    """Formats: each lead is ticked to `--until`, and a clock never goes back."""
    early, never = run(STORY, "2026-03-01T09:00:00Z")[0].scores(), run(STORY)[0].scores()
    assert early == never
    assert early[0]["at"] == "2026-03-01T12:00:00Z"


def test_now_refuses_the_future_and_only_then() -> None:
    """`now + max_future_skew` (5 min) is taken, a millisecond more is not; without `--now` all are."""
    story = [event("a", "2026-03-01T10:05:00Z"), event("b", "2026-03-01T10:05:00.001Z")]
    refused = run(story, now="2026-03-01T10:00:00Z")[2]
    assert [(one.line.number, one.code) for one in refused] == [(2, "future")]
    assert run(story)[2] == []


def test_what_is_refused_says_where_and_why() -> None:
    """Line, code, and a pointer to the field."""
    story = [event("a", "2026-03-09T10:00:00Z"), event("b", "2026-03-01T10:00:00Z"), event("c", "yesterday")]
    told = [one.document() for one in run(story)[2]]
    assert [(one["line"], one["error"]["code"], one["error"]["pointer"]) for one in told] == [
        (2, "too_old", "/time"),
        (3, "schema", "/time"),
    ]


def test_a_score_of_the_past_counts_nothing_later() -> None:
    """`score --at T`: what happened after `T` counts for nothing; nobody by that key is None."""
    file = b"\n".join(json.dumps(one).encode() for one in STORY)

    def at(key: str, time: str | None) -> Json | None:
        lines = read_events(BytesIO(file), "events")
        found = score_at(model_of(DOCUMENT), lines, key, parse_time(time) if time else None, _unexpected)
        return None if found is None else found[0].score(found[1])

    assert [(at("user:u", time) or {})["raw"] for time in ("2026-03-01T10:30:00Z", "2026-03-01T11:00:00Z", None)] == [
        {"s": 4.0},
        {"s": 2.0},
        {"s": 5.0},
    ]
    assert at("user:nobody", None) is None


def _unexpected(refused: Refused) -> None:
    raise AssertionError(refused)


def test_the_command_line_ends_at_the_first_refused_line_unless_told_where_they_go(tmp_path: Path) -> None:
    """Exit code 2 with one clear line; with `--dead-letters` they are written and it goes on."""
    (tmp_path / "m.json").write_text(json.dumps(DOCUMENT), "utf-8")
    (tmp_path / "e").write_text('{"event_id": "a"}\n' + json.dumps(STORY[0]) + "\n", "utf-8")
    files = [
        "replay",
        "--model",
        str(tmp_path / "m.json"),
        "--events",
        str(tmp_path / "e"),
        "--scores",
        str(tmp_path / "s"),
    ]
    stopped = CliRunner().invoke(make_app(), files)
    assert stopped.exit_code != 0
    dead = tmp_path / "dead"
    went = CliRunner().invoke(
        make_app(), [*files, "--dead-letters", str(dead), "--until", format_time(1_772_400_000_000)]
    )
    assert went.exit_code == 0
    assert [json.loads(line)["error"]["code"] for line in dead.read_text("utf-8").splitlines()] == ["schema"]
    assert json.loads((tmp_path / "s").read_text("utf-8"))["lead"] == "user:u"
