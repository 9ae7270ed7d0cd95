"""Stages and decay, drawn: above each test a time line, one column an hour or a day, and what happens on it.

`v` is an activity, `C` an order of the CRM, `^` a move up, `_` a fall, `-` waiting, `|` the end of a wait.
"""

import pytest

from stream_app.runtime.world import World
from tests.subjects import Json, crm, event, model_of, moves, scored, world_of

VIEW = {"type": "view"}


def hour(at: float) -> str:
    """A time of the first of March, `at` hours after midnight, days running on."""
    minutes = round(at * 60)
    return f"2026-03-{1 + minutes // 1440:02d}T{minutes // 60 % 24:02d}:{minutes % 60:02d}:00Z"


def model(decay: object, *stages: Json, points: float = 10, **more: object) -> Json:
    """One score of views with a decay, one ladder."""
    rule = {"id": "r", "kind": "activity", "score": "s", "on": VIEW, "points": points, "decay": decay}
    ladders = {"l": [{"stage": "low"}, *stages]} if stages else {}
    return {"model": "m", "scores": {"s": {}}, "rules": [rule], "ladders": ladders, **more}


def score_at(document: Json, times: list[float], at: float) -> float:
    """The score of views at some hours, at a later hour."""
    told = [event(f"e{number}", hour(time)) for number, time in enumerate(times)]
    found: float = scored(world_of(model_of(document), told, hour(at)))["s"]
    return found


# hour   10    11    12    13    14    15
#        .v....|.....|.....|.....|.....|      10:10: age counts whole units
# age     0    1     2     3     4     5
@pytest.mark.parametrize(
    ("decay", "values"),
    [
        ("none", [10, 10, 10, 10, 10]),
        ({"half_life": "1h"}, [10, 5, 2.5, 1.25, 0.625]),
        ({"linear": "4h"}, [10, 7.5, 5, 2.5, 0]),
        ({"expire": "2h"}, [10, 10, 0, 0, 0]),
        ({"expire": "90m"}, [10, 10, 0, 0, 0]),  # an age of one hour is below 90 minutes, one of two is not
        ({"steps": {"0h": 0.5, "2h": 2, "3h": 0}}, [5, 5, 20, 0, 0]),
        ({"steps": {"1h": 0.5, "3h": 0.2}}, [10, 5, 5, 2, 2]),  # 1 before the first step
    ],
)
def test_a_score_changes_at_unit_boundaries_only(decay: object, values: list[float]) -> None:
    """Sections 1 and 3: constant inside an hour, whatever the minute of the activity."""
    for age, expected in enumerate(values):
        for minute in (0.0, 0.99):
            at = 10 + age + minute
            if at > 10.2:
                assert score_at(model(decay), [10.16], at) == pytest.approx(expected)


# hour   0    6    12   18   24                a half-life of 12 h: 20 points fall below 12 at 12:00 (10)
# score  20 ............ 10
# stage  ^ high -------- _ low
def test_a_lead_falls_by_itself() -> None:
    """Section 6: at the first boundary at which `hold` (absent: `enter`) fails, with cause `decay`."""
    document = model({"half_life": "12h"}, {"stage": "high", "enter": {"scores": {"s": {"ge": 12}}}})
    world = world_of(model_of(document), [event("a", hour(0.5)), event("b", hour(0.5))], hour(40))
    assert moves(world) == [
        "l: low -> high at 2026-03-01T00:30:00Z by activity",
        "l: high -> low at 2026-03-01T09:00:00Z by decay",
    ]
    assert world.transitions[0]["holds_until"] == "2026-03-01T09:00:00Z"


# hour   0         10        20        30      enter at 15, hold until below 6 (hysteresis)
# score  20 ... 15 ........ 10 ......... 6
# stage  ^ high ......................... _
def test_hysteresis_keeps_a_lead_that_would_not_enter() -> None:
    """Section 6: `hold` is weaker than `enter`; a new event in between moves nothing."""
    stage = {"stage": "high", "enter": {"scores": {"s": {"ge": 15}}}, "hold": {"scores": {"s": {"ge": 6}}}}
    document = model({"half_life": "20h"}, stage)
    told = [event("a", hour(0)), event("b", hour(0)), event("c", hour(20), "other")]
    assert moves(world_of(model_of(document), told, hour(60))) == [
        "l: low -> high at 2026-03-01T00:00:00Z by activity",
        "l: high -> low at 2026-03-02T11:00:00Z by decay",
    ]


