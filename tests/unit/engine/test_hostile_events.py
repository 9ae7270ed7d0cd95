"""Whatever producers send: the engine never raises, and a state never grows without bound (S-adversarial)."""

import json
import math
import time
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from stream_app.engine.activity import Activity
from stream_app.engine.admission import MAX_FACTS, verdict
from stream_app.engine.encoding import encode
from stream_app.engine.explain import explain
from stream_app.engine.forecast import next_change
from stream_app.engine.plan import Plan
from stream_app.engine.seen import MAX_IDS, SeenIds
from stream_app.runtime.lead import Lead
from stream_app.runtime.world import World
from tests.subjects import DAY, HOUR, Json, model_of, new_lead, take

# Stories of eight random events take minutes to shrink.
NO_SHRINKING = [Phase.explicit, Phase.reuse, Phase.generate]
START = 1_770_000_000_000
EVERYTHING: Json = {
    "model": "all",
    "resolution": "1h",
    "timezone": "Europe/Berlin",
    "scores": {"s": {"precision": 9}, "t": {"clamp": [0, 100], "applies_to": {"vip": {"ne": False}}}},
    "combined": {"c": {"weights": {"s": 0.5, "t": -1}, "precision": 2}},
    "groups": {"g": {"score": "s", "min": -1000, "max": 1000}},
    "bands": {"b": {"score": "c", "ranges": {"hot": 10, "cold": 0}}},
    "rules": [
        {"id": "a", "kind": "activity", "score": "s", "on": {"type": "x"}, "points": 1000, "decay": {"half_life": "1h"}},
        {"id": "l", "kind": "activity", "score": "s", "on": {"type": "x"}, "points": 1, "limit": {"times": 9, "per": "hour"}},
        {"id": "q", "kind": "quantity", "score": "s", "on": {"type": "x"}, "each": 1000, "field": "n"},
        {"id": "f", "kind": "frequency", "score": "t", "on": {"type": "x"}, "window": "9d", "tiers": {1: 1, 1000: 2}},
        {"id": "d", "kind": "distinct", "score": "t", "on": {"type": "x"}, "of": "n", "window": "90d", "tiers": {1: 1, 3: 2}},
        {"id": "k", "kind": "complete", "score": "t", "on": {}, "of": "n", "values": [1, "a"], "window": "9d", "points": 1},
        {"id": "r", "kind": "ratio", "score": "t", "group": None, "numerator": {"type": "x"}, "denominator": {}, "window": "9d",
         "min": 1, "tiers": {0.5: 1}},
        {"id": "w", "kind": "activity", "score": "s", "group": "g", "points": 1,
         "on": {"where": {"any": [{"n": {"regex": "^(a+)+$"}}, {"n": {"glob": "*a*a*a*b"}}, {"n": {"contains": 5}},
                                  {"n": {"between": [1, 9]}}, {"n": {"lt": "b"}}, {"not": {"n": {"in": ["a", 5, True]}}}]}}},
        {"id": "u", "kind": "per_unit", "score": "s", "fact": "n", "each": 1000},
        {"id": "h", "kind": "fact", "score": "t", "when": {"n": {"ge": 5}, "keyboard_run": {"lt": 90}}, "points": 1},
        {"id": "i", "kind": "inactivity", "score": "t", "on": {"type": "y"}, "after": {"1d": -1, "9d": -5}},
    ],
    "ladders": {
        "l": [
            {"stage": "0"},
            {"stage": "1", "enter": {"scores": {"c": {"ge": 5}}}, "min_dwell": "90m"},
            {"stage": "2", "enter": {"signal": {"on": {"type": "x"}, "within": "3d"}, "facts": {"n": {"gt": 5}}}, "cooldown": "1d"},
        ]
    },
}  # fmt: skip
for _rule in EVERYTHING["rules"]:
    if _rule.get("group", "") is None:
        del _rule["group"]


def _lead() -> Lead:
    model = model_of(EVERYTHING)
    return new_lead(Plan(model, model.lead))


def _activity(number: int, at: int, **more: Any) -> Activity:
    return Activity(event_id=f"e{number}", type="x", time=at, user_id="u", **more)


# All that the edge lets through: it refuses numbers beyond 64 bits, infinities and halves of characters.
SCALARS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(-(2.0**63), 2.0**63),
    st.booleans(),
    st.sampled_from([9.2e18, -9.2e18, 2**62, 5e-324, "a" * 4_000, "﷽", "ß", "İ", "-0", -0.0]),
)
VALUES = st.one_of(SCALARS, st.none(), st.lists(SCALARS, max_size=5))
TYPES = st.sampled_from(["x", "y", "stage_set", "suppress", "owner_set", "outcome", "unlink", "identify", ""])
ACTIVITIES = st.builds(
    Activity,
    event_id=st.text("abcé", min_size=1, max_size=3),
    type=TYPES,
    time=st.one_of(st.integers(0, 400), st.integers(START, START + 90 * DAY), st.just(253_402_300_799_999)),
    channel=st.sampled_from([None, "web", "crm"]),
    user_id=st.sampled_from([None, "u", "v"]),
    email=st.sampled_from([None, "a@b", "@", "", "x@gmail.com", "ünï@çødé.example"]),
    anonymous_id=st.sampled_from([None, "a"]),
    account_id=st.sampled_from([None, "acme"]),
    properties=st.dictionaries(st.sampled_from(["n", "ladder", "stage", "owner", "outcome"]), VALUES),
    facts=st.dictionaries(st.sampled_from(["n", "vip", "first_name", "company"]), VALUES),
    account_facts=st.dictionaries(st.sampled_from(["n", "tier"]), VALUES),
)


