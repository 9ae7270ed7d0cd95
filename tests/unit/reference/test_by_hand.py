"""What the cases do not show, computed by hand: the reference must be right before anything is compared with it."""

from typing import Any

import pytest

from tests.reference import Result, replay
from tests.reference.conditions import passes
from tests.reference.derived import derive
from tests.reference.scores import rounded
from tests.reference.timeline import parse_time, period

Json = dict[str, Any]
CLICK: Json = {"id": "c", "kind": "activity", "score": "s", "on": {"type": "click"}, "points": 10}
LADDER: list[Json] = [
    {"stage": "a"},
    {"stage": "b", "enter": {"scores": {"s": {"ge": 10}}}},
    {"stage": "won", "sticky": True},
]


def model(**parts: Any) -> Json:
    """A model of one score and one rule."""
    return {"model": "m", "scores": {"s": {}}, "rules": [CLICK], **parts}


def event(number: int, when: str, **fields: Any) -> Json:
    """A click of user u at a time of day of 2026-03-01, unless it says otherwise."""
    keys = {} if {"email", "anonymous_id", "user_id"} & set(fields) else {"user_id": "u"}
    return {"event_id": f"e{number}", "type": "click", "time": f"2026-03-01T{when}Z", **keys, **fields}


def stage_set(number: int, when: str, stage: str) -> Json:
    """A CRM event that moves the lead."""
    return event(number, when, channel="crm", type="stage_set", properties={"stage": stage})


def at(when: str) -> int:
    """A time of day of 2026-03-01 in ms."""
    return parse_time(f"2026-03-01T{when}Z")


def path(result: Result) -> list[str]:
    """The stages that were entered, in order."""
    return [f"{row['to']} {row['at'][11:16]} {row['cause']['kind']}" for row in result.transitions]


def raw(result: Result, row: int = 0) -> Json:
    """The raw scores of one record."""
    found: Json = result.scores[row]["raw"]
    return found


def test_late_stage_set_before_the_last_move_is_refused_unless_sticky() -> None:
    """10:00 b by score; at a clock of 12:00 comes 09:00 -> a (refused), 11:00 -> a (obeyed), then 10:30 -> won (older than the obeyed one)."""
    events = [
        event(1, "10:00:00"),
        event(2, "12:00:00", type="other"),
        stage_set(3, "09:00:00", "a"),
        stage_set(4, "11:00:00", "a"),
        stage_set(5, "10:30:00", "won"),
    ]
    doc = model(ladders={"l": LADDER})
    assert path(replay(doc, events[:3], until=None)) == ["b 10:00 activity"]
    assert path(replay(doc, events[:4], until=None)) == ["b 10:00 activity", "a 12:00 crm"]
    assert path(replay(doc, events, until=None)) == ["b 10:00 activity", "a 12:00 crm", "b 12:00 crm"]


def test_stage_set_stands_until_the_next_boundary() -> None:
    """10:00 b, set to a at 10:20 although the score still holds b: back in b at the boundary 11:00."""
    doc = model(ladders={"l": LADDER})
    events = [event(1, "10:00:00"), stage_set(2, "10:20:00", "a")]
    assert path(replay(doc, events, until=at("10:59:00"))) == ["b 10:00 activity", "a 10:20 crm"]
    assert path(replay(doc, events, until=at("11:00:00")))[2:] == ["b 11:00 decay"]


def test_ids_are_remembered_for_the_lateness_and_older_events_refused() -> None:
    """lateness 2h: at 12:00 the id of 10:00 is known (a duplicate), that of 09:59 forgotten, an event of 09:59 too old."""
    doc = model(lateness="2h")
    known = [event(1, "10:00:00"), event(2, "12:00:00"), event(1, "12:30:00")]
    assert raw(replay(doc, known, until=None)) == {"s": 20.0}
    forgotten = [event(1, "09:59:00"), event(2, "12:00:00"), event(1, "12:30:00")]
    assert raw(replay(doc, forgotten, until=None)) == {"s": 30.0}
    late = replay(doc, [event(1, "12:00:00"), event(2, "09:59:00"), event(3, "10:00:00")], until=None)
    assert (late.dead_letters, raw(late)) == ([(1, "too_old")], {"s": 20.0})


def test_now_refuses_the_future_and_order_time_sorts() -> None:
    """max_future_skew 5m: 10:05 is taken at a `now` of 10:00, 10:05:00.001 is not; by time 09:00 comes before 10:00."""
    events = [event(1, "10:05:00"), event(2, "10:05:00.001"), event(3, "09:00:00")]
    result = replay(model(ladders={"l": LADDER}), events, until=None, now=at("10:00:00"))
    assert (result.dead_letters, path(result)) == ([(1, "future")], ["b 10:05 activity"])
    assert path(replay(model(ladders={"l": LADDER}), events, until=None, order="time")) == ["b 09:00 activity"]


def test_merge_is_the_union_and_an_event_of_both_counts_twice() -> None:
    """anon a and user u each took e1; linked, u has both, a's later events go to u, and a is no lead any more."""
    events = [
        event(1, "10:00:00", anonymous_id="a"),
        event(1, "10:00:00"),
        event(2, "11:00:00", user_id="u", anonymous_id="a"),
    ]
    result = replay(model(), [*events, event(3, "12:00:00", anonymous_id="a")], until=None)
    assert [row["lead"] for row in result.scores] == ["user:u"]
    assert raw(result) == {"s": 40.0}


