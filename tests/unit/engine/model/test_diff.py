"""`diff`: every kind of edit in words, with its effect; and the effect held against what a state really knows."""

import copy
import json
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stream_app.engine.encoding import decode, encode
from stream_app.engine.model.diff import Edit, diff
from stream_app.engine.model.load import load_model
from stream_app.engine.model.problems import ModelError
from stream_app.engine.model.types import Model
from stream_app.engine.times import HOUR
from stream_app.ingest import parse_event
from stream_app.runtime.lead import Lead
from stream_app.runtime.world import World
from tests.reference.strategies import generate

BASE: dict[str, Any] = {
    "model": "m",
    "scores": {"s": {"clamp": [0, 100]}},
    "groups": {"g": {"score": "s", "max": 20}},
    "bands": {"heat": {"score": "s", "ranges": {"hot": 50, "cold": 0}}},
    "rules": [
        {"id": "view", "kind": "activity", "score": "s", "on": {"type": "view"}, "points": 10},
        {"id": "time", "kind": "quantity", "score": "s", "on": {"type": "view"}, "each": 0.1, "field": "seconds"},
        {"id": "often", "kind": "frequency", "score": "s", "on": {"type": "view"}, "window": "7d", "tiers": {"3": 5}},
        {"id": "boss", "kind": "fact", "score": "s", "when": {"title": "CEO"}, "points": 20},
        {"id": "size", "kind": "per_unit", "score": "s", "fact": "employees", "each": 0.1},
        {"id": "quiet", "kind": "inactivity", "score": "s", "on": {"type": "view"}, "after": {"10d": -5}},
    ],
    "ladders": {"l": [{"stage": "a"}, {"stage": "mql", "enter": {"scores": {"s": {"ge": 50}}}}]},
}
CASES: list[tuple[str, Any, str, str]] = [
    # path of what is set, the value, the edit in words, its effect
    ("rules.0.points", 15, "rule view, points: +10 → +15", "restates"),
    ("rules.0.weight", 2, "rule view, weight: 1 → 2", "restates"),
    ("rules.0.decay", {"half_life": "7d"}, "rule view, decay: lasts → halves every 7d", "restates"),
    ("rules.0.group", "g", "rule view, group: none → g", "restates"),
    ("rules.0.on", {"type": "click"}, "rule view, on: view → click", "from_now_on"),
    ("rules.0.limit", {"times": 3, "per": "day"}, "rule view, limit: none → 3 a day", "from_now_on"),
    ("rules.0.class", "email", "rule view, class: none → email", "none"),
    ("rules.1.each", 0.2, "rule time, each: +0.1 per seconds → +0.2 per seconds", "from_now_on"),
    ("rules.1.max", 9, "rule time, max: none → 9", "from_now_on"),
    ("rules.2.window", "14d", "rule often, window: 7d → 14d", "from_now_on"),
    ("rules.2.tiers", {"3": 8}, "rule often, tiers: +5 from 3 → +8 from 3", "restates"),
    ("rules.2.tiers", {"4": 5}, "rule often, tiers: +5 from 3 → +5 from 4", "from_now_on"),
    ("rules.3.when", {"title": "CFO"}, "rule boss, when: title is CEO → title is CFO", "restates"),
    ("rules.4.each", 0.2, "rule size, each: +0.1 → +0.2", "restates"),
    ("rules.5.after", {"20d": -5}, "rule quiet, after: -5 after 10d → -5 after 20d", "restates"),
    ("scores.s.clamp", [0, 50], "score s, clamp: 0 to 100 → 0 to 50", "restates"),
    ("groups.g.max", 30, "group g, clamp: -∞ to 20 → -∞ to 30", "restates"),
    (
        "bands.heat.ranges.hot",
        60,
        "band heat, ranges: s: hot from 50, cold from 0 → s: hot from 60, cold from 0",
        "restates",
    ),
    ("ladders.l.1.enter.scores.s.ge", 40, "stage l.mql, enter: s ≥ 50 → s ≥ 40", "restates"),
    ("ladders.l.1.min_dwell", "2d", "stage l.mql, min_dwell: 0d → 2d", "restates"),
    ("ladders.l.1.route", "sales", "stage l.mql, route: none → sales", "from_now_on"),
    ("resolution", "1d", "model, resolution: 1h → 1d", "from_now_on"),
    ("timezone", "Europe/Berlin", "model, timezone: UTC → Europe/Berlin", "from_now_on"),
    ("lateness", "7d", "model, lateness: 30d → 7d", "from_now_on"),
    ("description", "x", "model, description: none → x", "none"),
    (
        "machines",
        [{"id": "bots", "on": {"type": "view"}}],
        "machine rule bots added: view",
        "from_now_on",
    ),
]


def _load(document: dict[str, Any]) -> Model:
    return load_model(json.dumps(document), "test")


