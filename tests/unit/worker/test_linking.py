"""Keys that link and leads that merge over partitions, against the offline replay's one place."""

import json
import random
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.engine.activity import Activity
from stream_app.engine.identity import lead_keys
from stream_app.engine.times import DAY, MINUTE, format_time, parse_time
from stream_app.ingest import Refusal
from stream_app.ingest.ndjson import read_events
from stream_app.runtime.lead import Lead
from stream_app.runtime.world import World
from stream_app.streaming.transaction import default_partition
from stream_app.worker import messages
from stream_app.worker.entries import Alias, is_marker, marker_of, pack_marker
from stream_app.worker.links import MERGED, CycleError
from tests.pipeline.desk import Desk
from tests.pipeline.models import small_model
from tests.pipeline.tables import lead_of, leads_at

START = parse_time("2026-03-02T09:20:00Z")
END = START + 90 * DAY
MODEL = small_model()
FIELDS = {"user": "user_id", "email": "email", "anon": "anonymous_id"}
USERS, MAILS, ANONS = ("user:u", "user:v"), ("email:a@x.example", "email:b@gmail.com"), ("anon:p", "anon:q", "anon:r")

Event = dict[str, Any]


def event(number: int, minutes: int, keys: Sequence[str], kind: str = "page_view", **more: Any) -> Event:
    """A page view, say, of somebody with some keys."""
    named = {FIELDS[key.partition(":")[0]]: key.partition(":")[2] for key in keys}
    channel = {"open": "email", "like": "social", "unlink": "crm", "stage_set": "crm"}.get(kind, "web")
    told = {"event_id": f"e{number}", "time": format_time(START + minutes * MINUTE), "channel": channel, "type": kind}
    return told | named | more


def activity_of(told: Event) -> Activity:
    """As the edge reads it."""
    (line,) = read_events(BytesIO(json.dumps(told).encode()), "events")
    assert not isinstance(line.event, Refusal)
    return line.event


def home(key: str, partitions: int) -> int:
    """The partition of a key."""
    return default_partition(key.encode(), partitions)


def send(desk: Desk, told: Event, partition: int) -> None:
    """Put an event into a partition of its channel's topic."""
    topic = {"email": "email-events", "social": "social-events", "crm": "crm-events"}.get(told["channel"], "web-events")
    desk.send(topic, told, partition=partition, timestamp=parse_time(told["time"]))


def compare(desk: Desk, world: World, *, moves: bool) -> None:
    """All scores at the end, published and in the tables; with `moves` all transitions, too."""
    for _ in range(3):
        desk.advance(END)
    world.tick(END)
    for lead in world.leads.values():
        lead.look()
    tables: dict[str, Any] = {}
    for (agent, _), lane in desk.lanes.items():
        if agent == "lead":
            tables |= leads_at(desk.scoring, dict(lane.state.items()), END)
    published = desk.latest("lead-scores")
    wanted = {record["lead"]: record for record in world.scores() if "lead" in record}
    assert tables.keys() == published.keys() == wanted.keys()
    for key, record in wanted.items():
        assert tables[key]["raw"] == pytest.approx(record["raw"], rel=0, abs=1e-9), key
        assert published[key]["scores"] == record["scores"], key
        assert tables[key]["account_id"] == record["account_id"]
    accounts = {record["account_id"]: record["scores"] for record in world.scores() if "lead" not in record}
    # An account whose members have all gone stays in the worker's table, at nothing.
    assert {key: one["scores"] for key, one in desk.latest("account-scores").items()} == accounts
    made = desk.transitions()
    if moves:
        by_lead: dict[str, list[Any]] = {}
        for move in world.transitions:
            if move["subject"] == "lead":
                by_lead.setdefault(move["lead"], []).append(move)
        assert made == by_lead
    ids = [move["id"] for some in made.values() for move in some]
    assert len(ids) == len(set(ids))


