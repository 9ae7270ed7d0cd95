"""Accounts and their members: who takes part in an event, and what is seen when (scoring.md section 8).

The numbers are those of the readings in tests/reference/README.md.
"""

from typing import Any

from stream_app.runtime.world import World
from tests.subjects import Json, event, model_of, moves, scored, world_of

DAY_ONE = "2026-03-01T"


def at(clock: str) -> str:
    """A time of the first of March."""
    return f"{DAY_ONE}{clock}:00Z"


def lead(name: str, event_id: str, clock: str, kind: str = "view", **more: Any) -> Json:
    """An event of a lead by the name of its e-mail's local part, at no company of its own."""
    return event(event_id, at(clock), kind, email=f"{name}@gmail.com", **more)


def model(
    *rules: Json, combined: Json | None = None, ladder: Json | None = None, enter: float = 10, **rollup: Any
) -> Any:
    """Views are worth 10; the account sums its members; a ladder of its own from `enter` on."""
    view = {"id": "view", "kind": "activity", "score": "s", "on": {"type": "view"}, "points": 10}
    document: Json = {
        "model": "m",
        "scores": {"s": {}},
        "rules": [view, *rules],
        "account": {
            "scores": {"account": {"rollup": {"score": "s", **(rollup or {"sum": True})}}},
            "rules": [
                {"id": "funding", "kind": "activity", "score": "account", "on": {"type": "funding"}, "points": 40}
            ],
            "ladders": {"deal": [{"stage": "cold"}, {"stage": "hot", "enter": {"scores": {"account": {"ge": enter}}}}]},
        },
    }
    if combined is not None:
        document["combined"] = combined
    if ladder is not None:
        document["ladders"] = {"l": [{"stage": "low"}, {"stage": "high", "enter": ladder}]}
    return model_of(document)


def of(world: World, ladder: str) -> list[str]:
    """The moves on one ladder."""
    return [move for move in moves(world) if move.startswith(ladder)]


def test_the_account_that_a_lead_leaves_falls_by_that_event() -> None:
    """Reading 15: it takes part in the event: advanced before it (so nothing falls earlier), evaluated after it."""
    told = [
        lead("ann", "a", "12:46", account_id="x"),
        lead("ann", "b", "13:43", "other", account_id="y"),
    ]
    world = world_of(model(), told, at("15:00"))
    assert of(world, "deal") == [
        "deal: cold -> hot at 2026-03-01T12:46:00Z by activity",
        "deal: cold -> hot at 2026-03-01T13:43:00Z by activity",
        "deal: hot -> cold at 2026-03-01T13:43:00Z by activity",
    ]
    assert [row["account_id"] for row in world.transitions] == ["x", "y", "x"]
    assert world.transitions[2]["scores"] == {"before": {"account": 10.0}, "after": {"account": 0.0}}


def test_an_account_is_never_behind_its_members() -> None:
    """Reading 15: a late event by which a lead comes advances the account to the lead's clock, not to the event's time."""
    told = [lead("ann", "a", "14:00"), lead("ann", "b", "12:00", account_id="x")]
    world = world_of(model(), told)
    assert of(world, "deal") == ["deal: cold -> hot at 2026-03-01T14:00:00Z by activity"]
    assert world.accounts["x"].subject.clock == world.leads["email:ann@gmail.com"].subject.clock


def test_the_accounts_of_merged_leads_take_part() -> None:
    """Reading 15: the union belongs to one account; the other one falls, by the same event."""
    told = [
        event("a", at("10:00"), anonymous_id="b", account_id="x"),
        event("b", at("11:00"), email="ann@gmail.com", account_id="y"),
        event("c", at("12:30"), "other", email="ann@gmail.com", anonymous_id="b"),
    ]
    world = world_of(model(), told, at("15:00"))
    fell = [row for row in world.transitions if row["direction"] == "down"]
    assert [(row["account_id"], row["at"], row["cause"]) for row in fell] == [
        ("x", at("12:30"), {"kind": "activity", "event_id": "c"})
    ]
    assert scored(world, "account:y") == {"account": 20.0}


def test_a_lead_that_joins_late_sees_facts_when_its_clock_reaches_them() -> None:
    """Reading 21 of the run against the reference (seeds 1744, 2567, 2785): a score is a function of the set at t."""
    size: Json = {"id": "size", "kind": "per_unit", "score": "s", "fact": "account.headcount", "each": 1}
    told = [
        event("z", at("10:31"), "identify", account_id="x", channel="account", account_facts={"headcount": 5}),
        lead("ann", "x", "02:00", "other", account_id="x"),
    ]
    assert scored(world_of(model(size), told), "email:ann@gmail.com") == {"s": 0.0}
    assert scored(world_of(model(size), told, at("10:30")), "email:ann@gmail.com") == {"s": 0.0}
    assert scored(world_of(model(size), told, at("10:31")), "email:ann@gmail.com") == {"s": 5.0}


