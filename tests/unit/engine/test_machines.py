"""Machines' activities: which they are, that they count 0, and that it does not matter when that is found out."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream_app.engine.encoding import decode, encode
from stream_app.engine.explain import machines_told
from stream_app.engine.held import MAX_HELD
from stream_app.engine.known_scanners import KNOWN, is_scanner
from stream_app.engine.merging import absorb
from stream_app.engine.plan import Plan
from stream_app.runtime.lead import Lead
from tests.reference import replay
from tests.reference.random_machines import with_machines
from tests.reference.strategies import generate
from tests.subjects import Json, activities, crm, event, model_of, moves, new_lead, reopened, scored, take, world_of

RULES: list[Json] = [
    {"id": "marked", "on": {"where": {"machine": True}}},
    {"id": "apple", "on": {"channel": "email", "type": "open", "where": {"sg_machine_open": True}}},
    {"id": "scanner", "scanner": "user_agent"},
    {
        "id": "sweep",
        "on": {"channel": "email", "type": "click"},
        "sweep": {"mail": "mail", "link": "url", "links": 3, "seconds": 10},
    },
]
MODEL: Json = {
    "model": "m",
    "lateness": "10d",
    "scores": {"s": {}, "quiet": {}},
    "machines": RULES,
    "rules": [
        {"id": "click", "kind": "activity", "score": "s", "on": {"type": "click"}, "points": 10},
        {"id": "open", "kind": "activity", "score": "s", "on": {"type": "open"}, "points": 1},
        {"id": "twice", "kind": "activity", "score": "s", "on": {"channel": "email"}, "points": 100,
         "limit": {"times": 2, "per": "day"}},
        {"id": "silent", "kind": "inactivity", "score": "quiet", "on": {"channel": "email"}, "after": {"1d": -1, "3d": -3}},
    ],
    "ladders": {
        "l": [
            {"stage": "a"},
            {"stage": "b", "enter": {"scores": {"s": {"ge": 20}}}},
            {"stage": "c", "enter": {"signal": {"on": {"type": "demo"}, "within": "3d"}}},
        ]
    },
}  # fmt: skip
few = settings(max_examples=max(40, settings().max_examples // 10), suppress_health_check=list(HealthCheck))


def click(name: str, second: float, url: str | None = None, mail: str = "n1", **more: object) -> Json:
    """A click on a link that is named like the event, so many seconds into 2026-03-01 at ten."""
    time = f"2026-03-01T10:{int(second) // 60:02d}:{second % 60:06.3f}Z"
    properties = {"mail": mail, "url": f"/{name}" if url is None else url, **more}
    return event(name, time, "click", channel="email", properties=properties)


def counts(*events: Json, model: Json = MODEL) -> dict[str, int]:
    """How many activities each rule has found, those that found none left out."""
    lead = world_of(model_of(model), events).leads["user:u"]
    return {rule: count for rule, count in machines_told(lead).items() if count}


def test_a_marked_activity_counts_for_nothing_but_itself() -> None:
    """It feeds no rule and no signal; it is counted under the first rule that finds it."""
    machine = {"machine": True, "user_agent": "Googlebot/2.1", "mail": "n1", "url": "/a"}
    world = world_of(
        model_of(MODEL),
        [
            event("a", "2026-03-01T10:00:00Z", "demo", properties=machine),
            event("b", "2026-03-01T10:00:01Z", "click", channel="email", properties=machine),
        ],
    )
    assert scored(world) == {"s": 0, "quiet": 0}
    assert moves(world) == []
    assert machines_told(world.leads["user:u"]) == {"marked": 2, "apple": 0, "scanner": 0, "sweep": 0}


def test_it_is_no_sign_of_life() -> None:
    """Silence is counted from what a person did last, or first; a lead that only machines touched is not silent."""
    bot = event("b", "2026-03-03T10:00:00Z", "open", channel="email", properties={"sg_machine_open": True})
    person = event("p", "2026-03-01T10:00:00Z", "open", channel="email")
    until = "2026-03-04T11:00:00Z"
    assert scored(world_of(model_of(MODEL), [person, bot], until))["quiet"] == -3
    assert scored(world_of(model_of(MODEL), [bot], until))["quiet"] == 0
    view = event("v", "2026-03-01T10:00:00Z")
    assert scored(world_of(model_of(MODEL), [bot, view], until))["quiet"] == -3


def test_what_it_states_stands() -> None:
    """Facts, keys and what the CRM says are no activity: they count whoever sent them."""
    world = world_of(
        model_of(MODEL),
        [
            event("a", "2026-03-01T10:00:00Z", "identify", facts={"job_title": "CIO"}, properties={"machine": True}),
            crm("b", "2026-03-01T10:00:01Z", "stage_set", ladder="l", stage="c", machine=True),
            crm("c", "2026-03-01T10:00:02Z", "owner_set", owner="bo", machine=True),
        ],
    )
    lead = world.leads["user:u"]
    assert (lead.subject.fact("job_title"), lead.subject.mark("owner"), lead.subject.clock) == (
        "CIO",
        "bo",
        1_772_359_202_000,
    )
    assert moves(world) == ["l: a -> c at 2026-03-01T10:00:01Z by crm", "l: c -> a at 2026-03-01T10:00:02Z by crm"]
    assert machines_told(lead)["marked"] == 3


def test_duplicates_of_it_are_ignored() -> None:
    """It is accepted like any event, so a copy of it is known, and an older one may come too late."""
    bot = click("a", 0, machine=True)
    late = event("b", "2026-02-01T10:00:00Z")
    world = world_of(model_of(MODEL), [bot, bot, late])
    assert (counts(bot, bot), len(world.leads["user:u"].subject.seen)) == ({"marked": 1}, 1)


@pytest.mark.parametrize(
    ("clicks", "found"),
    [
        ([click("a", 0), click("b", 5), click("c", 10)], 3),  # |a....b....c|
        ([click("a", 0), click("b", 5), click("c", 10.001)], 0),  # c is a moment too late
        ([click("a", 0), click("b", 5), click("c", 10), click("d", 15)], 4),  # d with b and c
        ([click("a", 0), click("b", 5), click("c", 10), click("d", 15.001)], 3),
        ([click("a", 0), click("b", 5), click("c", 10, url="/A")], 0),  # the same link, whatever its case
        ([click("a", 0), click("b", 5), click("b2", 6, url="/b"), click("c", 10)], 4),  # one of them twice
        ([click("a", 0), click("b", 5), click("c", 10, mail="n2")], 0),  # another mail
        ([click("a", 0), click("b", 5), click("c", 10, machine=True)], 2),  # who is found otherwise helps to find
    ],
)
def test_a_sweep_is_many_links_of_one_mail_in_a_moment(clicks: list[Json], found: int) -> None:
    """Three different links within ten seconds, both ends included; all clicks in such a span, and none else."""
    for seed in range(6):
        told = random.Random(seed).sample(clicks, len(clicks))
        assert counts(*told).get("sweep", 0) == found
        world = world_of(model_of(MODEL), told)
        people = sum("machine" not in one["properties"] for one in clicks) - found
        assert scored(world)["s"] == 10 * people + 100 * min(people, 2)


def test_a_sweep_takes_back_what_its_first_clicks_gave() -> None:
    """The stage that they led to is left at once, by the click that gives them away."""
    world = world_of(model_of(MODEL), [click("a", 0), click("b", 5), click("c", 10)])
    assert moves(world) == [
        "l: a -> b at 2026-03-01T10:00:00Z by activity",
        "l: b -> a at 2026-03-01T10:00:10Z by activity",
    ]


def test_a_person_who_clicks_later_counts() -> None:
    """Only the sweep itself is taken out, and a limit's places go to those who come after it."""
    sweep = [click("a", 0), click("b", 1), click("c", 2)]
    world = world_of(model_of(MODEL), [*sweep, click("d", 50), click("e", 59)])
    assert scored(world)["s"] == 220