KEYS = st.tuples(
    st.sampled_from([None, *USERS]), st.sampled_from([None, *MAILS]), st.sampled_from([None, *ANONS])
).filter(any)
STEPS = st.lists(
    st.tuples(
        KEYS,
        st.sampled_from(["page_view", "page_view", "open", "like", "identify", "unlink", "stage_set"]),
        st.integers(1, 3 * 24 * 60),  # minutes since the event before
        st.integers(0, 30),  # how late it is, in days: some are too late
        st.integers(0, 9),  # the same id again, mostly not
        st.integers(0, 99),  # where it lands
        st.booleans(),  # a restart
    ),
    max_size=24,
)


def told(steps: list[Any]) -> list[tuple[Event, int, bool]]:
    """Events of steps, with where they land and whether there is a restart after them."""
    made: list[tuple[Event, int, bool]] = []
    minutes = 50 * 24 * 60
    for number, (keys, kind, after, late, again, place, restart) in enumerate(steps):
        minutes += after
        at = minutes - (late * 36 * 60 if late > 24 else 0)
        properties = {"stage_set": {"stage": "sql"}, "unlink": {}}.get(kind, {"path": "/a"})
        more = {"facts": {"job_title": "chief of all", "department": f"d{number % 3}"}} if kind == "identify" else {}
        ident = number - 1 if again == 9 and number else number
        some = [key for key in keys if key is not None]
        kind = "page_view" if kind == "unlink" and len(some) == 1 else kind
        made.append((event(ident, at, some, kind, properties=properties, **more), place, restart))
    return made


def apply(steps: list[Any], partitions: int, where: Any) -> tuple[Desk, World]:
    """The same in order, one after the other, through partitions and in one place."""
    desk, world, refused = Desk(MODEL, partitions=partitions), World(MODEL), list[str]()
    conflicts = 0
    for one, place, restart in told(steps):
        send(desk, one, where(one, place) % partitions)
        desk.run()
        activity = activity_of(one)
        code = world.apply(activity)
        keys = lead_keys(activity)
        if world.took and activity.type != "unlink":  # those that belong to another lead even after the event
            conflicts += sum(world.resolve(other) != world.resolve(keys[0]) for other in keys[1:])
        if code is not None:
            refused.append(code)
        if restart:
            desk.restart()
    assert sorted(letter.header("error.code") or "" for letter in desk.records("dead-letters")) == sorted(refused)
    assert sum(lead.subject.conflicts for lead in leads(desk).values()) == conflicts
    return desk, world


def leads(desk: Desk) -> dict[str, Lead]:
    """All leads of the tables."""
    plan = desk.scoring.leads
    lanes = [lane for (agent, _), lane in desk.lanes.items() if agent == "lead"]
    entries = [(key, entry) for lane in lanes for key, entry in lane.state.items() if not is_marker(entry)]
    return {key.decode(): lead_of(plan, entry) for key, entry in entries}


@given(steps=STEPS)
def test_in_one_partition_all_is_as_in_one_place(steps: list[Any]) -> None:
    """Scores, refusals, conflicts."""
    desk, world = apply(steps, 1, lambda one, place: 0)
    compare(desk, world, moves=False)


@given(steps=STEPS)
def test_wherever_events_land_the_scores_are_right(steps: list[Any]) -> None:
    """With all merges done before the next event comes: links are then the same, conflicts and `unlink` included."""
    desk, world = apply(steps, 3, lambda one, place: place)
    compare(desk, world, moves=False)


def free_mail_only(steps: list[Any]) -> list[Any]:
    """Without accounts, whose news take their time."""
    return [((user, mail and MAILS[1], anon), *rest) for (user, mail, anon), *rest in steps]


@given(steps=STEPS.map(free_mail_only))
def test_in_one_partition_transitions_are_as_in_one_place(steps: list[Any]) -> None:
    """Whole documents, those of merges included."""
    desk, world = apply(steps, 1, lambda one, place: 0)
    compare(desk, world, moves=True)