def test_unlink_leaves_what_was_merged_and_seq_goes_on() -> None:
    """a (seq 1) is merged into u, unlinked, and comes back empty: its next move is its second."""
    ladders = {"l": LADDER}
    unlink = event(3, "11:30:00", user_id="u", anonymous_id="a", channel="crm", type="unlink")
    events = [event(1, "10:00:00", anonymous_id="a"), event(2, "11:00:00", user_id="u", anonymous_id="a"), unlink]
    result = replay(model(ladders=ladders), events, until=None)
    assert [(row["lead"], row["raw"]["s"]) for row in result.scores] == [("user:u", 20.0)]
    result = replay(model(ladders=ladders), [*events, event(4, "12:00:00", anonymous_id="a")], until=None)
    assert [(row["lead"], row["seq"], row["raw"]["s"]) for row in result.scores[1:]] == [("anon:a", {"l": 2}, 10.0)]


def test_conflict_keeps_the_first_link_and_links_the_other_keys() -> None:
    """a belongs to u; an event of v with a and an e-mail goes to v, links the e-mail, and counts one conflict."""
    events = [
        event(1, "10:00:00", user_id="u", anonymous_id="a"),
        event(2, "11:00:00", user_id="v", email="E@x.example ", anonymous_id="a"),
        event(3, "12:00:00", email="e@x.example"),
        event(4, "12:00:00", anonymous_id="a"),
    ]
    result = replay(model(), events, until=None)
    assert [(row["lead"], row["raw"]["s"]) for row in result.scores] == [("user:u", 20.0), ("user:v", 20.0)]
    assert result.conflicts == 1


def test_the_hour_that_repeats_in_autumn_is_two_hours() -> None:
    """Berlin, 2026-10-25: 00:30Z and 01:30Z are both 02:30 there, in two hours of one day."""
    from zoneinfo import ZoneInfo

    berlin = ZoneInfo("Europe/Berlin")
    first, second = parse_time("2026-10-25T00:30:00Z"), parse_time("2026-10-25T01:30:00Z")
    assert period(first, "hour", berlin) != period(second, "hour", berlin)
    assert period(first, "day", berlin) == period(second, "day", berlin)


def test_member_sees_its_accounts_score_change() -> None:
    """v's click doubles the account's sum; u, who uses it, is advanced to it and moves with cause fact."""
    ladder = [{"stage": "a"}, {"stage": "b", "enter": {"scores": {"account.score": {"ge": 20}}}}]
    account = {"scores": {"acc": {"rollup": {"score": "s", "sum": True}}}}
    events = [event(1, "10:00:00", account_id="x"), event(2, "10:20:00", user_id="v", account_id="x")]
    result = replay(model(account=account, ladders={"l": ladder}), events, until=None)
    assert [(row["lead"], row["cause"], row["at"][11:16]) for row in result.transitions] == [
        ("user:v", {"kind": "activity", "event_id": "e2"}, "10:20"),
        ("user:u", {"kind": "fact", "event_id": "e2"}, "10:20"),
    ]


def test_account_that_a_lead_leaves_is_evaluated_by_that_event() -> None:
    """u makes x an `mqa` at 10:00 and moves to y at 10:20: x falls then, not at the next boundary, and y rises."""
    ladder = [{"stage": "target"}, {"stage": "mqa", "enter": {"scores": {"acc": {"ge": 10}}}}]
    account = {"scores": {"acc": {"rollup": {"score": "s", "max": True}}}, "ladders": {"l": ladder}}
    events = [event(1, "10:00:00", account_id="x"), event(2, "10:20:00", account_id="y", type="other")]
    result = replay(model(account=account), events, until=None)
    assert sorted((row["account_id"], row["to"], row["at"][11:16]) for row in result.transitions) == [
        ("x", "mqa", "10:00"),
        ("x", "target", "10:20"),
        ("y", "mqa", "10:20"),
    ]


@pytest.mark.parametrize(
    ("test", "value", "expected"),
    [
        ("CIO", "cio", True),
        ({"eq": "CIO", "case": True}, "cio", False),
        (1, True, False),
        ({"ne": 5}, "5", True),
        ({"not_in": [1]}, None, True),
        ({"exists": False}, None, True),
        ({"contains": "IT"}, ["it", "hr"], True),
        ({"contains": "IT"}, 5, False),
        ({"glob": "/pricing*"}, "/Pricing/eu/x", True),
        ({"glob": "/pricing"}, "/pricing/x", False),
        ({"regex": r"\bcto\b"}, "the CTO", True),
        ({"between": [1, 2]}, 2, True),
        ({"ge": 1, "lt": 2}, 2, False),
        ({"lt": "B"}, "a", True),
        ({"lt": 5}, "4", False),
    ],
)
def test_one_test_of_one_value(test: Any, value: Any, expected: bool) -> None:
    """Case, types, missing values and operators as section 3 says."""
    assert passes(test, value) is expected


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("asdf", 4),
        ("Qwerty", 6),
        ("poiuy", 5),
        ("liberty", 0),
        ("property", 0),
        ("asd", 0),
        ("asdfx", 4),
        ("asdfxy", 0),
    ],
)
def test_keyboard_run(name: str, run: int) -> None:
    """At least four letters in one direction on one row, covering at least 80 % of the word."""
    assert derive({"company": name}, None)["keyboard_run"] == run


def test_rounding_is_half_away_from_zero_on_the_shortest_decimal_form() -> None:
    """2.675 is a little less than that in binary; people see 2.68."""
    assert [rounded(2.675, 2), rounded(0.5, 0), rounded(-0.5, 0), rounded(1.25, 1)] == [2.68, 1.0, -1.0, 1.3]