def test_a_click_is_settled_once_nothing_can_change_it() -> None:
    """Older than the lateness and a sweep's length it is held no longer: the state has nothing left of it but counts."""
    plan = _plan()
    lead = new_lead(plan)
    for one in activities([click("a", 0), click("b", 5), click("c", 50), event("z", "2026-03-11T10:00:16Z")]):
        take(lead, one)
    kept = reopened(plan, lead, with_card=True)
    assert [one.event_id for one in kept.subject.sifted.held()] == ["c"]  # type: ignore[union-attr]
    assert score(lead) == 230
    for one in activities([event("y", "2026-03-11T10:01:01Z")]):
        take(kept, one)
    assert reopened(plan, kept, with_card=True).subject.sifted is None
    assert score(kept) == 230


def test_a_flood_is_bounded() -> None:
    """Of a thousand clicks no more are held than there is room for; all that are a sweep's are still found."""
    plan = _plan()
    lead = new_lead(plan)
    flood = [click(f"e{number:04d}", number / 100) for number in range(1_000)]
    for one in activities(flood):
        take(lead, one)
    sifted = lead.subject.sifted
    assert sifted is not None
    assert (sifted.number, sifted.counts) == (MAX_HELD, {"sweep": 1_000})
    assert score(lead) == 0
    assert len(encode(plan, lead.subject)) < 40_000


def test_models_without_machines_cost_nothing() -> None:
    """Their states have no trace of it, and neither have those of leads that click no mail."""
    plan, without = _plan(), _plan(machines=[])
    story = activities(
        [event("a", "2026-03-01T10:00:00Z"), event("b", "2026-03-01T12:00:00Z", "open", channel="email")]
    )
    states = []
    for one in (plan, without):
        lead = new_lead(one)
        for activity in story:
            take(lead, activity)
        raw = encode(one, lead.subject)
        assert raw.endswith(one.tag)
        states.append(raw.removesuffix(one.tag))
    assert states[0] == states[1]
    assert without.machines is None


