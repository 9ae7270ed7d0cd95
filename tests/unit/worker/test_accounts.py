"""The account agent's work, record by record, without Kafka."""

import json
from typing import Any

import pytest

from stream_app.contracts import validator
from stream_app.engine.model.types import Model
from stream_app.engine.times import DAY, HOUR, parse_time
from stream_app.streaming.transaction import default_partition
from stream_app.worker import messages
from stream_app.worker.messages import AccountSeen, Contribution, Member
from tests.pipeline.desk import PRESENT, Desk, Record, event
from tests.pipeline.models import plain_model, small_model

START = parse_time("2026-03-02T09:20:00Z")
MODEL = small_model()


@pytest.fixture
def desk() -> Desk:
    """Two partitions of each agent, empty."""
    return Desk(MODEL)


def view(desk: Desk, number: int, time: int, user: str, **more: Any) -> None:
    """A lead's page view where it belongs."""
    desk.send("web-events", event(number, time, user=user, **more), key=f"user:{user}", timestamp=time)


def funding(desk: Desk, number: int, time: int, account: str = "acme", **more: Any) -> Record:
    """An account's event, in the account's partition unless told otherwise."""
    where = {"partition": more.pop("partition")} if "partition" in more else {}
    stated = {"type": "funding", "account_id": account} | more
    return desk.send("account-events", event(number, time, **stated), key=account, timestamp=time, **where)


def score(desk: Desk, account: str = "acme") -> float | None:
    """An account's published score."""
    record = desk.latest("account-scores").get(account)
    return None if record is None else record["scores"]["score"]


def said(desk: Desk) -> list[dict[str, Any]]:
    """What accounts have told their members."""
    return [record.json() for record in desk.records("lead-inbox") if record.header(messages.KIND) == messages.ACCOUNT]


def test_members_add_up(desk: Desk) -> None:
    """A capped sum and the breadth of departments; the record as its schema says, under the account's key."""
    for number in range(5):
        view(desk, number, START, "ann", account_id="acme", facts={"department": "IT "})
    view(desk, 5, START, "bob", account_id="acme", facts={"department": "law"})
    desk.run()
    record = desk.latest("account-scores")["acme"]
    validator("account-scores.schema.json").validate(record)
    assert record["scores"] == {"score": 40 + 10 + 10}
    (move,) = desk.transitions("account")["acme"]
    validator("transitions.schema.json").validate(move)
    assert (move["to"], move["lead"], move["account_id"]) == ("mqa", None, "acme")
    assert list(desk.records("dead-letters")) == []


def test_a_lead_that_changes_its_account_takes_its_share_along(desk: Desk) -> None:
    """The former account forgets it, over a restart too."""
    view(desk, 1, START, "ann", account_id="acme")
    view(desk, 2, START, "bob", account_id="acme")
    desk.run()
    assert score(desk) == 20
    desk.restart()
    view(desk, 3, START + HOUR, "ann", account_id="beta")
    desk.run()
    assert (score(desk), score(desk, "beta")) == (10, 20)
    desk.restart()
    desk.advance(START + 2 * DAY)
    assert (score(desk), score(desk, "beta")) == (5, 10)
    members = [key for lane in desk.lanes.values() for key, _ in lane.state.items() if key.startswith(b"m")]
    assert len(members) == 2


def test_within_one_transaction_only_the_last_account_counts(desk: Desk) -> None:
    """There and back, and there again."""
    for number, name in enumerate(["acme", "beta", "acme", "beta"]):
        view(desk, number, START + number, "ann", account_id=name)
    desk.run()
    assert (score(desk), score(desk, "beta")) == (None, 40)
    view(desk, 9, START + 9, "ann", account_id="acme")
    desk.run(chunk=1)
    assert (score(desk), score(desk, "beta")) == (40, 0)


def test_an_email_makes_a_member(desk: Desk) -> None:
    """The domain's account, unless it is free mail."""
    view(desk, 1, START, "ann", email="ann@acme.example")
    view(desk, 2, START, "bob", email="bob@gmail.com")
    desk.run()
    assert set(desk.latest("account-scores")) == {"acme.example"}


def test_members_decay_into_the_account(desk: Desk) -> None:
    """By the leads' own timers, and so does what happened to the account itself."""
    view(desk, 1, START, "ann", account_id="acme")
    funding(desk, 2, START)
    desk.run()
    assert score(desk) == 40
    desk.advance(START + 4 * DAY)
    assert score(desk) == 18  # 2.5 and 15: half away from zero


