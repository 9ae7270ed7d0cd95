"""What-if: the same as two replays compared by hand, however the history is cut into parts."""

import json
import re
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.engine.model.load import load_model
from stream_app.engine.model.types import Model
from stream_app.engine.times import DAY, parse_time
from stream_app.errors import KnownError
from stream_app.history.past import Past, past_of, places
from stream_app.history.quiet import QuietWorld
from stream_app.history.report_html import page
from stream_app.history.report_plots import nice_ticks
from stream_app.history.whatif import chosen_ladder, chosen_stages, document_of, what_if
from stream_app.history.whatif_part import Question, try_part
from stream_app.history.whatif_summary import summary
from stream_app.history.whatif_tally import Tally
from stream_app.ingest import parse_event
from stream_app.local.simulator import Story, simulate
from stream_app.modelfiles import model_text, read_model
from stream_app.runtime.world import World
from tests.reference.strategies import generate

NEW_YEAR = parse_time("2026-01-01T00:00:00Z")
LATER = NEW_YEAR + 400 * DAY
CLOSED = {"won": ("lifecycle", "customer"), "lost": ("lifecycle", "lost")}


def _quiet(what: str, done: int, total: int) -> None:
    pass


def _past(path: Path) -> Past:
    with path.open("rb") as file:
        return past_of(file, str(path), path.stat().st_size, LATER, by_time=False, progress=_quiet)


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some weeks of simulated leads, without what is broken on purpose."""
    path = tmp_path_factory.mktemp("whatif") / "events.ndjson"
    story = Story(seed=3, events_a_day=60, closed=CLOSED)
    told = islice(simulate(story, lambda at: NEW_YEAR + at), 1_000)
    path.write_bytes(b"".join(one.raw + b"\n" for one in told if one.refused is None))
    return path


@pytest.fixture(scope="module")
def models() -> tuple[Model, Model]:
    """The default model, and the same with dearer prices and a higher bar."""
    text, _ = model_text("b2b-saas")
    other = re.sub(r"(id: pricing_page.*?points: )30", r"\g<1>45", text, flags=re.DOTALL)
    other = other.replace("{total: {ge: 50}}", "{total: {ge: 53}}")
    assert other != text
    return read_model("b2b-saas"), load_model(other, "other")


@pytest.fixture(scope="module")
def found(events: Path, models: tuple[Model, Model]) -> dict[str, Any]:
    """What comes of it."""
    return what_if(*models, _past(events), by=["industry"], now=LATER, jobs=1, progress=_quiet)


def _arrivals(model: Model, events: Path, stage: str) -> dict[str, list[int]]:
    """When each lead arrives at a stage, from the transitions of a plain replay."""
    world = World(model)
    activities = [parse_event(line, channel=None) for line in events.read_bytes().splitlines()]
    for activity in activities:
        world.apply(activity)
    world.tick(max(activity.time for activity in activities))
    order = [one.name for one in next(one for one in model.lead.ladders if one.name == "lifecycle").stages]
    found: dict[str, list[int]] = {}
    for move in world.take_transitions():
        if move["subject"] == "lead" and move["ladder"] == "lifecycle" and move["cause"]["kind"] != "crm":
            if order.index(move["from"]) < order.index(stage) <= order.index(move["to"]):
                found.setdefault(world.resolve(move["lead"]), []).append(parse_time(move["at"]))
    return found


@pytest.mark.parametrize("stage", ["mql", "sql"])
def test_it_tells_what_two_replays_tell(
    found: dict[str, Any], events: Path, models: tuple[Model, Model], stage: str
) -> None:
    """S375: who would gain or lose a stage, how many arrive, who sooner."""
    told = next(one for one in found["stages"] if one["stage"] == stage)
    before, after = (_arrivals(model, events, stage) for model in models)
    assert before and after
    assert {"a": len(before), "b": len(after)} == told["leads"]
    assert sorted(after.keys() - before.keys()) == sorted(lead["lead"] for lead in told["gained_leads"])
    assert sorted(before.keys() - after.keys()) == sorted(lead["lead"] for lead in told["lost_leads"])
    assert sum(map(len, after.values())) == told["arrivals"]["b"] == sum(week["b"] for week in told["weeks"])
    assert sum(min(after[key]) < min(before[key]) for key in before.keys() & after.keys()) == told["sooner"]
    assert told["leads"]["b"] == sum(row["b"] for row in told["by"]["owner"])


def test_reasons_are_the_rules_that_were_edited(found: dict[str, Any]) -> None:
    """Prices were made dearer: that and nothing else has moved leads, or else the bar itself."""
    rules = {row["rule"] for stage in found["stages"] for side in stage["reasons"].values() for row in side}
    assert "pricing_page" in rules and rules <= {"pricing_page", None}
    (engagement,) = [score for score in found["scores"] if score["score"] == "engagement"]
    assert engagement["up"] > 0 and engagement["down"] == 0
    assert sum(row["a"] for row in engagement["histogram"]) == found["leads"]["a"]


def test_since_counts_only_what_comes_then(events: Path, models: tuple[Model, Model]) -> None:
    """All is scored; whoever stood there already when the time began is not gained."""
    since = NEW_YEAR + 14 * DAY
    found = what_if(*models, _past(events), since=since, now=LATER, jobs=1, progress=_quiet)
    (mql, _) = found["stages"]
    before, after = (_arrivals(model, events, "mql") for model in models)
    assert sum(at >= since for times in after.values() for at in times) == mql["arrivals"]["b"]
    assert {lead["lead"] for lead in mql["gained_leads"]} <= {
        key for key, times in after.items() if max(times) >= since
    }
    assert found["from"] == "2026-01-15T00:00:00Z"
    assert before


def test_the_same_model_changes_nothing(events: Path, models: tuple[Model, Model]) -> None:
    """No edits, nobody gained, nobody lost."""
    found = what_if(models[0], models[0], _past(events), by=["industry"], now=LATER, jobs=1, progress=_quiet)
    assert found["edits"] == []
    assert [(one["gained"], one["lost"], one["sooner"], one["later"]) for one in found["stages"]] == [(0, 0, 0, 0)] * 2


def test_processes_tell_the_same_as_one(found: dict[str, Any], events: Path, models: tuple[Model, Model]) -> None:
    """Two processes of our own, spawned."""
    assert found == what_if(*models, _past(events), by=["industry"], now=LATER, jobs=2, progress=_quiet)


# --- any model, any history ---------------------------------------------------------------------------------------------


def _example(seed: int, folder: Path) -> tuple[Model, Model, Past]:
    document, events, _ = generate(seed, events=40, account_scores=bool(seed % 2))
    other = json.loads(json.dumps(document))
    for rule in other["rules"]:
        if "points" in rule:
            rule["points"] = rule["points"] * 2
    path = folder / "events.ndjson"
    path.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
    return load_model(json.dumps(document), "a"), load_model(json.dumps(other), "b"), _past(path)


def _told(models: tuple[Model, Model], past: Past, parts: int, ladder: str) -> dict[str, Any]:
    stages = tuple(stage.name for one in models[0].lead.ladders if one.name == ladder for stage in one.stages[1:])
    question = Question(
        past.path,
        (document_of(models[0]), document_of(models[1])),
        ladder,
        stages,
        ("owner", "tier"),
        -1,
        past.until,
        LATER,
    )
    total = Tally({}, {})
    for part in past.parts(parts):
        total.add(
            msgspec.msgpack.decode(try_part(msgspec.msgpack.encode(question), part, lambda more: None), type=Tally)
        )
    return summary(*models, question, total)


@given(seed=st.integers(0, 10**9))
def test_parts_add_up_to_the_whole(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Cutting a history by identity and account changes nothing: merges, conflicts, accounts' scores and all."""
    folder = tmp_path_factory.mktemp("parts")
    old, new, past = _example(seed, folder)
    if not old.lead.ladders or not len(past):
        return
    whole, cut = (_told((old, new), past, parts, old.lead.ladders[0].name) for parts in (1, 4))
    assert whole == cut