# hour   0    1    2    3    4    5    6       the view expires at 2:00, the dwell ends at 3:20
# score  10 ...... 0
# stage  ^ ------------- | _
def test_a_dwell_holds_until_its_end_to_the_minute() -> None:
    """Section 6: no fall before `min_dwell`; its end is a boundary of its own."""
    stage = {"stage": "high", "enter": {"scores": {"s": {"ge": 10}}}, "min_dwell": "200m"}
    world = world_of(model_of(model({"expire": "2h"}, stage)), [event("a", hour(0))], hour(9))
    assert moves(world)[1] == "l: high -> low at 2026-03-01T03:20:00Z by decay"
    assert world.transitions[0]["holds_until"] == "2026-03-01T03:20:00Z"


# hour   0    1    2    3    4    5    6       falls at 2:00; a view at 2:30 may not lift it before 5:10
# event  v           v    (expires at 6:00)
# stage  ^ ....... _ - - - - - - - - | ^
def test_a_cooldown_ends_to_the_minute() -> None:
    """Section 6: no re-entry before `left + cooldown`; at exactly that time, with cause `decay`."""
    stage = {"stage": "high", "enter": {"signal": {"on": VIEW, "within": "2h"}}, "cooldown": "70m"}
    world = world_of(model_of(model("none", stage)), [event("a", hour(0)), event("b", hour(2.5))], hour(3.9))
    assert moves(world) == [
        "l: low -> high at 2026-03-01T00:00:00Z by activity",
        "l: high -> low at 2026-03-01T02:00:00Z by decay",
        "l: low -> high at 2026-03-01T03:10:00Z by decay",
    ]


# hour   0    1    2    3    4                 a view counts while its age is below 2 h
# event       v
# stage       ^ ....... _
def test_a_signal_counts_while_it_is_young() -> None:
    """Section 6: age `< within`, in whole units."""
    stage = {"stage": "high", "enter": {"signal": {"on": VIEW, "within": "2h"}}}
    assert moves(world_of(model_of(model("none", stage)), [event("a", hour(1.9))], hour(9))) == [
        "l: low -> high at 2026-03-01T01:54:00Z by activity",
        "l: high -> low at 2026-03-01T03:00:00Z by decay",
    ]


# hour   0    1    2    3                      the CRM sets `high` without any score: it stands until 1:00
# event  v    C(0:30)
# stage  low  ^ ... _
def test_a_stage_set_stands_until_the_next_boundary() -> None:
    """Section 6 (6): no evaluation after it; at the next boundary `hold` fails and the lead falls."""
    stage = {"stage": "high", "enter": {"scores": {"s": {"ge": 50}}}}
    told = [event("a", hour(0)), crm("b", hour(0.5), "stage_set", ladder="l", stage="high")]
    assert moves(world_of(model_of(model("none", stage)), told, hour(3))) == [
        "l: low -> high at 2026-03-01T00:30:00Z by crm",
        "l: high -> low at 2026-03-01T01:00:00Z by decay",
    ]


# hour   0    1    2    3    4                 sticky: neither scores nor time move it, the CRM does
# event  v    C         v    C
# stage  low  ^ won ........ _ low
def test_only_the_crm_leaves_a_sticky_stage() -> None:
    """Section 6: up or down."""
    stages = ({"stage": "high", "enter": {"scores": {"s": {"ge": 20}}}}, {"stage": "won", "sticky": True})
    told = [
        event("a", hour(0)),
        crm("b", hour(1), "stage_set", stage="won"),
        event("c", hour(3)),
        crm("d", hour(4), "stage_set", stage="low"),
    ]
    assert moves(world_of(model_of(model("none", *stages)), told, hour(4.5))) == [
        "l: low -> won at 2026-03-01T01:00:00Z by crm",
        "l: won -> low at 2026-03-01T04:00:00Z by crm",
    ]
    assert moves(world_of(model_of(model("none", *stages)), told, hour(6)))[2:] == [
        "l: low -> high at 2026-03-01T05:00:00Z by decay"
    ]


# hour   0    1    2    3    4                 an order of 1:00 arrives at 4:00
# event  v         ^(2:00 high)      C(1:00)
@pytest.mark.parametrize(
    ("stage", "late", "obeyed"),
    [("mid", 1, False), ("mid", 2, True), ("mid", 3, True), ("won", 1, True)],
)
def test_a_late_order_is_obeyed_unless_the_lead_has_moved_since(stage: str, late: float, obeyed: bool) -> None:
    """Section 6: if it is not before the last move, or a sticky stage is entered or left."""
    stages = (
        {"stage": "mid"},
        {"stage": "high", "enter": {"scores": {"s": {"ge": 20}}}},
        {"stage": "won", "sticky": True},
    )
    told = [
        event("a", hour(0)),
        event("b", hour(2)),
        event("c", hour(4), "other"),
        crm("d", hour(late), "stage_set", stage=stage),
    ]
    made = moves(world_of(model_of(model("none", *stages)), told))
    assert made[1:] == ([f"l: high -> {stage} at 2026-03-01T04:00:00Z by crm"] if obeyed else [])


