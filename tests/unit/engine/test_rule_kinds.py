"""One suite for every rule kind: deterministic, order-free, mergeable, serialisable, enclosed by its bounds.

A kind is tested by being registered: `KINDS` must name all that a model can have (see the first test).
"""

from typing import Any, get_args

import pytest

from stream_app.engine.activity import Activity
from stream_app.engine.merging import absorb
from stream_app.engine.model.types import Rule
from stream_app.engine.plan import Plan
from stream_app.engine.rules.base import CompiledRule
from stream_app.engine.times import format_time, parse_time
from stream_app.runtime.lead import Lead
from tests.subjects import HOUR, activities, event, model_of, new_lead, reopened, take

ON = {"type": "view"}
KINDS: dict[str, list[dict[str, Any]]] = {
    "activity": [
        {"on": ON, "points": 3},
        {"on": ON, "points": 3, "decay": {"half_life": "9h"}},
        {"on": ON, "points": -3, "decay": {"linear": "30h"}, "weight": 2},
        {"on": ON, "points": 3, "decay": {"expire": "40h"}, "limit": {"times": 2, "per": "day"}},
        {
            "on": ON,
            "points": 3,
            "decay": {"steps": {"2h": 0.5, "9h": 2, "30h": 0}},
            "limit": {"times": 1, "per": "hour"},
        },
    ],
    "quantity": [
        {"on": ON, "each": 2, "field": "n", "max": 5},
        {"on": ON, "each": -1, "field": "n", "decay": {"half_life": "5h"}, "limit": {"times": 3, "per": "week"}},
    ],
    "frequency": [{"on": ON, "window": "24h", "tiers": {1: 1, 3: 9, 5: 4}}],
    "distinct": [{"on": ON, "of": "item", "window": "24h", "tiers": {1: 1, 2: 9}}],
    "complete": [{"on": ON, "of": "item", "values": ["a", "b"], "window": "24h", "points": 7}],
    "ratio": [
        {"numerator": {"type": "click"}, "denominator": ON, "window": "24h", "min": 2, "tiers": {0.25: 2, 0.5: 5}}
    ],
    "fact": [{"when": {"size": {"ge": 5}}, "points": 11}],
    "per_unit": [{"fact": "size", "each": 2, "min": 3, "max": 50}],
    "inactivity": [{"on": {"type": "click"}, "after": {"3h": -5, "20h": -15, "40h": -1}}],
}
SHAPES = [
    pytest.param({"kind": kind, **shape}, id=f"{kind}-{n}")
    for kind, some in KINDS.items()
    for n, shape in enumerate(some)
]
START = parse_time("2026-03-28T20:10:00Z")  # a change of clocks in Berlin is within


def test_every_kind_is_here() -> None:
    """A new kind is tested by being registered."""
    known = {type(rule) for kind in KINDS for rule in _plan({"kind": kind, **KINDS[kind][0]}).card.rules}
    assert known == set(get_args(Rule))


def _plan(shape: dict[str, Any]) -> Plan:
    document = {
        "model": "m",
        "timezone": "Europe/Berlin",
        "scores": {"s": {"precision": 6}},
        "rules": [{"id": "r", "score": "s", **shape}],
    }
    model = model_of(document)
    return Plan(model, model.lead)


