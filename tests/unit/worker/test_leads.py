"""The lead agent's work, record by record, without Kafka."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.contracts import validator
from stream_app.engine.model.load import load_model
from stream_app.engine.times import DAY, HOUR, MINUTE, parse_time
from stream_app.streaming.transaction import default_partition
from stream_app.worker.leads import LeadProcessor
from tests.pipeline.desk import PRESENT, Desk, Record, State, event
from tests.pipeline.models import small_model
from tests.pipeline.tables import leads_at

START = parse_time("2026-03-02T09:20:00Z")
MODEL = small_model()


@pytest.fixture
def desk() -> Desk:
    """Two partitions of each agent, empty."""
    return Desk(MODEL)


def view(desk: Desk, number: int, time: int, user: str = "ann", topic: str = "web-events", **more: Any) -> Record:
    """Send an event of a lead where it belongs."""
    return desk.send(topic, event(number, time, user=user, **more), key=f"user:{user}", timestamp=time)


def partition_of(key: str) -> int:
    """Where a key belongs on a desk."""
    return default_partition(key.encode(), 2)


def check_dead_letter(desk: Desk, refused: Record, code: str, stage: str, pointer: str | None) -> None:
    """One dead letter: the record's bytes and headers, and why."""
    (letter,) = desk.records("dead-letters")
    assert (letter.key, letter.value) == (refused.key, refused.value)
    assert letter.header("__connect.errors.topic") == refused.topic
    assert letter.header("__connect.errors.partition") == str(refused.partition)
    assert letter.header("__connect.errors.offset") == str(refused.offset)
    assert letter.header("__connect.errors.stage") == stage
    assert letter.header("error.code") == code
    assert letter.header("error.pointer") == pointer
    headers = {name: value.decode() for name, value in letter.headers}
    validator("dead-letters.schema.json").validate(headers)


def test_an_event_makes_a_score_and_a_transition(desk: Desk) -> None:
    """Both as their schemas say, under the lead's key, in its partition."""
    for number in range(4):
        view(desk, number, START + number * HOUR, account_id="acme")
    desk.run(chunk=1)
    score = desk.latest("lead-scores")["user:ann"]
    validator("lead-scores.schema.json").validate(score)
    assert score["scores"] == {"interest": 39.1, "fit": 0, "total": 43}
    assert score["raw"]["interest"] == pytest.approx(sum(10 * 0.5 ** (age / 48) for age in range(4)))
    assert (score["stages"], score["seq"], score["at"]) == (
        {"lifecycle": "mql"},
        {"lifecycle": 1},
        "2026-03-02T12:20:00Z",
    )
    (move,) = desk.transitions()["user:ann"]
    validator("transitions.schema.json").validate(move)
    assert (move["to"], move["cause"]) == ("mql", {"kind": "activity", "event_id": "e3"})
    (record,) = [record for record in desk.records("transitions") if record.key == b"user:ann"]
    assert record.header("ce_id") == move["id"]
    assert record.partition == partition_of("user:ann")


def test_a_duplicate_changes_nothing(desk: Desk) -> None:
    """Whatever it says, in the same transaction and later, after a restart too."""
    view(desk, 1, START)
    view(desk, 1, START + MINUTE)
    desk.run()
    states = {place: dict(lane.state.items()) for place, lane in desk.lanes.items()}
    desk.restart()
    view(desk, 1, START + DAY, type="other")
    desk.run()
    assert {place: dict(lane.state.items()) for place, lane in desk.lanes.items()} == states
    assert [record.json()["revision"] for record in desk.records("lead-scores")] == [1]
    assert list(desk.records("dead-letters")) == []


def test_too_old_is_a_dead_letter(desk: Desk) -> None:
    """More than the lateness before the lead's latest event; just within it counts."""
    view(desk, 1, START)
    view(desk, 2, START - 30 * DAY)
    refused = view(desk, 3, START - 30 * DAY - 1)
    desk.run()
    check_dead_letter(desk, refused, "too_old", "TRANSFORMATION", "/time")
    assert desk.counts() == {"counted": 2, "too_old": 1}


def test_future_is_a_dead_letter(desk: Desk) -> None:
    """More than the skew after now; up to it counts."""
    view(desk, 1, PRESENT + 5 * MINUTE)
    refused = view(desk, 2, PRESENT + 5 * MINUTE + 1, user="bob")
    desk.run()
    check_dead_letter(desk, refused, "future", "TRANSFORMATION", "/time")
    assert set(desk.latest("lead-scores")) == {"user:ann"}


