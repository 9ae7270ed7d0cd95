"""The processors, spread over partitions and messages, against the offline replay of the same events."""

import json
import random
from io import BytesIO
from itertools import pairwise
from typing import Any

import pytest

from stream_app.engine.times import DAY, HOUR, format_time, parse_time
from stream_app.history.replay import Refused, finish, ordered, replay
from stream_app.ingest.ndjson import read_events
from stream_app.runtime.world import World
from stream_app.worker import account_partition, fanout
from tests.pipeline.desk import Desk
from tests.pipeline.models import small_model
from tests.pipeline.tables import accounts_at, leads_at

START = parse_time("2026-03-02T09:20:00Z")
END = START + 45 * DAY
MODEL = small_model()
PARTITIONS = 3
TOPICS = {"web": "web-events", "email": "email-events", "social": "social-events", "crm": "crm-events"}
KINDS = [
    ("web", "page_view", {"path": "/a"}),
    ("web", "page_view", {"path": "/b"}),
    ("email", "open", {}),
    ("social", "like", {}),
    ("crm", "outcome", {"outcome": "won"}),
    ("crm", "suppress", {}),
    ("crm", "owner_set", {"owner": "jo"}),
    ("crm", "stage_set", {"stage": "sql", "ladder": "lifecycle"}),
]


def history(chance: random.Random, count: int, with_accounts: bool) -> list[dict[str, Any]]:
    """Events by time: of leads on four channels, some with facts; of accounts; some ids twice.

    They span less than the lateness, so that one that takes a second hop is not too old when it arrives.
    """
    events: list[dict[str, Any]] = []
    for number in range(count):
        time = START + round(chance.random() ** 2 * 29 * DAY)
        event: dict[str, Any] = {"event_id": f"e{number - chance.randrange(20) // 19}", "time": format_time(time)}
        if with_accounts and chance.random() < 0.1:
            event |= {"channel": "account", "type": "funding", "account_id": _account(chance)}
        else:
            channel, kind, properties = chance.choice(KINDS)
            event |= {"channel": channel, "type": kind, "properties": properties, "user_id": f"u{chance.randrange(8)}"}
            if chance.random() < 0.2:
                event["facts"] = {"job_title": chance.choice(["chief of all", "clerk", None]), "department": "it"}
            if with_accounts and chance.random() < 0.3:
                event["account_id"] = _account(chance)
        # Without an account of its own they would go to the one that the lead has just then: a matter of arrival.
        if "account_id" in event and chance.random() < 0.3:
            event["account_facts"] = {"employees": chance.choice([5, 500, None]), "growth": 0.3}
        events.append(event)
    return sorted(events, key=lambda event: str(event["time"]))


def _account(chance: random.Random) -> str:
    return f"a{chance.randrange(4)}"


def expected(events: list[dict[str, Any]]) -> tuple[World, list[Any], list[str]]:
    """The world at the end, all transitions, and the codes of what was refused."""
    world, moves, refused = World(MODEL), list[Any](), list[str]()

    def refuse(refusal: Refused) -> None:
        refused.append(refusal.code)

    lines = read_events(BytesIO(b"\n".join(json.dumps(event).encode() for event in events)), "events")
    replay(world, ordered(lines, "time"), now=None, transition=moves.append, refused=refuse)
    finish(world, END, moves.append)
    for lead in world.leads.values():
        lead.look()  # at what the accounts' scores have become by ticks
    return world, moves, refused


def desk_of(chance: random.Random, events: list[dict[str, Any]], chunk: int) -> Desk:
    """The same through the processors: in bursts, some in the wrong partition, with restarts in between."""
    desk = Desk(MODEL, partitions=PARTITIONS)
    for event in events:
        time = parse_time(event["time"])
        topic = TOPICS.get(event["channel"], "account-events")
        key = f"user:{event['user_id']}" if "user_id" in event else event["account_id"]
        astray = chance.randrange(PARTITIONS) if chance.random() < 0.1 else None
        desk.send(topic, event, key=key, partition=astray, timestamp=time)
        if chance.random() < 0.05:
            desk.run(chunk)
        if chance.random() < 0.02:
            desk.restart()
    desk.run(chunk)
    for days in (30, 37, 45):
        desk.advance(START + days * DAY, budget=4)
    return desk


