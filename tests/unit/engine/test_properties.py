"""What scores and stages must hold whatever the model and the history (scoring.md sections 2, 5, 6 and 7)."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream_app.engine.activity import Activity
from stream_app.engine.explain import explain
from stream_app.engine.forecast import holds_until, next_change
from stream_app.engine.plan import Plan
from stream_app.engine.published import cells, rounded_scores
from stream_app.engine.times import format_time
from stream_app.runtime.lead import Lead
from stream_app.runtime.world import World
from tests.subjects import Json, activities, model_of, new_lead, random_story, reopened, take, world_of

SEEDS = st.integers(0, 2**32 - 1)
few = settings(max_examples=max(40, settings().max_examples // 10), suppress_health_check=list(HealthCheck))
# A story is a function of its seed; a smaller seed is no smaller story.


def alone(seed: int, *, crm: bool = True) -> tuple[Json, list[Json], int]:
    """A random story of one lead whose events all differ and are never too late."""
    model, events, until = random_story(seed)
    once: dict[str, Json] = {}
    for one in events:
        if "account_facts" in one or one["type"] == "unlink" or (not crm and one.get("channel") == "crm"):
            continue
        if any(key in one for key in ("user_id", "email", "anonymous_id")):
            kept = {name: value for name, value in one.items() if name not in ("anonymous_id", "account_id")}
            once[one["event_id"]] = {**kept, "user_id": "u", "email": one.get("email", "p0@acme.example")}
    return {**model, "lateness": "800d"}, list(once.values()), until


def same_scores(left: World, right: World) -> None:
    """Final scores, grades, bands and marks agree to 1e-9 (stages and their numbers may not)."""
    path = {"stages", "seq", "raw", "at", "revision", "model", "reasons", "scores"}
    for one, other in zip(left.scores(), right.scores(), strict=True):
        assert one["raw"] == pytest.approx(other["raw"], abs=1e-9)
        assert {k: v for k, v in one.items() if k not in path} == {k: v for k, v in other.items() if k not in path}


@few
@given(SEEDS)
def test_any_order_of_arrival_gives_the_same_scores(seed: int) -> None:
    """Section 2: a score is a function of the set of accepted activities and facts."""
    model, events, until = alone(seed)
    shuffled = random.Random(seed).sample(events, len(events))
    compiled = model_of(model)
    same_scores(world_of(compiled, events, until), world_of(compiled, shuffled, until))


@few
@given(SEEDS)
def test_duplicates_change_nothing(seed: int) -> None:
    """Section 2: an event with an id already taken is ignored, whatever it says and whenever it comes."""
    model, events, until = alone(seed)
    compiled, rng = model_of(model), random.Random(seed)
    again = list(events)
    for number in range(len(events)):
        other = {**rng.choice(events), "event_id": events[number]["event_id"]}
        again.insert(rng.randint(again.index(events[number]) + 1, len(again)), other)
    plain, repeated = world_of(compiled, events, until), world_of(compiled, again, until)
    assert repeated.scores() == plain.scores()
    assert repeated.transitions == plain.transitions


@few
@given(SEEDS)
def test_a_merge_is_the_union(seed: int) -> None:
    """Section 7: two leads that are linked score as one that had taken both's activities and facts."""
    model, events, until = alone(seed)
    rng, compiled = random.Random(seed), model_of(model)
    link: Json = {"event_id": "link", "type": "view", "time": format_time(until), "user_id": "u", "anonymous_id": "a"}
    apart = []
    for one in events:
        bare = {name: value for name, value in one.items() if name != "user_id"}
        apart.append({**bare, "anonymous_id": "a"} if rng.random() < 0.5 and "email" not in bare else one)
    for one in apart:
        if "user_id" not in one:
            one.pop("email", None)
    for one, other in zip(apart, events, strict=True):
        if "user_id" not in one:
            other.pop("email", None)
    same_scores(world_of(compiled, [*apart, link], until), world_of(compiled, [*events, link], until))


