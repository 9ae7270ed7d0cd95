"""The single view of a lead: the same scores and forecast as the engine's, told part by part."""

from typing import Any

import pytest

from stream_app.engine.model.load import load_model
from stream_app.engine.times import DAY, HOUR, MINUTE, format_time, parse_time
from stream_app.errors import KnownError
from stream_app.serving.coming import Shift
from stream_app.worker.composition import compose
from tests.pipeline.desk import Desk, event
from tests.pipeline.models import TEXT, plain_model
from tests.pipeline.tables import leads_at
from tests.pipeline.views import entries_of, lead_viewed

START = parse_time("2026-03-02T09:20:00Z")
MODEL = plain_model()


def send(desk: Desk, number: int, time: int, topic: str = "web-events", user: str = "ann", **more: Any) -> None:
    """An event of a lead, where it belongs."""
    desk.send(topic, event(number, time, user=user, **more), key=f"user:{user}", timestamp=time)


@pytest.fixture
def desk() -> Desk:
    """Ann looked at four pages in four hours, and is a clerk: an MQL, not an SQL."""
    desk = Desk(MODEL)
    send(desk, 0, START, type="identify", email="Ann@acme.example", facts={"job_title": "Clerk", "nickname": "\x1b[2J"})
    for number in range(1, 5):
        send(desk, number, START + number * HOUR)
    send(desk, 9, START + 4 * HOUR, "crm-events", type="owner_set", properties={"owner": "jo"})
    desk.run()
    return desk


def test_it_is_the_score_record_and_more(desk: Desk) -> None:
    """Its first fields are those of formats.md, computed from the state as the worker's own record was."""
    told = lead_viewed(desk, "user:ann").as_json()
    record = desk.latest("lead-scores")["user:ann"]
    assert {name: told[name] for name in record} == record
    assert told["profile"]["email"] == "ann@acme.example"
    assert told["profile"]["owner"] == "jo"
    assert told["profile"]["facts"]["job_title"] == {"value": "Clerk", "since": format_time(START)}
    assert told["notes"] == []


def test_at_a_later_time_it_is_what_the_engine_makes_of_the_state(desk: Desk) -> None:
    """`at` carries the lead on; the moves on the way are expected transitions, and the explanation adds up."""
    at = START + 5 * DAY
    view = lead_viewed(desk, "user:ann", at)
    assert view.record == leads_at(desk.scoring, entries_of(desk, "lead"), at)["user:ann"]
    assert [(move["from"], move["to"]) for move in view.expected] == [("mql", "known")]
    for told in view.explanation.values():
        if "rules" in told:
            parts = told["base"] + sum(rule["points"] for rule in told["rules"]) + told["taken_by_clamp"]
            assert parts + sum(group["taken"] for group in told["groups"]) == pytest.approx(told["value"], abs=1e-9)


def test_before_its_clock_there_is_no_view(desk: Desk) -> None:
    """What was is history; the message says where to look."""
    with pytest.raises(KnownError, match="--at 2026-03-02T09:20:00Z is before user:ann's clock"):
        lead_viewed(desk, "user:ann", START)


def test_its_ladder_says_what_holds_it_and_what_is_missing(desk: Desk) -> None:
    """
    known ──► mql ·· (total ≥ 60) ··► sql
               │ total ≥ 15, not before a day has passed
               ▼
             known at `holds_until`
    """
    ladder = lead_viewed(desk, "user:ann").ladders["lifecycle"]
    assert (ladder.stage, ladder.seq, ladder.falls_to) == ("mql", 1, "known")
    assert ladder.dwells_until == format_time(parse_time(ladder.since) + DAY)
    assert [(check.words, check.holds) for check in ladder.held_by] == [("total ≥ 15", True)]
    assert ladder.next is not None and ladder.next.stage == "sql"
    assert [(check.words, check.holds) for check in ladder.next.needs] == [("total ≥ 60", False)]
    assert ladder.holds_until is not None
    until = parse_time(ladder.holds_until)
    before, after = (leads_at(desk.scoring, entries_of(desk, "lead"), at)["user:ann"] for at in (until - 1, until))
    assert (before["stages"], after["stages"]) == ({"lifecycle": "mql"}, {"lifecycle": "known"})


def test_alternatives_say_what_each_thing_tested_is_now(desk: Desk) -> None:
    """One of several may hold: it is one line, with the score and the band as they stand."""
    either = (
        "enter: {any: [{scores: {total: {ge: 60}}}, {signal: {on: {type: demo}, within: 1d}, bands: {warmth: hot}}]}}"
    )
    text = TEXT.replace("enter: {scores: {total: {ge: 60}}}, hold: {scores: {total: {ge: 40}}}}", either)
    view = lead_viewed(desk, "user:ann", scoring=compose(load_model(text, "other.yaml"), desk.manifest))
    following = view.ladders["lifecycle"].next
    assert following is not None
    (check,) = following.needs
    assert (check.holds, check.now) == (False, {"total": view.record["raw"]["total"], "warmth": "warm"})


def test_what_comes_next_is_what_then_is_published(desk: Desk) -> None:
    """Each of the next changes: nothing else is published before it, and at it exactly what it says."""
    view = lead_viewed(desk, "user:ann")
    assert len(view.next) == 5
    shown = view.record
    for change in view.next:
        at = parse_time(change.at)
        before, after = (leads_at(desk.scoring, entries_of(desk, "lead"), one)["user:ann"] for one in (at - 1, at))
        for what in ("scores", "grades", "bands", "stages"):
            assert before[what] == shown[what]
            shifts: dict[str, Shift] = getattr(change, what)
            assert {name: shift.after for name, shift in shifts.items()} == {
                name: value for name, value in after[what].items() if value != before[what].get(name)
            }
        shown = after


def test_transitions_come_newest_first_and_limited(desk: Desk) -> None:
    """`total` counts them all."""
    send(desk, 20, START + 20 * DAY)
    desk.run()
    view = lead_viewed(desk, "user:ann", limit=1)
    assert [move["seq"] for move in view.transitions] == [2]
    assert view.total == 2


def test_another_version_of_the_model_is_said_plainly(desk: Desk) -> None:
    """The state is read by the model at hand, which may have other ladders; the note names both versions."""
    other = compose(
        load_model(TEXT.replace("lifecycle:", "journey:").replace("points: 10,", "points: 20,"), "other.yaml"),
        desk.manifest,
    )
    view = lead_viewed(desk, "user:ann", scoring=other)
    assert view.record["raw"]["interest"] == 2 * lead_viewed(desk, "user:ann").record["raw"]["interest"]
    assert view.record["stages"] == {"journey": "known"}
    (note,) = view.notes
    assert MODEL.version[:12] in note and other.model.version[:12] in note


def test_a_lead_without_anything_to_say(desk: Desk) -> None:
    """One event of no worth: no account, no transition, nothing that comes."""
    send(desk, 30, START + MINUTE, user="zed", type="unheard_of")
    desk.run()
    view = lead_viewed(desk, "user:zed")
    assert (view.account, view.transitions, view.next, view.profile.facts) == (None, [], [], {})
