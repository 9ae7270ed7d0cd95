"""Erasing people: what is left in the tables, what is said, and what comes later."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.contracts import validator
from stream_app.engine.times import DAY, MINUTE
from stream_app.worker.links import Erase, link_output
from tests.pipeline.desk import Desk
from tests.unit.worker.test_linking import MEETINGS, MODEL, PEOPLE, START, event, home, leads, meetings, send

AT = START + 60 * DAY


def ask(desk: Desk, key: str, at: int = AT, request: str = "r") -> None:
    """A request, as `stream-app lead erase` sends it."""
    topic, raw, value, headers, timestamp, _ = link_output("lead-inbox", key, Erase(request, at, None), at)
    desk.send(topic, value, key=(raw or b"").decode(), timestamp=timestamp or 0, headers=headers)


def erased(desk: Desk) -> dict[str, Any]:
    """The `erased` messages by key."""
    found = {}
    for record in desk.records("transitions"):
        document = record.json()
        if "erased" in document:
            validator("erased.schema.json").validate(document)
            assert (record.key or b"").decode() == document["lead"]
            assert record.header("ce_type") == "leadscorer.lead.erased"
            found[document["lead"]] = document
    return found


def tables(desk: Desk) -> bytes:
    """All that the tables hold, keys and values."""
    return b"\n".join(part for lane in desk.lanes.values() for entry in lane.state.items() for part in entry)


@pytest.fixture
def ann() -> Desk:
    """A member of `x.example` with three keys in several partitions; another member."""
    desk = Desk(MODEL, partitions=3)
    told = [
        event(1, 0, ["anon:ann-a"]),
        event(2, 1, ["anon:ann-a", "email:ann@x.example"]),
        event(3, 2, ["email:ann@x.example", "user:ann"], "identify", facts={"job_title": "chief of ann"}),
        event(4, 3, ["user:ann"], "stage_set", properties={"stage": "sql"}),
        event(5, 4, ["user:bob", "email:bob@x.example"]),
    ]
    for one in told:
        send(desk, one, home(f"user:{one.get('user_id')}", 3))
    desk.run()
    assert desk.latest("lead-scores")["user:ann"]["stages"] == {"lifecycle": "sql"}
    return desk


@pytest.mark.parametrize("key", ["user:ann", "email:ann@x.example", "anon:ann-a"])
def test_nothing_is_left_of_a_lead_and_its_keys(ann: Desk, key: str) -> None:
    """Whichever of them is named: no state, no score record, no share in the account, over a restart too."""
    before = ann.latest("account-scores")["x.example"]["scores"]["score"]
    ask(ann, key)
    ann.run()
    assert b"ann" not in tables(ann)
    assert set(ann.latest("lead-scores")) == {"user:bob"}
    assert ann.latest("account-scores")["x.example"]["scores"]["score"] < before
    said = erased(ann)
    assert {one: (said[one]["alias_of"], said[one]["known"], said[one]["request"]) for one in said} == {
        "user:ann": (None, True, "r"),
        "email:ann@x.example": ("user:ann", True, "r"),
        "anon:ann-a": ("email:ann@x.example", True, "r"),
    }
    ann.restart()
    ann.advance(AT + DAY)
    assert b"ann" not in tables(ann)
    assert ann.counts().get("schema") is None


@pytest.mark.parametrize("key", ["user:ann", "email:ann@x.example", "anon:ann-a"])
@pytest.mark.parametrize("restart", [False, True])
def test_late_events_are_dropped_and_counted(ann: Desk, key: str, restart: bool) -> None:
    """They make no lead, no link and no dead letter; a later one makes a lead anew, which goes on counting."""
    ask(ann, "user:ann")
    ann.run()
    if restart:
        ann.restart()
    revisions = [one.json()["revision"] for one in ann.records("lead-scores") if one.key == b"user:ann" and one.value]
    send(ann, event(6, 60 * 24 * 60, [key, *([] if key == "anon:ann-a" else ["anon:ann-a"])]), 0)
    ann.run()
    assert ann.counts()["erased"] == 1
    assert b"ann" not in tables(ann)
    assert list(ann.records("dead-letters")) == []
    send(ann, event(7, 60 * 24 * 60 + 1, ["user:ann"], "stage_set", properties={"stage": "customer"}), 0)
    ann.run()
    assert ann.latest("lead-scores")["user:ann"]["revision"] > max(revisions)
    moves = ann.transitions()["user:ann"]
    assert [(move["from"], move["to"]) for move in moves if move["cause"].get("event_id") == "e7"] == [
        ("known", "customer")
    ]
    assert [move["seq"] for move in moves] == list(range(1, len(moves) + 1))
    send(ann, event(8, 60 * 24 * 60 - 1, ["user:ann"]), 0)
    ann.run()
    assert ann.counts()["erased"] == 2
    assert list(ann.records("dead-letters")) == []


def test_a_late_link_brings_no_erased_key_back(ann: Desk) -> None:
    """Another lead's event of before the erasure names one of its keys: the event counts, the key stays erased."""
    ask(ann, "user:ann")
    ann.run()
    send(ann, event(6, 30, ["user:cyd", "anon:ann-a"]), home("user:cyd", 3))
    send(ann, event(7, 31, ["user:cyd", "anon:ann-a"]), home("anon:ann-a", 3))
    ann.run()
    assert b"ann" not in tables(ann)
    assert leads(ann)["user:cyd"].subject.links == {}
    send(ann, event(8, 61 * 24 * 60, ["user:cyd", "anon:ann-a"]), home("user:cyd", 3))
    ann.run()
    assert leads(ann)["user:cyd"].subject.links == {"anon:ann-a": True}