def pairs(steps: list[Any]) -> list[Any]:
    """At most two keys an event."""
    return [((user, None if user and anon else mail, anon), *rest) for (user, mail, anon), *rest in steps]


@given(steps=STEPS.map(free_mail_only).map(pairs))
def test_an_event_in_its_weaker_keys_partition_takes_it_along(steps: list[Any]) -> None:
    """So that its transitions are as in one place, whatever partitions its keys belong to."""
    desk, world = apply(steps, 3, lambda one, place: home(lead_keys(activity_of(one))[-1], 3))
    compare(desk, world, moves=True)


PEOPLE = {
    "user:u": ["email:a@x.example", "anon:p", "anon:q"],
    "email:b@gmail.com": ["anon:r"],
    "user:v": ["email:c@x.example", "anon:s"],
}
MET = [(strong, weaker) for strong, keys in PEOPLE.items() for weaker in [*keys, strong]]
MEETINGS = st.lists(
    st.tuples(
        st.sampled_from([*MET, ("email:a@x.example", "anon:p"), ("email:c@x.example", "anon:s")]),
        st.sampled_from(["page_view", "open", "like", "identify"]),
        st.integers(0, 20 * 24 * 60),
        st.sampled_from(["both", "weaker", "strong"]),
        st.integers(0, 99),  # where it lands
        st.booleans(),  # a restart after it
        st.integers(0, 4),  # how many transactions run before the next
    ),
    max_size=24,
)


def meetings(steps: list[Any]) -> list[tuple[Event, int, bool, int]]:
    """Events of people with several keys, in the end all linked."""
    made: list[tuple[Event, int, bool, int]] = []
    for number, ((strong, weaker), kind, minutes, which, place, restart, run) in enumerate(steps):
        named = {"both": {strong, weaker}, "weaker": {weaker}, "strong": {strong}}[which]
        facts = {"facts": {"job_title": "chief" if number % 2 else "clerk"}} if kind == "identify" else {}
        made.append((event(number, minutes, sorted(named), kind, **facts), place, restart, run))
    for strong, keys in PEOPLE.items():
        for weaker in keys:
            made.append((event(len(made), 21 * 24 * 60, [strong, weaker], "identify"), len(made), False, 1))
    return made


def reached(desk: Desk, key: str) -> set[str]:
    """The aliases that an erasure of a lead comes to: those it knows, and those that they know."""
    lanes = [lane for (agent, _), lane in desk.lanes.items() if agent == "lead"]
    entries = {key.decode(): entry for lane in lanes for key, entry in lane.state.items()}
    found, links = set[str](), [(key, alias) for alias in leads(desk)[key].subject.links]
    while links:
        of, alias = links.pop()
        marker = marker_of(entries[alias])
        if isinstance(marker, Alias) and marker.to == of:
            found.add(alias)
            links += [(alias, further) for further in marker.links]
    return found


@given(steps=MEETINGS, chance=st.randoms(use_true_random=False))
def test_messages_may_come_in_any_order(steps: list[Any], chance: random.Random) -> None:
    """Each lane a few records at a time, in any turn, with restarts: the scores are those of one place."""
    desk, world = Desk(MODEL, partitions=3), World(MODEL)
    for one, place, restart, run in meetings(steps):
        send(desk, one, place % 3)
        world.apply(activity_of(one))
        for _ in range(run):
            desk.nibble(chance)
        if restart:
            desk.restart()
    while desk.nibble(chance):
        pass
    assert list(desk.records("dead-letters")) == []
    assert {key for key in leads(desk)} == set(PEOPLE)
    compare(desk, world, moves=False)
    assert {key: reached(desk, key) for key in PEOPLE} == {key: set(keys) for key, keys in PEOPLE.items()}