def _with(path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(BASE)
    *way, last = path.split(".")
    place: Any = document
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    place[last] = value
    return document


@pytest.mark.parametrize(("path", "value", "words", "effect"), CASES, ids=lambda case: str(case)[:40])
def test_an_edit_in_words_with_its_effect(path: str, value: Any, words: str, effect: str) -> None:
    """Each of scoring.md section 9's kinds of edit."""
    (edit,) = diff(_load(BASE), _load(_with(path, value)))
    assert (words, effect) == (edit.words, edit.effect)


def test_the_same_version_has_no_edits() -> None:
    """Order of keys is no difference."""
    assert diff(_load(BASE), _load(dict(reversed(BASE.items())))) == []


def test_what_is_known_already_is_said() -> None:
    """Tracker identities: a count under another number of days is there already, as far as it goes back."""
    (shorter,) = diff(_load(BASE), _load(_with("rules.2.window", "3d")))
    (longer,) = diff(_load(BASE), _load(_with("rules.2.window", "30d")))
    # The rule `view` counts the same without end, so all of it is known.
    assert (shorter.note, longer.note) == ("what is known already counts at once",) * 2
    alone = copy.deepcopy(BASE)
    alone["rules"] = [rule for rule in alone["rules"] if rule["id"] == "often"]
    wider = copy.deepcopy(alone)
    wider["rules"][0]["window"] = "30d"
    (edit,) = diff(_load(alone), _load(wider))
    assert edit.note == "at once as far as possible: only the last 7d are known"


def test_rules_that_come_and_go() -> None:
    """A new rule restates where what it counts was counted before, else it counts from now on."""
    fresh = {"id": "new", "kind": "activity", "score": "s", "on": {"type": "webinar"}, "points": 5}
    known = {"id": "new", "kind": "activity", "score": "s", "on": {"type": "view"}, "points": 5}
    for rule, effect in ((fresh, "from_now_on"), (known, "restates")):
        (edit,) = diff(_load(BASE), _load({**BASE, "rules": [*BASE["rules"], rule]}))
        assert (edit.before, edit.field, edit.effect) == (None, "", effect)
    (gone,) = diff(_load(BASE), _load({**BASE, "rules": BASE["rules"][:-1]}))
    assert (gone.name, gone.after, gone.effect) == ("quiet", None, "restates")


def test_a_ladder_that_looks_for_a_new_signal() -> None:
    """Its scores restate; a signal that nobody looked for is known from now on."""
    enter = {"any": [{"scores": {"s": {"ge": 50}}}, {"signal": {"on": {"type": "demo"}, "within": "14d"}}]}
    (edit,) = diff(_load(BASE), _load(_with("ladders.l.1.enter", enter)))
    assert (edit.field, edit.effect) == ("enter", "from_now_on")


# --- the effect, held against a state that one version counted and another one reads ----------------------------------


def _mutate(document: dict[str, Any], rng: Random) -> dict[str, Any]:
    """The model with one or two edits of the kinds that people make."""
    changed = copy.deepcopy(document)
    for _ in range(rng.choice([1, 1, 2])):
        rule = rng.choice(changed["rules"])
        field = rng.choice([name for name in rule if name not in ("id", "score", "group", "class")])
        other = rng.choice(changed["rules"])
        if field == "kind":
            changed["rules"].append({**copy.deepcopy(other), "id": f"more{len(changed['rules'])}"})
        elif field in other and other is not rule and other["kind"] == rule["kind"]:
            rule[field] = copy.deepcopy(other[field])
        elif isinstance(rule[field], (int, float)):
            rule[field] = rule[field] * 2
        elif field in ("decay", "limit"):
            del rule[field]
        elif isinstance(rule[field], dict) and field in ("tiers", "after"):
            rule[field] = {key: value + 1 for key, value in rule[field].items()}
        elif rule["kind"] == "activity":
            rule["decay"] = {"half_life": f"{rng.randint(1, 5) * HOUR // 60_000}m"}
    return changed


@given(st.integers(0, 10**9))
def test_what_restates_is_what_a_state_knows(seed: int) -> None:
    """Where every edit restates (and no note takes that back), the state that A counted gives B's own scores at once;
    the tracker identities of `engine/plan.py` decide the same."""
    document, events, _ = generate(seed)
    try:
        old, new = _load(document), _load(_mutate(document, Random(seed)))
    except ModelError:
        assume(False)
    edits = diff(old, new)
    assert bool(edits) == (old.version != new.version)
    worlds = World(old), World(new)
    for event in events:
        for world in worlds:
            world.apply(parse_event(json.dumps(event).encode(), channel=None))
    if all(_at_once(edit) for edit in edits):
        _same_scores(*worlds)
    if not all(ident in worlds[0].plan.tracker_at for ident in worlds[1].plan.tracker_at):
        assert any(edit.effect == "from_now_on" for edit in edits)


def _at_once(edit: Edit) -> bool:
    known = edit.note == "what is known already counts at once"
    return known or (edit.effect != "from_now_on" and not edit.note)


def _same_scores(old: World, new: World) -> None:
    for key, lead in old.leads.items():
        subject = decode(new.plan, encode(old.plan, lead.subject))
        restated = Lead(new.plan, subject, new._accounts.sight)
        expected = new.leads[key].card.scores
        assert [None if score is None else pytest.approx(score, abs=1e-9) for score in expected] == restated.card.scores