@pytest.mark.parametrize(
    ("raw", "code", "pointer"),
    [
        (None, "not_json", None),
        (b"", "not_json", None),
        (b"\xff\x00nonsense", "not_json", None),
        (b"[1, 2]", "schema", ""),
        (b'{"event_id": "1", "type": "x", "time": "yesterday", "user_id": "u"}', "schema", "/time"),
        (
            b'{"event_id": "1", "type": "x", "time": "2026-03-01T00:00:00Z", "user_id": "u", "colour": 1}',
            "schema",
            "/colour",
        ),
        (b'{"event_id": "1", "type": "x", "time": "2026-03-01T00:00:00Z"}', "no_identity", None),
        (b'{"event_id": "1", "type": "x", "time": "2026-03-01T00:00:00Z", "user_id": "\\ud800"}', "not_json", None),
        (b" " * 40_000, "too_large", None),
        (b"[" * 20_000, "schema", ""),
    ],
)
def test_what_is_no_event_is_a_dead_letter(desk: Desk, raw: bytes | None, code: str, pointer: str | None) -> None:
    """The stream goes on: what follows is counted."""
    refused = desk.send("web-events", raw, key="user:u", headers=[("trace", b"1")])
    view(desk, 1, START, user="u")
    desk.run()
    (letter,) = desk.records("dead-letters")
    assert letter.header("trace") == "1"
    check_dead_letter(desk, refused, code, "VALUE_CONVERTER", pointer)
    assert set(desk.latest("lead-scores")) == {"user:u"}


def test_what_a_lead_knows_is_bounded(desk: Desk) -> None:
    """So that it fits into a record: an event whose facts would not is a dead letter; it may still replace others."""
    long = ["y" * 4000] * 7
    for number in range(6):
        view(desk, number, START + number, type="identify", facts={f"f{number}": long})
    view(desk, 7, START + 7, type="identify", facts={"f0": "short", "job_title": "chief"})
    desk.run()
    letters = list(desk.records("dead-letters"))
    assert [letter.json()["event_id"] for letter in letters] == ["e4", "e5"]
    assert {letter.header("error.code") for letter in letters} == {"too_many_facts"}
    assert desk.latest("lead-scores")["user:ann"]["scores"]["fit"] == 20
    assert max(len(value) for lane in desk.lanes.values() for _, value in lane.state.items()) < 200_000


@pytest.mark.parametrize("key", ["any stable id", "user:u", None])
def test_an_event_in_the_wrong_partition_is_forwarded(desk: Desk, key: str | None) -> None:
    """Its bytes, headers and timestamp stay; its channel is that of its topic; it is scored where its lead is known.

    Headers that say what only we may say are dropped.
    """
    home = partition_of("user:u")
    forged = ("kind", b"account"), ("channel", b"crm"), ("lead", b"user:v"), ("merged", b"\x90"), ("hops", b"9")
    headers = [("trace", b"1"), *((f"stream-app.{name}", value) for name, value in forged)]
    stated = event(1, START, user="u", type="open")
    sent = desk.send("email-events", stated, key=key, partition=1 - home, timestamp=START + 7, headers=headers)
    desk.run()
    (moved,) = desk.records("lead-inbox")
    assert (moved.key, moved.value, moved.timestamp, moved.partition) == (b"user:u", sent.value, START + 7, home)
    assert dict(moved.headers) == {
        "trace": b"1",
        "stream-app.hops": b"1",
        "stream-app.lead": b"user:u",
        "stream-app.kind": b"event",
        "stream-app.channel": b"email",
    }
    assert desk.latest("lead-scores")["user:u"]["scores"]["interest"] == 4
    assert desk.counts() == {"forwarded": 1, "counted": 1}


def test_a_forwarded_event_that_is_refused_is_one_dead_letter(desk: Desk) -> None:
    """Refused where its lead is known, not twice."""
    home = partition_of("user:u")
    desk.send("web-events", event(1, PRESENT + DAY, user="u"), partition=1 - home)
    desk.run()
    (letter,) = desk.records("dead-letters")
    assert letter.header("__connect.errors.topic") == "lead-inbox"
    assert letter.header("error.code") == "future"


def test_channels_are_the_topics(desk: Desk) -> None:
    """An event that names none gets its topic's; one that does keeps it."""
    view(desk, 1, START, topic="social-events")
    view(desk, 2, START, topic="social-events", channel="email", type="open")
    view(desk, 3, START, topic="email-events", type="open")
    desk.run()
    assert desk.latest("lead-scores")["user:ann"]["scores"]["interest"] == 3 + 4 + 4