@given(seed=st.integers(0, 10**9))
def test_a_quiet_world_moves_leads_as_a_world_does(seed: int) -> None:
    """Leaving out accounts' scores that no lead looks at, and looks that see nothing new, changes no move."""
    document, events, until = generate(seed, account_scores=bool(seed % 3 == 0))
    model = load_model(json.dumps(document), "m")
    moves: list[tuple[str, str, int, str, str]] = []

    def moved(lead: Any, made: list[Any]) -> None:
        moves.extend((lead.subject.key, one.ladder, one.seq, one.origin, one.target) for one in made)

    quiet, loud = QuietWorld(model, moved), World(model)
    for event in events:
        activity = parse_event(json.dumps(event).encode(), channel=None)
        assert quiet.apply(activity) == loud.apply(activity)
    quiet.tick(until)
    loud.tick(until)
    told = [one for one in loud.take_transitions() if one["subject"] == "lead"]
    assert sorted(moves) == sorted((one["lead"], one["ladder"], one["seq"], one["from"], one["to"]) for one in told)


# --- small parts --------------------------------------------------------------------------------------------------------


def test_a_part_holds_whoever_belongs_together(tmp_path: Path) -> None:
    """By keys of one event, by account, by e-mail domain; free mail joins nobody."""
    path = tmp_path / "events.ndjson"
    who: list[dict[str, str]] = [
        {"anonymous_id": "x"},
        {"anonymous_id": "x", "email": "a@acme.example"},
        {"user_id": "1", "account_id": "acme.example"},
        {"email": "a@gmail.com"},
        {"email": "b@gmail.com"},
    ]
    lines = [{"event_id": str(n), "type": "t", "time": "2026-01-01T00:00:00Z", **keys} for n, keys in enumerate(who)]
    path.write_text("\n".join(map(json.dumps, lines)) + "\n\nnonsense\n", encoding="utf-8")
    past = _past(path)
    whole = path.read_bytes()
    cut = [sorted(json.loads(whole[at : at + size])["event_id"] for at, size in places(one)) for one in past.parts(3)]
    assert (cut[0], sorted(cut[1:]), past.unreadable) == (["0", "1", "2"], [["3"], ["4"]], 1)