# order of arrival: C(3:00 mid), C(2:00 low)   the later order stands
def test_an_older_order_never_undoes_a_later_one() -> None:
    """Section 6: never if a later one was obeyed, sticky or not."""
    stages = ({"stage": "mid", "sticky": True}, {"stage": "won", "sticky": True})
    told = [
        crm("a", hour(3), "stage_set", stage="mid"),
        crm("b", hour(2), "stage_set", stage="won"),
    ]
    assert moves(world_of(model_of(model("none", *stages)), told, hour(5))) == [
        "l: low -> mid at 2026-03-01T03:00:00Z by crm"
    ]


# hour   0    1    2                           enough for `top` at once: one step up, to the highest
def test_a_lead_climbs_to_the_highest_stage_in_one_move() -> None:
    """Section 6: the highest stage above whose `enter` holds."""
    stages = [{"stage": name, "enter": {"scores": {"s": {"ge": edge}}}} for name, edge in (("mid", 5), ("top", 10))]
    assert moves(world_of(model_of(model("none", *stages)), [event("a", hour(0))])) == [
        "l: low -> top at 2026-03-01T00:00:00Z by activity"
    ]


# hour   0    2    5                           20 at 0:00; below 15 at 3:00 (mid holds), below 6 at 9:00
# stage  ^ top ... _ mid ... _ low
def test_a_fall_ends_where_something_holds() -> None:
    """Section 6: the highest stage below whose `hold` holds."""
    stages = [{"stage": name, "enter": {"scores": {"s": {"ge": edge}}}} for name, edge in (("mid", 6), ("top", 15))]
    document = model({"half_life": "5h"}, *stages, points=20)
    assert moves(world_of(model_of(document), [event("a", hour(0))], hour(20))) == [
        "l: low -> top at 2026-03-01T00:00:00Z by activity",
        "l: top -> mid at 2026-03-01T03:00:00Z by decay",
        "l: mid -> low at 2026-03-01T09:00:00Z by decay",
    ]


# hour   0    1    2    3                      blocked while opted out; the fact goes at 2:30, no boundary waits
# event  v         i(opted in at 2:30)
# stage  low ----- ^
def test_a_block_keeps_a_lead_down_until_it_is_lifted() -> None:
    """Section 6: `blocked_by` is about moves up by score; a fact that goes lets the lead up, with cause `fact`."""
    stage = {"stage": "high", "enter": {"scores": {"s": {"ge": 10}}}, "blocked_by": {"facts": {"opted_out": True}}}
    told = [
        event("a", hour(0), facts={"opted_out": True}),
        event("b", hour(2.5), "identify", facts={"opted_out": None}),
    ]
    assert moves(world_of(model_of(model("none", stage)), told, hour(5))) == [
        "l: low -> high at 2026-03-01T02:30:00Z by fact"
    ]


# hour   0 .. 3 .. 6                           late: an event of 1:00 arrives when the clock is at 6:00
def test_a_late_event_counts_at_its_own_age_and_moves_now() -> None:
    """Sections 2 and 6: its age is from its time, the move is at the clock."""
    stage = {"stage": "high", "enter": {"scores": {"s": {"ge": 4}}}}
    told = [event("a", hour(6), "other"), event("b", hour(1))]
    world = world_of(model_of(model({"linear": "10h"}, stage)), told)
    assert moves(world) == ["l: low -> high at 2026-03-01T06:00:00Z by activity"]
    assert world.transitions[0]["scores"] == {"before": {"s": 0.0}, "after": {"s": 5.0}}
    assert world.transitions[0]["holds_until"] == "2026-03-01T08:00:00Z"


# local  01:30 02:30 | 02:30 03:30             Berlin, 25 October 2026: the hour from 2 to 3 comes twice
# UTC    23:30 00:30 | 01:30 02:30
def test_the_hour_that_clocks_repeat_is_two() -> None:
    """Section 1: a limit of one an hour lets a view of each of the two count."""
    document = model("none", timezone="Europe/Berlin")
    document["rules"][0]["limit"] = {"times": 1, "per": "hour"}
    told = [event(f"e{at}", f"2026-10-25T{at}:00Z") for at in ("00:10", "00:50", "01:10", "01:50")]
    assert scored(world_of(model_of(document), told))["s"] == 20


def test_a_clock_starts_at_the_first_event() -> None:
    """Section 6: no boundaries before; ticks before it do nothing."""
    world = World(model_of(model("none", {"stage": "high", "enter": {"facts": {"x": {"ne": 1}}}})))
    world.tick(0)
    assert (world.scores(), world.transitions) == ([], [])