@few
@given(SEEDS, st.sampled_from(["activity", "quantity", "frequency", "distinct", "complete"]), st.integers(0, 400))
def test_positive_activities_only_add(seed: int, kind: str, hours: int) -> None:
    """Where all points are positive and decay only falls, one more activity never lowers a score."""
    rng = random.Random(seed)
    shapes: dict[str, Json] = {
        "activity": {"points": 3},
        "quantity": {"each": 0.5, "field": "n", "max": 4},
        "frequency": {"window": "90h", "tiers": {1: 1, 3: 5}},
        "distinct": {"window": "90h", "of": "n", "tiers": {1: 1, 3: 5}},
        "complete": {"window": "90h", "of": "n", "values": [1, 2], "points": 7},
    }
    rule: Json = {"id": "r", "kind": kind, "score": "s", "on": {"type": "view"}, **shapes[kind]}
    if kind in ("activity", "quantity"):
        rule["decay"] = rng.choice(
            [{"half_life": "50h"}, {"linear": "80h"}, {"expire": "10h"}, {"steps": {"0d": 1, "2d": 0.5}}]
        )
    model = model_of({"model": "m", "scores": {"s": {"precision": 6}}, "rules": [rule]})
    times = [rng.randrange(400) for _ in range(8)]
    told = [_view(number, hour, rng.randint(0, 9)) for number, hour in enumerate(times)]
    until = format_time(1_700_000_000_000 + rng.randint(400, 600) * 3_600_000)
    fewer = world_of(model, told, until).scores()[0]["raw"]["s"]
    more = world_of(model, [*told, _view(99, hours, rng.randint(0, 9))], until).scores()[0]["raw"]["s"]
    assert more >= fewer - 1e-9


def _view(number: int, hour: int, n: int) -> Json:
    time = format_time(1_700_000_000_000 + hour * 3_600_000)
    return {"event_id": f"e{number}", "type": "view", "time": time, "user_id": "u", "properties": {"n": n}}


@few
@given(SEEDS)
def test_the_parts_of_an_explanation_add_up_exactly(seed: int) -> None:
    """Section 5: base, rules, groups, members and clamp give the score, to the last bit."""
    model, events, until = random_story(seed, accounts=True)
    world = world_of(model_of(model), events, until)
    for live in [*world.leads.values(), *world.accounts.values()]:
        scores = dict(zip(live.plan.score_names, live.card.scores, strict=True))
        told = explain(live)
        assert {name for name, value in scores.items() if value is not None} == set(told)
        for name, parts in told.items():
            assert _sum_of(parts) == parts["sum"], name
            assert parts["sum"] + parts["taken_by_clamp"] == pytest.approx(parts["value"], abs=1e-9)
            assert parts["value"] == scores[name]


def _sum_of(parts: Json) -> float:
    if "parts" in parts:
        return float(sum(part["points"] for part in parts["parts"]))
    total = parts["base"] + parts.get("members", 0.0)
    for rule in parts["rules"]:
        if rule["group"] is None:
            total += rule["points"]
    for group in parts["groups"]:
        assert sum(rule["points"] for rule in parts["rules"] if rule["group"] == group["group"]) == group["sum"]
        total += group["value"]
    return float(total)


@few
@given(SEEDS)
def test_time_may_pass_between_events(seed: int) -> None:
    """Section 6: ticks before the next event, anywhere, change neither the stages nor the scores."""
    model, events, until = alone(seed)
    compiled, rng = model_of(model), random.Random(seed)
    told = sorted(activities(events), key=lambda one: one.time)
    straight, halting = World(compiled), World(compiled)
    for number, activity in enumerate(told):
        straight.apply(activity)
        halting.apply(activity)
        following = told[number + 1].time if number + 1 < len(told) else until
        for at in sorted(rng.randint(activity.time, following) for _ in range(3)):
            halting.tick(at)
    straight.tick(until)
    halting.tick(until)
    assert halting.scores() == straight.scores()
    assert halting.transitions == straight.transitions


@few
@given(SEEDS, st.booleans())
def test_a_lead_goes_on_from_its_encoded_state(seed: int, with_card: bool) -> None:
    """Encoding and decoding after every event changes no score, no move and no byte, now or later."""
    model, events, until = alone(seed)
    plan = Plan(model_of(model), model_of(model).lead)
    kept, stored = new_lead(plan), new_lead(plan)
    for activity in activities(events):
        take(kept, activity)
        take(stored, activity)
        again = reopened(plan, stored, with_card=with_card)
        assert again.card.scores == pytest.approx(stored.card.scores, abs=1e-9)
        assert _bytes(plan, again) == _bytes(plan, stored)
        again.moves = stored.moves
        stored = again
    for lead in (kept, stored):
        lead.advance(until)
    assert _told(stored) == _told(kept)