def test_account_events_are_taken_once_and_in_time(desk: Desk) -> None:
    """Duplicates are ignored; too old and future events are dead letters."""
    funding(desk, 1, START)
    desk.run()
    desk.restart()
    funding(desk, 1, START + HOUR)
    refused = [funding(desk, 2, START - 31 * DAY), funding(desk, 3, PRESENT + DAY)]
    desk.run()
    assert score(desk) == 30
    letters = list(desk.records("dead-letters"))
    assert [letter.value for letter in letters] == [record.value for record in refused]
    assert [letter.header("error.code") for letter in letters] == ["too_old", "future"]
    assert desk.counts() == {"duplicate": 1, "too_old": 1, "future": 1}


def test_an_account_lives_in_one_partition(desk: Desk) -> None:
    """An event that lands elsewhere, under whatever key, is forwarded with its bytes."""
    home = default_partition(b"acme", 2)
    sent = [funding(desk, number, START + number, partition=place) for number, place in enumerate([home, 1 - home])]
    desk.run()
    assert score(desk) == 60
    (moved,) = desk.records("account-inbox")
    assert (moved.key, moved.value, moved.timestamp) == (b"acme", sent[1].value, START + 1)
    assert desk.latest("account-scores")["acme"]["revision"] == 2


def test_a_lead_event_that_names_only_an_account_reaches_it(desk: Desk) -> None:
    """On a topic of leads: forwarded, with that topic's channel."""
    desk.send("web-events", event(1, START, account_id="acme", type="funding"), key="acme")
    desk.send("web-events", event(2, START, account_id="acme", type="funding", channel="account"), key="acme")
    desk.run()
    assert score(desk) == 30


def test_an_event_of_a_person_on_the_accounts_topic_reaches_the_lead(desk: Desk) -> None:
    """As in the offline replay, whoever's topic it came on."""
    stated = event(
        1, START, user="ann", account_id="acme", facts={"job_title": "chief"}, account_facts={"employees": 500}
    )
    desk.send("account-events", stated, key="acme", timestamp=START)
    desk.run()
    assert desk.latest("lead-scores")["user:ann"]["scores"]["fit"] == 35
    assert desk.latest("account-scores")["acme"]["scores"] == {"score": 0}


@pytest.mark.parametrize("model", [small_model(), plain_model()])
def test_account_facts_reach_every_member(model: Model) -> None:
    """Stated by an account's event or a lead's; members who join later learn them too."""
    desk = Desk(model)
    view(desk, 1, START, "ann", account_id="acme")
    view(desk, 2, START, "bob", account_id="acme", account_facts={"employees": 120})
    desk.run()
    view(desk, 3, START + HOUR, "cyd", account_id="acme")
    desk.run()
    assert [desk.latest("lead-scores")[f"user:{name}"]["scores"]["fit"] for name in ("ann", "bob", "cyd")] == [15] * 3
    desk.restart()
    funding(desk, 4, START + 2 * HOUR, type="update", account_facts={"employees": None, "growth": 0.3})
    desk.run()
    assert [desk.latest("lead-scores")[f"user:{name}"]["scores"]["fit"] for name in ("ann", "bob", "cyd")] == [0] * 3
    assert score(desk) == 34  # 9.7 + 9.7 + 9.9 + 5


def test_facts_that_say_nothing_new_are_told_to_nobody(desk: Desk) -> None:
    """Producers repeat them with every event."""
    view(desk, 0, START, "ann", account_id="acme")
    for number in range(1, 9):
        view(desk, number, START + number, "bob", account_id="acme", account_facts={"employees": 120})
        desk.run()
    told = said(desk)
    assert {message["view"]["employees"] for message in told if "employees" in message["view"]} == {120}
    scores = {message["view"]["account.score"] for message in told}
    assert len(told) <= 2 * len(scores)  # what is left are new scores, told to both


def test_what_an_account_knows_is_bounded(desk: Desk) -> None:
    """So that it fits into a record: facts beyond the bound are refused, whoever states them, and the stream goes on."""
    long = ["y" * 4000] * 7
    for number in range(8):
        funding(desk, number, START + number, type="update", account_facts={f"f{number}": long})
    view(desk, 90, START + 90, "ann", account_id="acme", account_facts={"f9": long})
    funding(desk, 91, START + 91)
    desk.run()
    letters = list(desk.records("dead-letters"))
    assert {(letter.header("error.code"), letter.header("error.pointer")) for letter in letters} == {
        ("too_many_facts", "/account_facts")
    }
    assert [json.loads(letter.value or b"")["event_id"] for letter in letters] == ["e4", "e5", "e6", "e7", "e90"]
    assert desk.latest("account-scores")["acme"]["scores"] == {"score": 40}
    assert max(len(value) for lane in desk.lanes.values() for _, value in lane.state.items()) < 500_000