def test_topics_are_merged_by_time(desk: Desk) -> None:
    """So a lead's clock does not run ahead on one topic."""
    view(desk, 1, START + 2 * HOUR, topic="crm-events", type="stage_set", properties={"stage": "sql"})
    for number in range(2, 5):
        view(desk, number, START + number * MINUTE)
    desk.run()
    moves = desk.transitions()["user:ann"]
    assert [(move["to"], move["cause"]["event_id"]) for move in moves] == [("mql", "e4"), ("sql", "e1")]
    assert [move["at"] for move in moves] == ["2026-03-02T09:24:00Z", "2026-03-02T11:20:00Z"]


def test_crm_marks_are_published(desk: Desk) -> None:
    """Owner and suppression make a new score record, and mark transitions."""
    view(desk, 1, START)
    view(desk, 2, START + 1, topic="crm-events", type="suppress")
    view(desk, 3, START + 2, topic="crm-events", type="owner_set", properties={"owner": "jo"})
    view(desk, 4, START + 3, topic="crm-events", type="stage_set", properties={"stage": "customer", "reason": "won"})
    desk.run(chunk=1)
    last = desk.latest("lead-scores")["user:ann"]
    assert (last["suppressed"], last["owner"], last["stages"]["lifecycle"], last["revision"]) == (
        True,
        "jo",
        "customer",
        4,
    )
    (move,) = desk.transitions()["user:ann"]
    assert (move["suppressed"], move["cause"]["kind"]) == (True, "crm")


def test_scores_fall_by_timers(desk: Desk) -> None:
    """At their boundaries, with cause `decay`; a lead that has nothing left to lose is due no more."""
    for number in range(3):
        view(desk, number, START + number * MINUTE)
    desk.run()
    desk.advance(START + 2 * DAY)
    assert [move["to"] for move in desk.transitions()["user:ann"]] == ["mql"]
    assert desk.latest("lead-scores")["user:ann"]["scores"]["interest"] == 15
    desk.advance(START + 4 * DAY)
    fall = desk.transitions()["user:ann"][-1]
    assert (fall["to"], fall["cause"]) == ("known", {"kind": "decay"})
    assert fall["at"] == desk.transitions()["user:ann"][0]["holds_until"]
    desk.advance(START + 400 * DAY)
    assert desk.latest("lead-scores")["user:ann"]["scores"]["interest"] == 0
    assert [lane.processor.next_due() for lane in desk.lanes.values()] == [None] * 4


def test_timers_are_cheap_for_the_quiet(desk: Desk) -> None:
    """A month that passes at once costs one score record a lead, and not one a change."""
    for number in range(50):
        view(desk, number, START, user=f"u{number}")
    desk.run()
    desk.advance(START + 5 * DAY)
    assert len(list(desk.records("lead-scores"))) == 100


def test_outdated_timers_wake_nobody(desk: Desk) -> None:
    """Ten events in ten hours leave ten times on the wheel, of which the last alone counts."""
    for number in range(10):
        view(desk, number, START + number * HOUR)
    desk.run(chunk=1)
    processor, woken = desk.lanes["lead", partition_of("user:ann")].processor, 0
    while (due := processor.next_due()) is not None and due <= START + 10 * HOUR:
        processor.advance(START + 10 * HOUR, 1)
        woken += len(list(processor.drain().changes))
    assert woken == 1


def test_only_what_is_taken_lets_time_pass(desk: Desk) -> None:
    """With `--clock event`, time goes as far as events bring it: what is refused, or came a second time, brings it nowhere."""
    processor = LeadProcessor(desk.scoring, partition_of("user:ann"), State(), lambda: PRESENT)
    taken = view(desk, 1, START)
    processor.process([taken])
    assert processor.reached() == START
    processor.process([view(desk, 1, START), view(desk, 2, PRESENT + HOUR), view(desk, 3, START - 300 * DAY)])
    assert processor.reached() == START
    assert processor.counts == {"counted": 1, "duplicate": 1, "future": 1, "too_old": 1}


def test_timers_survive_a_restart(desk: Desk) -> None:
    """Recovery sets them from the table's entries; what fired does not fire again."""
    other = Desk(MODEL)
    for one in (desk, other):
        for number in range(8):
            view(one, number, START + number * MINUTE, user=f"u{number % 2}", account_id="acme")
        one.run()
        one.advance(START + DAY)
    desk.restart()
    for one in (desk, other):
        one.advance(START + 3 * DAY)
    desk.restart()
    for one in (desk, other):
        one.advance(START + 9 * DAY)
    assert desk.topics == other.topics
    assert _tables(desk, START + 9 * DAY) == _tables(other, START + 9 * DAY)