@settings(max_examples=max(150, settings().max_examples), phases=NO_SHRINKING, suppress_health_check=list(HealthCheck))
@given(st.lists(ACTIVITIES, min_size=1, max_size=8))
def test_nothing_raises(story: list[Activity]) -> None:
    """Numbers of any size, values of any type, text of any script, times from 1970 to 9999; all records are JSON."""
    world = World(model_of(EVERYTHING))
    for activity in story:
        world.apply(activity)
    world.tick(START + 100 * DAY)
    for record in [*world.take_transitions(), *world.scores()]:
        orjson.dumps(record)
        json.dumps(record, allow_nan=False)
    for lead in world.leads.values():
        explain(lead)
        next_change(lead)
        encode(world.plan, lead.subject, lead.card)


@pytest.mark.parametrize("huge", [1e308, -1e308, 2**62, 10**400, math.inf])
def test_huge_numbers_stay_numbers(huge: float) -> None:
    """However often they come, sums are finite and their order makes no difference that matters."""
    lead = _lead()
    for number in range(200):
        take(lead, _activity(number, START + number * HOUR, properties={"n": huge}, facts={"n": huge}))
    assert all(score is not None and math.isfinite(score) for score in lead.card.scores)


def test_ten_thousand_distinct_values_take_no_more_room_than_a_few() -> None:
    """`distinct` keeps as many values as its highest tier asks for."""
    lead = _lead()
    sizes = []
    for number in range(10_000):
        take(lead, _activity(number % 50, START + number, properties={"n": f"offer-{number}"}))
        if number in (99, 9_999):
            lead.subject.seen = SeenIds()  # bounded apart from it
            sizes.append(len(encode(lead.plan, lead.subject)))
    assert sizes[1] - sizes[0] < 400
    assert sizes[1] < 4_000


def test_twenty_thousand_events_of_one_lead_are_bounded() -> None:
    """Two a minute for a week: ids are the most of it, at 16 bytes each, and there are at most 10,000."""
    lead = _lead()
    started = time.process_time()
    for number in range(20_000):
        activity = _activity(number, START + number * 30_000, properties={"n": number % 7})
        assert verdict(lead.subject, activity, lead.plan.lateness) is None
        take(lead, activity)
    assert len(lead.subject.seen) == MAX_IDS
    assert len(encode(lead.plan, lead.subject)) < MAX_IDS * 16 + 40_000
    assert verdict(lead.subject, _activity(9_999_999, START), lead.plan.lateness) == "too_old"
    assert verdict(lead.subject, _activity(19_999, START), lead.plan.lateness) == "duplicate"
    assert time.process_time() - started < 60


def test_more_ids_than_are_remembered_agree_with_the_reference() -> None:
    """Past 10,000 ids the oldest go; a copy of one of them is refused as too old, of a later one ignored."""
    from tests.reference.world import Subject
    from tests.reference.world import World as Known

    lead, events = _lead(), []
    known = Known({"lateness": "30d"})
    twin = Subject("lead", "user:u")
    for number in range(10_050):
        at = START + (number * 7_919 % 10_050) * 1_000
        activity = _activity(number, at)
        told = {"event_id": activity.event_id, "at": at}
        events.append((activity, told))
        assert verdict(lead.subject, activity, 30 * DAY) is None or number > MAX_IDS
        if verdict(lead.subject, activity, 30 * DAY) is None:
            lead.add(activity)
            twin.ids.append((at, activity.event_id))
    twin.events = [told for _, told in events]
    for activity, told in events[::97]:
        assert verdict(lead.subject, activity, 30 * DAY) == known.refusal(twin, told)


def test_names_of_facts_are_bounded() -> None:
    """An event that would bring more names than a lead may have is refused."""
    lead = _lead()
    for number in range(MAX_FACTS // 64):
        take(lead, _activity(number, START, facts={f"f{number}-{one}": 1 for one in range(64)}))
    assert verdict(lead.subject, _activity(9_999, START, facts={"one more": 1}), DAY) == "too_many_facts"
    assert verdict(lead.subject, _activity(9_999, START, facts={"f1-1": 2}), DAY) is None


def test_patterns_take_linear_time() -> None:
    """`(a+)+$` against a text that almost matches, four thousand letters long, is over at once."""
    lead = _lead()
    started = time.process_time()
    for number in range(50):
        take(lead, _activity(number, START, properties={"n": "a" * 4_000 + "!"}))
    assert time.process_time() - started < 2


def test_deep_conditions_are_refused_or_run() -> None:
    """A condition as deep as a model may have neither overflows the stack nor is slow."""
    depth, condition = 0, {"n": 1}
    while depth < 200:
        deeper: Json = {"not": condition}
        document = {
            **EVERYTHING,
            "rules": [{"id": "a", "kind": "fact", "score": "s", "when": deeper, "points": 1}],
            "ladders": {},
        }
        try:
            model = model_of(document)
        except ValueError:
            break
        condition, depth = deeper, depth + 1
    assert 3 < depth < 200
    lead = new_lead(Plan(model, model.lead))
    take(lead, _activity(1, START, facts={"n": 1}))
    assert lead.card.scores[0] in (0.0, 1.0)


@pytest.mark.parametrize("name", ["李小龍", "محمد", "Ðorđe", "ﬁnn", "İpek", "😀", "O'Neill-Łuk", "\u200b", "A" * 4_096])
def test_names_in_any_script(name: str) -> None:
    """Derived facts of any name; letters without case are neither capitalised nor not."""
    lead = _lead()
    take(lead, _activity(1, START, facts={"first_name": name, "last_name": name.lower(), "company": name}))
    assert lead.view.get("first_name_not_capitalised") is name.strip()[:1].islower()
    assert lead.view.get("keyboard_run") == 0