def _story() -> list[Activity]:
    """Two days: views and clicks at odd hours, some at one time, some on the hour, facts now and then."""
    told = []
    for number in range(24):
        hour = number * number % 48
        time = START + hour * HOUR + (number % 3) * 600_000
        text = format_time(time if number % 4 else time // HOUR * HOUR)
        kind = "click" if number % 3 == 0 else "view"
        more: dict[str, Any] = {"properties": {"n": number % 5 - 1, "item": "abcA"[number % 4]}}
        if number % 5 == 0:
            more["facts"] = {"size": number, "other": "x"}
        told.append(event(f"e{number * 7 % 24:02d}", text, kind, **more))
    return activities(told)


def _fed(plan: Plan, some: list[Activity]) -> Lead:
    lead = new_lead(plan)
    for activity in some:
        take(lead, activity)
    return lead


def _values(lead: Lead, hours: int = 60) -> list[float]:
    """The score at each hour from the latest event on."""
    found = []
    for _ in range(hours):
        score = lead.card.scores[0]
        assert score is not None
        found.append(score)
        lead.advance((lead.subject.clock // HOUR + 1) * HOUR)
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_it_scores_something(shape: dict[str, Any]) -> None:
    """The story is worth something to every shape, or the other tests would say nothing."""
    assert len({0.0, *_values(_fed(_plan(shape), _story()))}) > 1


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_deterministic(shape: dict[str, Any]) -> None:
    """The same set gives the same values, to the last bit."""
    assert _values(_fed(_plan(shape), _story())) == _values(_fed(_plan(shape), _story()))


@pytest.mark.parametrize("shape", SHAPES)
def test_order_of_arrival_does_not_matter(shape: dict[str, Any]) -> None:
    """In time order, backwards, or two interleaved halves."""
    story = sorted(_story(), key=lambda one: one.time)
    plan = _plan(shape)
    expected = _values(_fed(plan, story))
    for other in (story[::-1], story[1::2] + story[::2]):
        lead = _fed(plan, other)
        assert _values(lead) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_two_halves_merge_into_the_whole(shape: dict[str, Any]) -> None:
    """Section 7: merging is the union of the two sets, decoded or not."""
    plan, story = _plan(shape), _story()
    ours, theirs = _fed(plan, story[:9]), _fed(plan, story[9:])
    expected = _values(_fed(plan, story))
    for one, other in ((ours, theirs), (theirs, ours)):
        into = reopened(plan, one, with_card=False)
        from_ = reopened(plan, other, with_card=False)
        into.subject.clock = max(one.subject.clock, other.subject.clock)
        absorb(plan, into.subject, from_.subject)
        into.forget()
        into.look()
        assert _values(into) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("with_card", [False, True], ids=["state", "state and card"])
def test_it_goes_on_from_bytes(shape: dict[str, Any], with_card: bool) -> None:
    """After any event and at any time, decoding what was encoded gives the same values."""
    plan, story = _plan(shape), _story()
    lead = _fed(plan, story[:11])
    twin = reopened(plan, lead, with_card=with_card)
    for activity in story[11:]:
        for one in (lead, twin):
            take(one, activity)
        twin = reopened(plan, twin, with_card=with_card)
    expected = _values(lead)
    assert _values(twin) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_says_what_comes(shape: dict[str, Any]) -> None:
    """Nothing changes before `until`; `bounds` enclose every value; `steady` values stay between the two ends."""
    lead = _fed(_plan(shape), _story())
    rule: CompiledRule = lead.plan.rules[0]
    if rule.on_facts:
        assert not rule.timed
        return
    subject, unit = lead.subject, lead.subject.clock // HOUR
    for first in range(unit, unit + 50, 7):
        for length in (0, 1, 5, 30):
            values = [rule.value(subject, at) for at in range(first, first + length + 1)]
            low, high = rule.bounds(subject, first, first + length)
            assert low - 1e-9 <= min(values) <= max(values) <= high + 1e-9
            if rule.steady(subject, first, first + length):
                assert {min(values), max(values)} == {values[0], values[-1]}
        stays = rule.until(subject, first)
        assert {rule.value(subject, at) for at in range(first, min(stays, first + 60))} == {rule.value(subject, first)}
    assert rule.horizon >= 0
    settled = unit + rule.horizon + 1
    if rule.timed:
        assert rule.value(subject, settled) == pytest.approx(rule.value(subject, settled + 5_000), abs=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_can_be_explained(shape: dict[str, Any]) -> None:
    """How many made it, when the last was, and JSON values of what they were."""
    lead = _fed(_plan(shape), _story())
    rule = lead.plan.rules[0]
    unit = lead.subject.clock // HOUR
    assert isinstance(rule.detail(lead.subject, unit), dict)
    assert rule.count(lead.subject, unit) >= 0
    assert rule.last_at(lead.subject) <= lead.subject.clock