def test_another_version_goes_on_from_what_stands() -> None:
    """Without sweeps in the new version what is held is settled as it stands; counts stay."""
    plan, later = _plan(), _plan(machines=RULES[:1])
    lead = new_lead(plan)
    for one in activities([click("a", 0), click("b", 5), click("x", 6, mail="n2", machine=True)]):
        take(lead, one)
    raw = encode(plan, lead.subject)
    twin = Lead(later, decode(later, raw))
    take(twin, activities([click("c", 7)])[0])
    assert score(twin) == 30 + 200
    assert machines_told(twin) == {"marked": 1}
    assert decode(later, encode(later, twin.subject)).sifted.counts == {"marked": 1}  # type: ignore[union-attr]


def score(lead: Lead) -> float | None:
    """The score that e-mail feeds."""
    return lead.card.scores[lead.plan.position["s"]]


def _plan(**more: object) -> Plan:
    model = model_of({**MODEL, **more})
    return Plan(model, model.lead)


# -- any order, duplicates, merges, encoding at any point ------------------------------------------------------------------


def alone(seed: int) -> tuple[Json, list[Json], int]:
    """A random story of one lead with machines in it, whose events all differ and are never too late."""
    model, events, until = with_machines(generate(seed, events=2 + seed % 7), seed)
    once: dict[str, Json] = {}
    for one in events:
        if (
            one["type"] != "unlink"
            and one.get("channel") != "account"
            and any(key in one for key in ("user_id", "email", "anonymous_id"))
        ):
            kept = {
                name: value for name, value in one.items() if name in ("event_id", "type", "time", "channel", "facts")
            }
            once[one["event_id"]] = {**kept, "properties": one.get("properties") or {}, "user_id": "u"}
    return (
        {name: part for name, part in model.items() if name != "account"} | {"lateness": "800d"},
        list(once.values()),
        until,
    )


@few
@given(st.integers(0, 2**32 - 1))
def test_any_way_of_arriving_gives_what_the_reference_says(seed: int) -> None:
    """Shuffled, told twice, to two leads that are merged half-way, encoded and decoded at any point: the same."""
    model, events, until = alone(seed)
    if not events:
        return
    compiled, rng = model_of(model), random.Random(seed)
    plan = Plan(compiled, compiled.lead)
    expected = replay(model, events, until=until)
    shuffled = rng.sample(events, len(events))
    half = rng.randrange(len(events) + 1)
    one, two = new_lead(plan), new_lead(plan, "user:v")
    for place, activity in enumerate(activities(shuffled)):
        if place < half and place % 2:
            two = _told(plan, two, activity, rng)
        else:
            one = _told(plan, one, activity, rng)
        if place == half and two.subject.clock >= 0:
            one.advance(two.subject.clock)
            absorb(plan, one.subject, two.subject)
            one.forget()
            two = new_lead(plan, "user:v")
    if two.subject.clock >= 0:
        if one.subject.clock < 0:
            one.advance(two.subject.clock)
        one.advance(two.subject.clock)
        absorb(plan, one.subject, two.subject)
        one.forget()
    one.look()
    one.advance(until)
    scores = dict(zip(plan.score_names, one.card.scores, strict=True))
    assert {name: value for name, value in scores.items() if value is not None} == pytest.approx(
        expected.scores[0]["raw"], abs=1e-9
    )
    assert {rule: n for rule, n in machines_told(one).items() if n} == expected.machines.get("user:u", {})


def _told(plan: Plan, lead: Lead, activity: object, rng: random.Random) -> Lead:
    from stream_app.engine.activity import Activity
    from stream_app.engine.admission import verdict

    assert isinstance(activity, Activity)
    for _ in range(rng.choice([1, 1, 2])):
        if verdict(lead.subject, activity, plan.lateness) is None:
            take(lead, activity)
        if rng.random() < 0.4:
            lead = reopened(plan, lead, with_card=rng.random() < 0.5)
    return lead


# -- known scanners --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "known"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", True),
        ("Barracuda Sentinel (EE)", True),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", True),
        ("python-requests/2.32.3", True),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/126.0.0.0 Safari/537.36", True),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0.0.0 Safari/537.36", False),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", False),
        ("Mozilla/5.0 (Linux; Android 9; CUBOT_X18_Plus) AppleWebKit/537.36 Chrome/126.0 Mobile", False),
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", False),
        ("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.17328; Pro)", False),
        ("Mozilla/5.0 (Linux; U; Android 14) JavaScript/1.0 Chrome/126", False),
        ("x" * 600 + "Googlebot", False),
        ("", False),
        (None, False),
        (7, False),
        (["Googlebot"], False),
    ],
)
def test_known_scanners(agent: object, known: bool) -> None:
    """Programs are known by their name; people's browsers and mail programs, and image proxies, are none."""
    assert is_scanner(agent) is known


def test_the_list_is_kept_in_order() -> None:
    """Lower-case, each once, long enough to mean something."""
    assert len(set(KNOWN)) == len(KNOWN)
    assert [name for name in KNOWN if name != name.lower() or len(name) < 4] == []