def test_what_is_of_the_future_does_not_tell_the_end(tmp_path: Path) -> None:
    """A wrong clock must not make the history a century long."""
    path = tmp_path / "events.ndjson"
    times = ("2026-01-01T00:00:00Z", "2199-01-01T00:00:00Z")
    path.write_text("".join(json.dumps({"time": time, "user_id": "1"}) + "\n" for time in times), encoding="utf-8")
    assert _past(path).until == NEW_YEAR


def test_stages_and_ladders_by_name(models: tuple[Model, Model]) -> None:
    """The ladder with mql and sql is meant; what is not in both models is refused."""
    assert chosen_stages(models, chosen_ladder(models, None), ()) == ["mql", "sql"]
    assert chosen_stages(models, "lifecycle", ["customer", "mql"]) == ["mql", "customer"]
    with pytest.raises(KnownError, match="--ladder nope"):
        chosen_ladder(models, "nope")
    with pytest.raises(KnownError, match="--stages nope"):
        chosen_stages(models, "lifecycle", ["nope"])


def test_the_page_escapes_what_it_is_given(found: dict[str, Any]) -> None:
    """Names come from producers; the page runs and fetches nothing."""
    found = json.loads(json.dumps(found))
    found["stages"][0]["by"] = {"<i>": [{"value": "<script>", "a": 1, "b": 2, "gained": 1, "lost": 0, "change": 1}]}
    text = page(found)
    assert "<script" not in text and "&lt;script&gt;" in text and "&lt;i&gt;" in text
    assert "http" not in text and text.count("<svg") == 2 + len(found["scores"])


def test_ticks_are_round() -> None:
    """At most six, from 0 to at least the greatest."""
    assert [nice_ticks(most) for most in (0, 3, 12, 130)] == [
        [0, 1],
        [0, 1, 2, 3],
        [0, 5, 10, 15],
        [0, 50, 100, 150],
    ]