@pytest.mark.parametrize("model", [small_model(), plain_model()])
def test_a_lead_sees_the_facts_of_its_present_account(model: Model) -> None:
    """What it knew of one it left does not come back with it."""
    desk = Desk(model)
    view(desk, 1, START, "ann", account_id="acme", account_facts={"employees": 500})
    desk.run()
    view(desk, 2, START + 1, "ann", account_id="beta")
    desk.run()
    assert desk.latest("lead-scores")["user:ann"]["scores"]["fit"] == 0
    funding(desk, 3, START + 2, type="update", account_facts={"employees": None})
    desk.run()
    view(desk, 4, START + 3, "ann", account_id="acme")
    desk.run()
    assert desk.latest("lead-scores")["user:ann"]["scores"]["fit"] == 0


def test_leads_see_their_accounts_score(desk: Desk) -> None:
    """`account.score` in a combined score follows the published one."""
    view(desk, 1, START, "ann", account_id="acme")
    funding(desk, 2, START)
    desk.run()
    assert desk.latest("lead-scores")["user:ann"]["raw"]["total"] == 10 + 4
    desk.advance(START + 4 * DAY)
    assert desk.latest("lead-scores")["user:ann"]["scores"]["total"] == 4  # 2.5 and a tenth of 18


FORGED = messages.to_bytes(Member("user:eve", "acme", START, "activity", None, [Contribution(1e6, None, False)]))


@pytest.mark.parametrize("topic", ["account-events", "web-events", "crm-events"])
def test_producers_cannot_forge_messages(desk: Desk, topic: str) -> None:
    """Only in the inboxes, which producers do not write, a header makes a message; elsewhere it is an event like others."""
    desk.send(topic, FORGED, key="acme", headers=[(messages.KIND, b"member")])
    desk.send(topic, b"nonsense", key="acme", headers=[(messages.KIND, b"account")])
    desk.run()
    assert desk.latest("account-scores") == {}
    assert [letter.header("error.code") for letter in desk.records("dead-letters")] == ["schema", "not_json"]


@pytest.mark.parametrize(("inbox", "kind"), [("account-inbox", b"member"), ("lead-inbox", b"account")])
def test_a_broken_message_is_a_dead_letter(desk: Desk, inbox: str, kind: bytes) -> None:
    """Who can write to an inbox can still not stop the stream."""
    for raw in (None, b"", b"{}", b"\xff"):
        desk.send(inbox, raw, key="acme", headers=[(messages.KIND, kind)])
    funding(desk, 1, START)
    desk.run()
    assert [letter.header("error.code") for letter in desk.records("dead-letters")] == ["schema"] * 4
    assert score(desk) == 30


def test_timers_survive_a_restart(desk: Desk) -> None:
    """An account falls by itself after a recovery, once."""
    for number in range(3):
        funding(desk, number, START + number)
    desk.run()
    desk.restart()
    desk.advance(START + 30 * DAY)
    moves = desk.transitions("account")["acme"]
    assert [(move["to"], move["cause"]["kind"]) for move in moves] == [("mqa", "activity"), ("target", "decay")]
    assert moves[0]["holds_until"] is not None
    assert score(desk) == 0
    desk.restart()
    desk.advance(START + 300 * DAY)
    assert len(desk.transitions("account")["acme"]) == 2


@pytest.mark.parametrize("back", [True, False])
def test_news_that_come_while_a_lead_is_away(back: bool) -> None:
    """Within one transaction it leaves, its account says something new, and it comes back: the account, which has not
    noticed, does not say it again."""
    desk = Desk(plain_model())
    view(desk, 1, START, "ann", account_id="acme", account_facts={"employees": 5})
    desk.run()
    view(desk, 2, START + 1, "ann", account_id="beta")
    told = AccountSeen("user:ann", "acme", START + 2, "e9", {"employees": 500, "account.employees": 500})
    desk.send(
        "lead-inbox",
        messages.to_bytes(told),
        key="user:ann",
        timestamp=START + 2,
        headers=[(messages.KIND, messages.ACCOUNT.encode())],
    )
    if back:
        view(desk, 3, START + 3, "ann", account_id="acme")
    desk.run()
    assert desk.latest("lead-scores")["user:ann"]["scores"]["fit"] == (15 if back else 0)