def test_a_conflict_is_counted_at_its_lead_and_the_first_link_stands(caplog: pytest.LogCaptureFixture) -> None:
    """Said in the log once, without naming anybody."""
    desk = Desk(MODEL, partitions=3)
    for number, keys in enumerate([["user:u", "anon:p"], ["user:v", "anon:p"], ["user:v", "anon:p"], ["anon:p"]]):
        send(desk, event(number, number, keys), home(keys[0], 3))
        desk.run()
    found = leads(desk)
    assert {key: (lead.subject.conflicts, lead.subject.links) for key, lead in found.items()} == {
        "user:u": (0, {"anon:p": True}),
        "user:v": (2, {}),
    }
    assert desk.latest("lead-scores")["user:u"]["scores"]["interest"] == 20
    assert desk.counts()["conflict"] == 2
    assert len(caplog.messages) == 1
    assert not {"user:v", "anon:p"} & set(caplog.messages[0].split())


def test_a_lead_born_by_a_link_takes_over_the_stages() -> None:
    """Also where it asks for them: its transitions go on from there, caused by the merge."""
    strong, weak = next((u, a) for u in USERS for a in ANONS if home(u, 3) != home(a, 3))
    desk = Desk(MODEL, partitions=3)
    send(desk, event(0, 0, [weak], "stage_set", properties={"stage": "sql"}), home(weak, 3))
    send(desk, event(1, 1, [strong, weak], "identify"), home(strong, 3))
    desk.run()
    ladder = leads(desk)[strong].subject.ladders["lifecycle"]
    assert (ladder.stage, ladder.seq) == ("known", 2)
    (fall,) = desk.transitions()[strong]
    assert (fall["from"], fall["to"], fall["seq"], fall["cause"]) == (
        "sql",
        "known",
        2,
        {"kind": "merge", "event_id": "e1"},
    )


def test_who_is_sent_along_for_ever_ends_the_worker() -> None:
    """It can't be: a table with a cycle of aliases in it is made by hand."""
    desk = Desk(MODEL, partitions=1)
    state = desk.lanes["lead", 0].state
    state.take([(b"user:u", pack_marker(Alias(to="user:v"))), (b"user:v", pack_marker(Alias(to="user:u")))])
    send(desk, event(0, 0, ["user:u"]), 0)
    with pytest.raises(CycleError, match="33 times"):
        desk.run()


def test_what_others_are_told_holds_no_state() -> None:
    """A dead letter of an event that took a lead along is as its producer wrote it."""
    strong, weak = next((u, a) for u in USERS for a in ANONS if home(u, 3) != home(a, 3))
    desk = Desk(MODEL, partitions=3)
    send(desk, event(0, 0, [weak], "identify", facts={"job_title": "secret"}), home(weak, 3))
    send(desk, event(1, 50 * 24 * 60, [strong]), home(strong, 3))
    send(desk, event(2, 1, [strong, weak]), home(weak, 3))
    desk.run()
    (letter,) = desk.records("dead-letters")
    assert letter.header("error.code") == "too_old"
    assert not any(b"secret" in value for _, value in letter.headers)
    assert set(leads(desk)) == {strong, weak}
    assert leads(desk)[weak].subject.fact("job_title") == "secret"
    assert leads(desk)[strong].subject.links == {}


@pytest.mark.parametrize("raw", [b"", b"nonsense", b"\x80", b"\x93\xa4link\x01\x02", b"\xff"])
def test_what_no_worker_wrote_is_a_dead_letter(raw: bytes) -> None:
    """And not the end of the worker."""
    desk = Desk(MODEL, partitions=1)
    desk.send("lead-inbox", raw, key="user:u", headers=[(messages.KIND, b"links")])
    told = json.dumps(event(0, 0, ["user:u"])).encode()
    desk.send("lead-inbox", told, key="user:u", headers=[(MERGED, raw), (messages.KIND, b"event")])
    desk.run()
    assert {letter.header("error.code") for letter in desk.records("dead-letters")} == {"schema"}
    assert leads(desk) == {}
