"""Tuning: the answer is what replays of every threshold say, found in a few passes."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from stream_app.engine.model.load import load_model
from stream_app.engine.model.types import Model
from stream_app.engine.times import DAY, parse_time
from stream_app.errors import KnownError
from stream_app.history.past import Past, past_of
from stream_app.history.tune import Tuning
from stream_app.history.tune_bars import bar_of, edited_line, with_value
from stream_app.history.weeks import length_in_weeks
from stream_app.ingest import parse_event
from stream_app.local.simulator import Story, simulate
from stream_app.modelfiles import read_model
from stream_app.runtime.world import World

NEW_YEAR = parse_time("2026-01-01T00:00:00Z")
LATER = NEW_YEAR + 400 * DAY


def _quiet(what: str, done: int, total: int) -> None:
    pass


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some weeks of simulated leads, orders of the CRM among them."""
    path = tmp_path_factory.mktemp("tune") / "events.ndjson"
    closed = {"won": ("lifecycle", "customer"), "lost": ("lifecycle", "lost")}
    told = islice(simulate(Story(seed=5, events_a_day=50, closed=closed), lambda at: NEW_YEAR + at), 700)
    path.write_bytes(b"".join(one.raw + b"\n" for one in told if one.refused is None))
    return path


def _past(path: Path) -> Past:
    with path.open("rb") as file:
        return past_of(file, str(path), path.stat().st_size, LATER, by_time=False, progress=_quiet)


def _tuned(events: Path, **more: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"stage": "mql", "now": LATER, "jobs": 1, "progress": _quiet, **more}
    return Tuning(model=read_model("b2b-saas"), past=_past(events), **asked).run()


def _replayed(model: Model, events: Path) -> float:
    """Arrivals a week at mql, from the transitions of a plain replay."""
    world = World(model)
    activities = [parse_event(line, channel=None) for line in events.read_bytes().splitlines()]
    for activity in activities:
        world.apply(activity)
    times = [activity.time for activity in activities]
    world.tick(max(times))
    low = ("known", "awareness")
    moves = [
        one
        for one in world.take_transitions()
        if one["subject"] == "lead" and one["ladder"] == "lifecycle" and one["cause"]["kind"] != "crm"
    ]
    count = sum(one["from"] in low and one["to"] not in low for one in moves)
    return round(count / length_in_weeks(min(times), max(times)), 2)


def test_the_answer_is_the_lowest_threshold_that_is_low_enough(events: Path) -> None:
    """All rows equal replays of the model with that threshold; one step lower too many arrive."""
    model = read_model("b2b-saas")
    full = _replayed(model, events)
    found = _tuned(events, per_week=full * 0.7)
    rows = [found["now"], found["answer"], *found["neighbours"]]
    bar = bar_of(model, "lifecycle", "mql", None)
    for row in rows:
        changed = with_value(model, bar, row["threshold"])
        assert changed is not None
        assert _replayed(changed, events) == row["mean"]
    by_threshold = {row["threshold"]: row["mean"] for row in rows}
    answer = found["threshold"]
    assert by_threshold[answer] <= full * 0.7 < by_threshold[answer - 1]
    assert (found["now"]["threshold"], found["now"]["mean"], found["path"]) == (50, full, bar.path)


def test_a_lower_bar_only_as_far_as_the_model_stays_valid(events: Path) -> None:
    """`hold` at 35 must follow from `enter`: more than that the stage can't take in."""
    assert _tuned(events, per_week=1_000)["threshold"] == 35


def test_no_threshold_is_enough(events: Path) -> None:
    """Where other conditions let leads in, there is no answer."""
    found = _tuned(events, stage="sql", per_week=0.001)
    assert (found["threshold"], found["answer"]) == (None, None)
    assert found["neighbours"]


def _two(enter: Any) -> Model:
    ladders = {"l": [{"stage": "a"}, {"stage": "mql", "enter": enter, "hold": {}}]}
    rules: list[dict[str, Any]] = [
        {"id": "r", "kind": "fact", "score": score, "when": {}, "points": 1} for score in ("s", "t")
    ]
    document = {"model": "m", "scores": {"s": {}, "t": {}}, "rules": [rules[0]], "ladders": ladders}
    return load_model(json.dumps(document), "m")


def test_which_threshold_is_meant() -> None:
    """One is found by itself; of several one is named; bands and facts have none."""
    one = _two({"all": [{"scores": {"s": {"ge": 5}}}, {"facts": {"x": 1}}]})
    both = _two({"scores": {"s": {"ge": 5}, "t": {"gt": 7.5}}})
    assert bar_of(one, "l", "mql", None).path == "ladders.l[1].enter.all[0].scores.s.ge"
    assert bar_of(both, "l", "mql", "t").words == "t > 7.5"
    with pytest.raises(KnownError, match="--score names one"):
        bar_of(both, "l", "mql", None)
    with pytest.raises(KnownError, match="has not a threshold"):
        bar_of(_two({"facts": {"x": 1}}), "l", "mql", None)
    with pytest.raises(KnownError, match="greater than 0"):
        Tuning(one, Past("", 0), "mql", 0, 0, 1, _quiet).run()


@pytest.mark.parametrize(
    ("text", "edited"),
    [
        (
            "a:\n  - {enter: {t: {ge: 50}}, hold: {t: {ge: 50}}}\n",
            (2, "  - {enter: {t: {ge: 65}}, hold: {t: {ge: 50}}}"),
        ),
        ('{"a": [{"enter": {"t": {"lt": 9,\n "ge": 50.5}}}]}', (2, ' "ge": 65}}}]}')),
        ("a:\n- enter:\n    t:\n      ge: 50 # fifty\n", (4, "      ge: 65 # fifty")),
    ],
)
def test_the_edited_line(text: str, edited: tuple[int, str]) -> None:
    """The number that is meant, in YAML of any style and in JSON; all else as it was."""
    assert edited_line(text, ("a", 0, "enter", "t", "ge"), 65) == edited