def test_a_budget_bounds_a_turn(desk: Desk) -> None:
    """`advance` says that more is due until nothing is."""
    for number in range(30):
        view(desk, number, START, user=f"u{number}")
    desk.run()
    lane = desk.lanes["lead", 0]
    leads, turns = len(lane.state.entries), 0
    while lane.processor.advance(START + HOUR, 4):
        turns += 1
        assert len(lane.processor.drain().changes) <= 4  # type: ignore[arg-type]
    assert leads / 4 - 1 <= turns <= leads / 4


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 40 * 24),  # hours since the start
        st.sampled_from(["ann", "bob", "cyd"]),
        st.sampled_from(["web-events", "email-events", "social-events", "crm-events"]),
        st.sampled_from(["page_view", "open", "identify", "outcome", "stage_set"]),
        st.sampled_from([None, "acme", "beta"]),
        st.booleans(),  # in the wrong partition
        st.integers(0, 25),  # the id: some come twice
    ),
    max_size=30,
)


def _send(desk: Desk, events: list[tuple[int, str, str, str, str | None, bool, int]]) -> None:
    properties: dict[str, Any] = {"outcome": {"outcome": "won"}, "stage_set": {"stage": "sql"}}
    for hours, user, topic, kind, account, astray, number in events:
        time = START + hours * HOUR
        more: dict[str, Any] = {"type": kind, "properties": properties.get(kind, {})}
        more |= {} if account is None else {"account_id": account, "account_facts": {"employees": hours}}
        more |= {"facts": {"job_title": "chief", "department": account or "it"}} if kind == "identify" else {}
        home = partition_of(f"user:{user}")
        desk.send(topic, event(number, time, user=user, **more), partition=1 - home if astray else home, timestamp=time)


@settings(max_examples=60)
@given(events=EVENTS, chunk=st.integers(1, 7), restart=st.booleans())
def test_chunks_and_restarts_change_nothing(events: list[Any], chunk: int, restart: bool) -> None:
    """The same records in one transaction or in many, with a recovery in between or not: same scores, same transitions."""
    whole, parts = Desk(MODEL), Desk(MODEL)
    for desk in (whole, parts):
        _send(desk, [one for one in events if one[4] is None])
    whole.run()
    parts.run(chunk)
    if restart:
        parts.restart()
    end = START + 50 * DAY
    for desk in (whole, parts):
        _send(desk, [(*one[:4], None, one[5], one[6] + 100) for one in events if one[4] is not None])
    whole.run()
    parts.run(chunk)
    for desk in (whole, parts):
        desk.advance(end, budget=3)
    assert parts.transitions() == whole.transitions()
    assert _published(parts) == _published(whole)
    assert _tables(parts, end) == _tables(whole, end)
    assert sorted(map(_letter, parts.records("dead-letters"))) == sorted(map(_letter, whole.records("dead-letters")))


def _tables(desk: Desk, at: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for partition in range(2):
        found |= leads_at(desk.scoring, dict(desk.lanes["lead", partition].state.items()), at)
    return {key: {**record, "revision": 0} for key, record in found.items()}


def _published(desk: Desk) -> dict[str, Any]:
    """What makes a score record: when it was made, and how often, are up to the transactions."""
    names = ("scores", "bands", "stages", "seq", "suppressed", "owner")
    return {key: {name: record[name] for name in names} for key, record in desk.latest("lead-scores").items()}


def _letter(record: Record) -> tuple[str, str]:
    return json.dumps(record.json(), sort_keys=True), record.header("error.code") or ""


MACHINES = """
model: machines
scores: {s: {}}
machines:
  - {id: marked, on: {where: {machine: true}}}
  - {id: sweep, on: {type: click}, sweep: {mail: mail, link: url, links: 3, seconds: 10}}
rules:
  - {id: click, kind: activity, score: s, on: {type: click}, points: 10}
"""


def test_what_machines_did_is_counted_as_such() -> None:
    """Each is counted once as accepted, and once as a machine's when that is found: by the third click of a sweep, all three."""
    desk = Desk(load_model(MACHINES, "machines.yaml"))
    found = []
    for number in range(4):
        properties = {"mail": "n", "url": f"/{number}"} if number < 3 else {"machine": True}
        view(desk, number, START + number, type="click", properties=properties)
        desk.run(chunk=1)
        found.append(desk.counts().get("machine", 0))
    assert found == [0, 0, 3, 4]
    assert desk.counts()["counted"] == 4
    assert desk.latest("lead-scores")["user:ann"]["scores"] == {"s": 0}