def test_a_boundary_passed_on_the_way_sees_the_facts_of_its_time() -> None:
    """A lead that was behind moves at the first boundary after the fact, with cause `decay`, and not before."""
    facts = {"facts": {"account.tier": "gold"}}
    told = [
        event("y", at("03:00"), "identify", account_id="x", channel="account", account_facts={"tier": "tin"}),
        event("z", at("10:31"), "identify", account_id="x", channel="account", account_facts={"tier": "gold"}),
        lead("ann", "x", "02:00", "other", account_id="x"),
    ]
    world = world_of(model(ladder=facts), told, at("15:00"))
    assert of(world, "l:") == ["l: low -> high at 2026-03-01T11:00:00Z by decay"]


def test_members_see_new_facts_at_once_with_cause_fact() -> None:
    """Reading 16: other members are advanced to the event's time and evaluated, with the event's id."""
    facts = {"facts": {"tier": "gold"}}
    told = [
        lead("ann", "a", "10:00", "other", account_id="x"),
        lead("bob", "b", "10:20", "other", account_id="x", account_facts={"tier": "gold"}),
    ]
    world = world_of(model(ladder=facts), told)
    assert [(row["lead"], row["at"], row["cause"]) for row in world.transitions if row["ladder"] == "l"] == [
        ("email:bob@gmail.com", at("10:20"), {"kind": "activity", "event_id": "b"}),
        ("email:ann@gmail.com", at("10:20"), {"kind": "fact", "event_id": "b"}),
    ]


TOTAL = {"total": {"weights": {"account.score": 0.5}}}


def test_a_lead_scores_with_what_it_makes_of_its_account() -> None:
    """Reading 17 (seed 35): one event, whose points come back through the account."""
    world = world_of(model(combined=TOTAL), [lead("ann", "a", "10:00", account_id="x")], at("11:00"))
    assert scored(world, "email:ann@gmail.com") == {"s": 10.0, "total": 5.0}


def test_a_new_account_score_reaches_every_other_member() -> None:
    """Reading 17: each is advanced to the account's clock, before it sees the change, and evaluated with cause `fact`."""
    told = [
        lead("ann", "a", "10:00", account_id="x"),
        lead("bob", "b", "11:30", account_id="x"),
    ]
    world = world_of(model(combined=TOTAL, ladder={"scores": {"total": {"ge": 10}}}), told)
    ann = next(row for row in world.transitions if row["lead"] == "email:ann@gmail.com")
    assert (ann["at"], ann["cause"]) == (at("11:30"), {"kind": "fact", "event_id": "b"})
    assert ann["scores"] == {"before": {"s": 10.0, "total": 5.0}, "after": {"s": 10.0, "total": 10.0}}


def test_an_account_event_reaches_the_members_too() -> None:
    """Reading 17, for an account's own event and a condition on `account.score`."""
    told = [
        lead("ann", "a", "10:00", account_id="x"),
        event("f", at("12:00"), "funding", account_id="x", channel="account"),
    ]
    world = world_of(model(ladder={"scores": {"account.score": {"ge": 50}}}), told)
    assert of(world, "l:") == ["l: low -> high at 2026-03-01T12:00:00Z by fact"]


def test_an_account_score_that_decays_is_seen_at_the_leads_boundaries() -> None:
    """Reading 17: what decay changes, a lead sees by itself, with cause `decay`."""
    document = model(combined=TOTAL, ladder={"scores": {"total": {"ge": 25}}}).document
    document["account"]["rules"][0]["decay"] = {"expire": "3h"}
    told = [
        lead("ann", "a", "10:00", account_id="x"),
        event("f", at("10:30"), "funding", account_id="x", channel="account"),
    ]
    world = world_of(model_of(document), told, at("20:00"))
    assert of(world, "l:") == [
        "l: low -> high at 2026-03-01T10:30:00Z by fact",
        "l: high -> low at 2026-03-01T13:00:00Z by decay",
    ]


def test_ways_in_which_members_count() -> None:
    """Section 8: rounded, capped, from the highest down; breadth by a fact of those that are warm enough."""
    told = [
        lead("ann", "a", "10:00", account_id="x", facts={"department": "IT"}),
        lead("ann", "b", "10:01", account_id="x"),
        lead("bob", "c", "10:02", account_id="x", facts={"department": "it"}),
        lead("cat", "d", "10:03", account_id="x", facts={"department": "hr"}),
        lead("dan", "e", "10:04", "other", account_id="x", facts={"department": "law"}),
    ]
    for rollup, expected in (({"sum": True}, 40), ({"max": True}, 20), ({"top": 2}, 30), ({"diminishing": 0.5}, 27.5)):
        assert scored(world_of(model(**rollup), told), "account:x") == {"account": expected}
    assert scored(world_of(model(sum=True, per_member=12), told), "account:x") == {"account": 32}
    document = model().document
    document["account"]["scores"]["account"]["breadth"] = {
        "fact": "department",
        "min_score": 10,
        "points": {2: 100, 3: 900},
    }
    assert scored(world_of(model_of(document), told), "account:x") == {"account": 140}


def test_free_mail_is_no_account_and_a_domain_is() -> None:
    """Section 8: stated, else the domain unless that is free mail."""
    told = [lead("ann", "a", "10:00"), event("b", at("10:00"), email="bob@acme.example")]
    assert set(world_of(model(), told).accounts) == {"acme.example"}