def _bytes(plan: Plan, lead: Lead) -> bytes:
    from stream_app.engine.encoding import encode

    return encode(plan, lead.subject)


def _told(lead: Lead) -> list[object]:
    told: list[object] = [(m.ladder, m.origin, m.target, m.seq, m.at, m.cause) for m in lead.moves]
    return [*told, [None if score is None else round(score, 9) for score in lead.card.scores], lead.subject.clock]


def _final(seed: int) -> tuple[Lead, int]:
    """A lead after all events of a random story, and how far to look beyond (ms)."""
    model, events, _ = alone(seed)
    compiled = model_of(model)
    plan = Plan(compiled, compiled.lead)
    lead = new_lead(plan)
    for activity in activities(events):
        take(lead, activity)
    return lead, (min(plan.horizon, 3_000) + 50) * plan.resolution


def _again(lead: Lead) -> Lead:
    twin = reopened(lead.plan, lead, with_card=False)
    twin.moves = []
    return twin


@few
@given(SEEDS)
def test_holds_until_is_when_it_falls(seed: int) -> None:
    """Section 6: when the lead would fall if nothing else happened; None: never."""
    lead, far = _final(seed)
    if lead.subject.clock < 0:
        return
    told = {ladder.name: holds_until(lead, ladder.name) for ladder in lead.plan.ladders}
    twin = _again(lead)
    end = lead.subject.clock + far
    twin.advance(end)
    for name, until in told.items():
        fell = [move.at for move in twin.moves if move.ladder == name and not move.up]
        if until is None or until <= end:
            assert until == (fell[0] if fell else None)


@few
@given(SEEDS)
def test_next_change_is_exact(seed: int) -> None:
    """Until then no published value and no stage changes by itself; at that time one does."""
    lead, far = _final(seed)
    if lead.subject.clock < 0:
        return
    due, now = next_change(lead), _published(lead)
    end = lead.subject.clock + far
    if due is None or due > end:
        assert _published_at(lead, end) == now
    else:
        assert _published_at(lead, due - 1) == now
        assert _published_at(lead, due) != now


def _published(lead: Lead) -> list[object]:
    scores = lead.card.scores
    stages = [(state.stage, state.seq) for state in lead.subject.ladders.values()]
    return [rounded_scores(lead.plan, scores), cells(lead.plan, scores), stages]


def _published_at(lead: Lead, time: int) -> list[object]:
    twin = _again(lead)
    twin.advance(time)
    return _published(twin)


@few
@given(SEEDS)
def test_bounds_enclose_every_value(seed: int) -> None:
    """Over any span of units a rule stays within `bounds`, changes not before `until`, and is `steady` as it says."""
    lead, _ = _final(seed)
    plan, subject, rng = lead.plan, lead.subject, random.Random(seed)
    if subject.clock < 0:
        return
    for rule in plan.rules:
        if rule.on_facts:
            continue
        first = max(subject.latest, 0) // plan.resolution + rng.randrange(30)
        last = first + rng.choice([1, 3, 40, 500])
        values = [rule.value(subject, unit) for unit in range(first, last + 1)]
        low, high = rule.bounds(subject, first, last)
        slack = 1e-9 * max(1.0, abs(low), abs(high))
        assert low - slack <= min(values) and max(values) <= high + slack, rule.id
        until = rule.until(subject, first)
        assert until > first
        assert all(value == values[0] for value in values[: until - first]), rule.id
        if rule.steady(subject, first, last):
            ends = sorted([values[0], values[-1]])
            assert ends[0] - 1e-9 <= min(values) and max(values) <= ends[1] + 1e-9, rule.id


@few
@given(SEEDS)
def test_state_of_a_union_does_not_depend_on_order(seed: int) -> None:
    """The same set in another order is the same data; its bytes are the same where no float was summed."""
    model, events, until = alone(seed, crm=False)
    compiled = model_of(model)
    plan = Plan(compiled, compiled.lead)
    told = activities(events)
    forth, back = new_lead(plan), new_lead(plan)
    for lead, some in ((forth, told), (back, told[::-1])):
        _take_all(lead, some)
        lead.advance(until)
    assert forth.card.scores == pytest.approx(back.card.scores, abs=1e-9)
    assert (forth.subject.first, forth.subject.latest) == (back.subject.first, back.subject.latest)
    assert forth.subject.facts == back.subject.facts


def _take_all(lead: Lead, some: list[Activity]) -> None:
    for activity in some:
        take(lead, activity)