def tables(desk: Desk) -> tuple[dict[str, Any], dict[str, Any]]:
    """The leads' and the accounts' score records at the end."""
    leads: dict[str, Any] = {}
    accounts: dict[str, Any] = {}
    for (agent, _), lane in desk.lanes.items():
        entries = dict(lane.state.items())
        if agent == "lead":
            leads |= leads_at(desk.scoring, entries, END)
        else:
            accounts |= accounts_at(desk.scoring, entries, END)
    return leads, accounts


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("few", [False, True])
def test_final_scores(seed: int, few: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every lead and account, published and raw, and what was refused; facts and scores cross partitions meanwhile:
    to all members at once, or to one or two in a transaction, by accounts that are hardly ever at hand."""
    if not few:
        for name, value in {"FEW": 0, "LEAST": 1, "MOST": 2, "A_TURN": 1}.items():
            monkeypatch.setattr(fanout, name, value)
        monkeypatch.setattr(account_partition, "AT_HAND", 1)
    chance = random.Random(seed)
    events = history(chance, 120, with_accounts=True)
    world, _, refused = expected(events)
    desk = desk_of(chance, events, chance.choice([1, 3, 1000]))
    leads, accounts = tables(desk)
    published = desk.latest("lead-scores"), desk.latest("account-scores")
    wanted: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for record in world.scores():
        wanted["lead" not in record][record.get("lead") or record["account_id"]] = record
    for had, said, want in zip((leads, accounts), published, wanted, strict=True):
        assert had.keys() == said.keys() == want.keys()
        for key, record in want.items():
            assert had[key]["raw"] == pytest.approx(record["raw"], rel=0, abs=1e-9), key
            assert said[key]["scores"] == record["scores"], key
    assert [letter.header("error.code") for letter in desk.records("dead-letters")] == refused


@pytest.mark.parametrize("seed", range(12))
def test_transitions(seed: int) -> None:
    """Those of every lead, whole documents, where no account plays a part and no event takes a second hop."""
    chance = random.Random(seed)
    events = history(chance, 120, with_accounts=False)
    _, moves, _ = expected(events)
    desk = Desk(MODEL, partitions=PARTITIONS)
    for event in events:
        desk.send(TOPICS[event["channel"]], event, key=f"user:{event['user_id']}", timestamp=parse_time(event["time"]))
    desk.run(chance.choice([1, 3, 1000]))
    desk.restart()
    for hours in (0, 25 * 24, 30 * 24 + 1):
        desk.advance(START + hours * HOUR)
    desk.advance(END)
    by_lead: dict[str, list[Any]] = {}
    for move in moves:
        by_lead.setdefault(move["lead"], []).append(move)
    assert desk.transitions() == by_lead
    assert by_lead


def test_account_ladders_have_no_gaps() -> None:
    """An account sees its members one by one, so its moves are its own; they follow each other all the same."""
    chance = random.Random(5)
    desk = desk_of(chance, history(chance, 800, with_accounts=True), 10)
    moves = desk.transitions("account")
    assert len(moves) == 4
    for some in moves.values():
        assert [move["seq"] for move in some] == list(range(1, len(some) + 1))
        assert all(before["to"] == after["from"] for before, after in pairwise(some))
        assert len({move["id"] for move in some}) == len(some)


def test_what_an_account_can_know_is_bounded_alike() -> None:
    """A lead's event that states too much of its account is taken without it, and is a dead letter."""
    long = ["y" * 4000] * 7
    events: list[dict[str, Any]] = [
        {
            "event_id": f"e{number}",
            "time": format_time(START + number * HOUR),
            "channel": "web",
            "type": "page_view",
            "user_id": f"u{number % 2}",
            "account_id": "a1",
            "account_facts": {f"f{number}": long, "employees": 5 if number < 4 else 500},
        }
        for number in range(6)
    ]
    own = {"event_id": "own", "time": format_time(START + 7 * HOUR), "channel": "account", "type": "funding"}
    events.append({**own, "account_id": "a1", "account_facts": {"f9": long}})
    world, _, refused = expected(events)
    desk = Desk(MODEL, partitions=PARTITIONS)
    for event in events:
        user = event.get("user_id")
        topic, key = ("account-events", "a1") if user is None else ("web-events", f"user:{user}")
        desk.send(topic, event, key=key, timestamp=parse_time(event["time"]))
        desk.run()
    desk.advance(END)
    letters = list(desk.records("dead-letters"))
    assert [letter.header("error.code") for letter in letters] == refused == ["too_many_facts"] * 3
    assert {letter.header("error.pointer") for letter in letters} == {"/account_facts"}
    leads, accounts = tables(desk)
    for record in world.scores():
        mine = leads[record["lead"]] if "lead" in record else accounts[record["account_id"]]
        assert mine["raw"] == pytest.approx(record["raw"], rel=0, abs=1e-9)
    assert [leads[f"user:u{number}"]["scores"]["fit"] for number in range(2)] == [0, 0]
