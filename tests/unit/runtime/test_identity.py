"""Keys, links, conflicts, merges and what an alias keeps (scoring.md section 7)."""

from stream_app.runtime.world import World
from tests.subjects import Json, activities, event, model_of, moves, scored, world_of

MODEL = model_of(
    {
        "model": "m",
        "scores": {"s": {}},
        "rules": [{"id": "view", "kind": "activity", "score": "s", "on": {"type": "view"}, "points": 1}],
        "ladders": {
            "l": [
                {"stage": "low"},
                {"stage": "mid", "enter": {"scores": {"s": {"ge": 1}}}},
                {"stage": "high", "enter": {"scores": {"s": {"ge": 3}}}, "hold": {}},
            ]
        },
    }
)


def told(*steps: tuple[str, Json]) -> list[Json]:
    """Events with ids a, b, c ... a minute apart; each step is a kind and its keys."""
    return [
        event("abcdefghij"[number], f"2026-03-01T10:{number:02d}:00Z", step, **keys)
        for number, (step, keys) in enumerate(steps)
    ]


ANON, MAIL, USER = {"anonymous_id": "b"}, {"email": "ann@acme.example"}, {"user_id": "u"}


def test_keys_by_strength() -> None:
    """`user_id`, else `email` (trimmed, lower case), else `anonymous_id`."""
    world = world_of(MODEL, told(("view", ANON), ("view", {"email": " Ann@ACME.example "}), ("view", USER)))
    assert list(world.leads) == ["anon:b", "email:ann@acme.example", "user:u"]


def test_a_chain_of_aliases_is_followed_and_parted_link_by_link() -> None:
    """Reading 12: a -> e -> u; unlink of e from u leaves a with e."""
    steps = [("view", ANON), ("view", {**ANON, **MAIL}), ("view", {**MAIL, **USER}), ("view", ANON)]
    world = world_of(MODEL, told(*steps))
    assert (list(world.leads), scored(world)) == (["user:u"], {"s": 4.0})
    for activity in activities([event("x", "2026-03-01T11:00:00Z", "unlink", channel="crm", **MAIL, **USER)]):
        world.apply(activity)
    assert world.resolve("anon:b") == "email:ann@acme.example"
    assert list(world.leads) == ["user:u"]  # a freed key is no lead before its next event


def test_a_key_that_comes_back_goes_on_counting() -> None:
    """Section 7: an alias keeps `seq`, so that transition ids are never used twice."""
    steps = [("view", ANON), ("other", {**ANON, **USER})]
    world = world_of(MODEL, told(*steps))
    more = [
        event("x", "2026-03-01T11:00:00Z", "unlink", channel="crm", **ANON, **USER),
        event("y", "2026-03-01T12:00:00Z", **ANON),
    ]
    for activity in activities(more):
        world.apply(activity)
    assert [(row["lead"], row["seq"]) for row in world.transitions if row["lead"] == "anon:b"] == [
        ("anon:b", 1),
        ("anon:b", 2),
    ]
    assert len({row["id"] for row in world.transitions}) == len(world.transitions)


def test_two_leads_merge_into_a_third_that_is_new() -> None:
    """Reading 4: it takes over the stages of the strongest, then is evaluated with cause `merge`."""
    steps = [("view", ANON), ("view", MAIL), ("view", MAIL), ("other", {**ANON, **MAIL, **USER})]
    world = world_of(MODEL, told(*steps))
    merge = world.transitions[-1]
    assert (merge["lead"], merge["from"], merge["to"], merge["seq"]) == ("user:u", "mid", "high", 2)
    assert merge["cause"] == {"kind": "merge", "event_id": "d"}
    assert merge["scores"] == {"before": {"s": 0.0}, "after": {"s": 3.0}}


def test_a_survivor_keeps_its_stages() -> None:
    """Section 7: a surviving lead that existed keeps them, whatever the merged one had reached."""
    steps = [("view", ANON)] * 3 + [("other", USER), ("other", {**ANON, **USER})]
    world = world_of(MODEL, told(*steps))
    assert moves(world)[-1] == "l: low -> high at 2026-03-01T10:04:00Z by merge"
    assert world.transitions[-1]["seq"] == 1


def test_a_conflict_is_counted_and_the_first_link_stands() -> None:
    """Section 7: the event goes to its strongest key; its other keys still link."""
    other = {"user_id": "v"}
    steps = [("view", {**ANON, **USER}), ("view", {**ANON, **MAIL, **other}), ("view", ANON), ("view", MAIL)]
    world = world_of(MODEL, told(*steps))
    assert world.conflicts == 1
    assert (scored(world, "user:u"), scored(world, "user:v")) == ({"s": 2.0}, {"s": 2.0})


def test_refused_and_ignored_events_change_nothing() -> None:
    """Section 2: no fact, no link."""
    world = World(MODEL)
    first, again, late, future = activities(
        [
            event("a", "2026-03-01T10:00:00Z", **USER),
            event("a", "2026-03-01T11:00:00Z", facts={"x": 1}, **USER, **ANON),
            event("b", "2026-01-01T10:00:00Z", facts={"x": 1}, **USER, **ANON),
            event("c", "2026-03-01T10:06:00.001Z", facts={"x": 1}, **USER, **ANON),
        ]
    )
    assert [world.apply(one, now=first.time + 60_000) for one in (first, again, late, future)] == [
        None,
        "future",
        "too_old",
        "future",
    ]
    assert world.apply(again) is None
    assert (world.aliases, world.leads["user:u"].subject.facts, scored(world)) == ({}, {}, {"s": 1.0})


def test_an_event_at_the_edge_of_lateness_is_taken() -> None:
    """Section 2: refused is what is *more* than `lateness` older than the latest event."""
    world = World(MODEL)
    latest, edge, beyond = activities(
        [
            event("a", "2026-03-31T10:00:00Z"),
            event("b", "2026-03-01T10:00:00Z"),
            event("c", "2026-03-01T09:59:59.999Z"),
        ]
    )
    assert [world.apply(one) for one in (latest, edge, beyond)] == [None, None, "too_old"]