def test_an_unknown_key_is_kept_from_coming_all_the_same(ann: Desk) -> None:
    """And is said to be unknown; not even a tombstone names it."""
    ask(ann, "user:dan")
    ann.run()
    said = erased(ann)["user:dan"]
    assert (said["known"], said["aliases"]) == (False, [])
    assert b"dan" not in tables(ann)
    send(ann, event(9, 10, ["user:dan"]), 0)
    ann.run()
    assert "user:dan" not in ann.latest("lead-scores")
    ask(ann, "user:dan", AT + MINUTE, "again")
    ann.run()
    assert erased(ann)["user:dan"]["request"] == "again"


def test_asking_twice_does_it_once(ann: Desk) -> None:
    """What was known is said to be so once, whichever request comes first."""
    ask(ann, "anon:ann-a")
    ask(ann, "anon:ann-a", AT + 1, "again")
    ann.run()
    ask(ann, "anon:ann-a", AT + 2, "once more")
    ann.run()
    said = [one.json() for one in ann.records("transitions") if "erased" in one.json()]
    known = sorted(document["lead"] for document in said if document["known"])
    assert known == ["anon:ann-a", "email:ann@x.example", "user:ann"]
    assert [document["known"] for document in said if document["request"] == "once more"] == [False]


def test_a_key_that_was_freed_is_not_the_leads_any_more(ann: Desk) -> None:
    """It is somebody else's by then."""
    send(ann, event(6, 30, ["user:ann", "email:ann@x.example"], "unlink"), home("user:ann", 3))
    ann.run()
    send(ann, event(7, 31, ["email:ann@x.example"]), home("user:ann", 3))
    ann.run()
    ask(ann, "user:ann")
    ann.run()
    assert set(erased(ann)) == {"user:ann"}
    assert set(ann.latest("lead-scores")) == {"user:bob", "email:ann@x.example"}


@given(steps=MEETINGS, chance=st.randoms(use_true_random=False))
def test_erasing_meets_merges_under_way(steps: list[Any], chance: random.Random) -> None:
    """Asked for while links and merges are on their way: no table holds a key, but of those that no accepted event had
    linked to the lead by then; they are leads of their own."""
    desk = Desk(MODEL, partitions=3)
    for one, place, restart, run in meetings(steps):
        send(desk, one, place % 3)
        for _ in range(run):
            desk.nibble(chance)
        if restart:
            desk.restart()
    while desk.nibble(chance, 1) and chance.random() < 0.9:
        pass
    ask(desk, "user:u")
    while desk.nibble(chance, 1):
        pass
    assert "user:u" not in leads(desk)
    for key in PEOPLE["user:u"]:
        if key in leads(desk):
            ask(desk, key, AT + 1, key)
            desk.run()
    for key in ["user:u", *PEOPLE["user:u"]]:
        assert key.encode() not in tables(desk)
    assert set(desk.latest("lead-scores")) == set(leads(desk)) == set(PEOPLE) - {"user:u"}
