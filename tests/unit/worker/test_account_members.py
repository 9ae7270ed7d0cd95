"""Who belongs to an account and what its members see of it, through both agents' processors, joined by their messages."""

from typing import Any

import msgspec
import pytest

from stream_app.engine.model.load import load_model
from stream_app.engine.model.types import ActivityRule
from stream_app.engine.times import DAY, HOUR, parse_time
from stream_app.modelfiles import read_model
from stream_app.worker import messages
from stream_app.worker.fanout import FEW, HEAD, under_way
from stream_app.worker.links import Erase, link_output
from tests.pipeline.desk import Desk, event
from tests.pipeline.models import TEXT, plain_model, small_model

START = parse_time("2026-03-02T09:20:00Z")
SIGNALS = ["funding", "m_and_a", "new_leadership", "pr_crisis"]


def view(desk: Desk, number: int, user: str, after: int = 0, **more: Any) -> None:
    """A lead's page view where it belongs, so long after the start."""
    stated = event(number, START + after, user=user, **more)
    desk.send("web-events", stated, key=f"user:{user}", timestamp=START + after)


def own(desk: Desk, number: int, kind: str, after: int = 0, **more: Any) -> None:
    """An event of the account `acme`."""
    stated = event(number, START + after, type=kind, account_id="acme", **more)
    desk.send("account-events", stated, key="acme", timestamp=START + after)


def told(desk: Desk) -> list[dict[str, Any]]:
    """What accounts have told their members."""
    return [record.json() for record in desk.records("lead-inbox") if record.header(messages.KIND) == messages.ACCOUNT]


def members(desk: Desk) -> set[tuple[str, str]]:
    """Account and lead of all members in the tables."""
    keys = [key for lane in desk.lanes.values() for key, _ in lane.state.items() if key.startswith(b"m")]
    return {msgspec.msgpack.decode(key[1:], type=tuple[str, str]) for key in keys}


def of(desk: Desk, user: str) -> dict[str, Any]:
    """A lead's published scores."""
    scores: dict[str, Any] = desk.latest("lead-scores")[f"user:{user}"]["scores"]
    return scores


# -- who belongs to it ----------------------------------------------------------------------------------------------------


def test_where_a_lead_belongs() -> None:
    """S270: to the account it names last by time, whether in an event or its profile; else to its e-mail's domain; free
    mail makes no account. A late word of an earlier time moves nobody."""
    desk = Desk(small_model())
    view(desk, 1, "ann", email="ann@acme.example")
    view(desk, 2, "bob", email="bob@yahoo.co.uk")
    view(desk, 3, "cyd", email="cyd@acme.example", account_id="beta")
    desk.run()
    assert members(desk) == {("acme.example", "user:ann"), ("beta", "user:cyd")}
    view(desk, 4, "ann", HOUR, type="identify", account_id="beta")
    view(desk, 5, "cyd", -HOUR, account_id="acme")
    desk.run()
    assert members(desk) == {("beta", "user:ann"), ("beta", "user:cyd")}
    assert desk.latest("account-scores")["beta"]["scores"] == {"score": 30}
    assert desk.latest("account-scores")["acme.example"]["scores"] == {"score": 0}
    view(desk, 6, "cyd", 2 * HOUR, account_id="acme")
    view(desk, 7, "ann", 2 * HOUR, email="ann@gmail.com")  # an account it named is worth more than an address
    desk.run(chunk=1)
    assert members(desk) == {("beta", "user:ann"), ("acme", "user:cyd")}


def test_what_falls_to_nothing_counts_for_nothing() -> None:
    """A member whose activity has decayed: no points, nor breadth."""
    desk = Desk(small_model())
    for number, user in enumerate(["ann", "bob"]):
        view(desk, number, user, account_id="acme", facts={"department": user})
    desk.run()
    assert desk.latest("account-scores")["acme"]["scores"] == {"score": 10 + 10 + 10}
    desk.advance(START + 40 * DAY)
    assert desk.latest("account-scores")["acme"]["scores"] == {"score": 0}


def test_breadth_counts_departments_of_those_that_matter() -> None:
    """S262: three of three departments are worth more than three of one; one below `min_score`, and one that left, none."""
    desk = Desk(small_model())
    for number, (user, account) in enumerate(
        [("a1", "one"), ("a2", "one"), ("a3", "one"), ("b1", "three"), ("b2", "three"), ("b3", "three")]
    ):
        department = "it" if account == "one" else user
        view(desk, number, user, account_id=account, facts={"department": department})
    desk.run()
    scores = {name: record["scores"]["score"] for name, record in desk.latest("account-scores").items()}
    assert scores == {"one": 30, "three": 30 + 25}
    view(desk, 9, "b3", HOUR, account_id="one")
    desk.run()
    scores = {name: record["scores"]["score"] for name, record in desk.latest("account-scores").items()}
    assert scores == {"one": 3 * 10 + 20 + 10, "three": 2 * 10 + 10}


# -- signals --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["b2b-saas", "agency"])
def test_every_signal_has_a_rule_of_its_own(model: str) -> None:
    """S010-S013: new leadership, a merger, new money and a crisis each change the account's score by their own points."""
    desk = Desk(read_model(model))
    known = desk.scoring.model.account
    (score,) = (score.name for score in known.scores)
    rules = {rule.id: rule for rule in known.rules if isinstance(rule, ActivityRule)}
    own(desk, 0, "funding", channel="account")
    desk.run()
    base = desk.latest("account-scores")["acme"]["scores"][score]
    for number, kind in enumerate(SIGNALS, start=1):
        own(desk, number, kind, channel="account")
        desk.run()
        record = desk.latest("account-scores")["acme"]
        (rule,) = (rule for rule in rules.values() if kind in (rule.on.types or ()))
        assert rule.on.types == frozenset({kind})
        assert record["scores"][score] - base == rule.points
        base = record["scores"][score]


def test_an_accounts_score_lifts_its_people() -> None:
    """S010, S268, S269: what happens to the company changes the priority of every lead of it, not their own scores."""
    desk = Desk(read_model("agency"))
    for number, user in enumerate(["jane", "joe"]):
        view(desk, number, user, account_id="acme", facts={"job_title": "Owner", "department": user})
    view(desk, 2, "zoe", account_id="other", facts={"job_title": "Owner"})
    desk.run()
    before = {user: of(desk, user) for user in ("jane", "joe", "zoe")}
    for number, kind in enumerate(["funding", "new_leadership"], start=10):
        own(desk, number, kind, HOUR, channel="account")
    desk.run()
    (move,) = desk.transitions("account")["acme"]
    assert move["to"] == "target"
    for user, lift in (("jane", 8), ("joe", 8), ("zoe", 0)):
        now = of(desk, user)
        assert now["priority"] - before[user]["priority"] == lift
        assert now["total"] == before[user]["total"]
    own(desk, 20, "pr_crisis", 2 * HOUR, channel="account")
    desk.run()
    assert of(desk, "jane")["priority"] - before["jane"]["priority"] == 4


def test_conditions_see_the_account() -> None:
    """`account.NAME` in rules and ladders, and `account.score` in a ladder, move the members (cause `fact`), over a restart."""
    text = TEXT.replace("{scores: {total: {ge: 60}}}, hold: {scores: {total: {ge: 40}}}",
                        "{scores: {account.score: {ge: 60}}, facts: {account.tier: gold}}")  # fmt: skip
    desk = Desk(load_model(text, "seen.yaml"))
    view(desk, 1, "ann", account_id="acme")
    own(desk, 2, "update", 1, account_facts={"tier": "gold", "colour": "red"})
    desk.run()
    desk.restart()
    own(desk, 3, "funding", 2)
    own(desk, 4, "funding", 3)
    desk.run()
    (up,) = desk.transitions()["user:ann"]
    assert (up["to"], up["cause"]) == ("sql", {"kind": "fact", "event_id": "e4"})
    own(desk, 5, "update", 4, account_facts={"tier": "iron"})
    desk.run()
    assert [move["direction"] for move in desk.transitions()["user:ann"]] == ["up", "down"]


# -- who is told what -----------------------------------------------------------------------------------------------------


def test_nobody_is_told_what_nobody_reads() -> None:
    """Facts that no rule and no condition of the leads reads stay in the account."""
    desk = Desk(plain_model())
    view(desk, 1, "ann", account_id="acme", account_facts={"colour": "red", "growth": 0.3})
    desk.run()
    assert told(desk) == []
    own(desk, 2, "update", HOUR, account_facts={"colour": "blue", "employees": 500})
    desk.run()
    assert [message["view"] for message in told(desk)] == [{"employees": 500}]
    blind = load_model(TEXT.replace(", account.score: 0.1", "").replace("employees: {ge", "budget: {ge"), "blind.yaml")
    desk = Desk(blind)
    view(desk, 1, "ann", account_id="acme", account_facts={"employees": 5})
    own(desk, 2, "funding", HOUR)
    desk.run()
    assert told(desk) == []


def test_there_and_back_within_a_transaction_is_no_news() -> None:
    """A fact that changes and changes back before anyone was told; who joins meanwhile sees how it ended."""
    desk = Desk(plain_model())
    view(desk, 1, "ann", account_id="acme", account_facts={"employees": 500})
    desk.run()
    sent = len(told(desk))
    own(desk, 2, "update", 1, account_facts={"employees": 5})
    view(desk, 3, "bob", 2, account_id="acme")
    own(desk, 4, "update", 3, account_facts={"employees": 500})
    desk.run()
    assert {message["lead"] for message in told(desk)[sent:]} <= {"user:bob"}
    assert of(desk, "bob")["fit"] == of(desk, "ann")["fit"] == 15


def test_a_lead_that_comes_back_hears_that_there_is_nothing_any_more() -> None:
    """Old news may still be on their way to it when it comes back."""
    desk = Desk(plain_model())
    view(desk, 1, "ann", account_id="acme", account_facts={"employees": 500})
    desk.run()
    (news,) = [record for record in desk.records("lead-inbox") if record.header(messages.KIND) == messages.ACCOUNT]
    view(desk, 2, "ann", HOUR, account_id="beta")
    own(desk, 3, "update", HOUR, account_facts={"employees": None})
    desk.run()
    view(desk, 4, "ann", 2 * HOUR, account_id="acme")
    desk.send("lead-inbox", news.value, key="user:ann", headers=news.headers, timestamp=START + 3 * HOUR)
    desk.run()
    assert of(desk, "ann")["fit"] == 0


@pytest.mark.parametrize("model", [small_model(), plain_model()])
def test_a_large_account_tells_its_members_by_and_by(model: Any) -> None:
    """Facts change twice, members come and go, and the worker is started anew while the news are under way: all know."""
    desk = Desk(model, partitions=2)
    count = 4 * FEW
    for number in range(count):
        view(desk, number, f"u{number}", account_id="acme")
    desk.run()
    desk.advance(START)
    sent = len(told(desk))
    own(desk, 1000, "update", 1, account_facts={"employees": 5})
    desk.run()
    assert 0 < len(told(desk)) - sent < count
    assert _under_way(desk)
    desk.restart()
    own(desk, 1001, "update", 2, account_facts={"employees": 500})
    view(desk, 1002, "late", 3, account_id="acme")
    view(desk, 1003, "u7", 3, account_id="beta")
    desk.run()
    desk.restart()
    assert _under_way(desk)
    desk.advance(START + 3)
    assert not _under_way(desk)
    fits = {key: record["scores"]["fit"] for key, record in desk.latest("lead-scores").items()}
    assert fits.pop("user:u7") == 0
    assert set(fits.values()) == {15}
    assert len(fits) == count
    assert len(told(desk)) - sent < 3 * count


def _under_way(desk: Desk) -> bool:
    entries = [item for lane in desk.lanes.values() for item in lane.state.items()]
    return any(under_way(entry) for key, entry in entries if key.startswith(HEAD))


def test_news_hold_nothing_of_those_that_were_told() -> None:
    """Once all know, the table's entry names no member: it is no trace of one that is erased."""
    desk = Desk(plain_model())
    view(desk, 1, "ann", account_id="acme", account_facts={"employees": 500})
    desk.run()
    entries = [entry for lane in desk.lanes.values() for key, entry in lane.state.items() if key.startswith(HEAD)]
    assert entries
    assert not any(b"ann" in entry for entry in entries)


def test_facts_reach_leads_of_a_model_that_scores_no_accounts() -> None:
    """A company's facts are worth something to its people all the same; no account is published."""
    desk = Desk(load_model(TEXT[: TEXT.index("account:\n")].replace(", account.score: 0.1", ""), "leads.yaml"))
    view(desk, 1, "ann", account_id="acme")
    own(desk, 2, "update", HOUR, account_facts={"employees": 500})
    view(desk, 3, "bob", 2 * HOUR, account_id="acme")
    desk.run()
    assert (of(desk, "ann")["fit"], of(desk, "bob")["fit"]) == (15, 15)
    assert desk.latest("account-scores") == {}
    view(desk, 4, "bob", 3 * HOUR, account_id="beta")
    desk.run()
    assert (of(desk, "bob")["fit"], members(desk)) == (0, {("acme", "user:ann"), ("beta", "user:bob")})


# -- who is a member no more ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("partitions", [1, 3])
def test_who_is_merged_counts_once(partitions: int) -> None:
    """Three keys of one person in one account: a member each until they are linked, then one, with all it did."""
    desk = Desk(small_model(), partitions=partitions)
    for number, keys in enumerate([{"anonymous_id": "x"}, {"email": "ann@acme.example"}, {"user_id": "ann"}]):
        stated = event(number, START, account_id="acme", facts={"department": "it"}, **keys)
        desk.send("web-events", stated, key="x", timestamp=START)
    own(desk, 5, "update", account_facts={"employees": 500})
    desk.run()
    assert len(members(desk)) == 3
    linking = event(9, START + 1, type="identify", anonymous_id="x", email="ann@acme.example", user_id="ann")
    desk.send("web-events", linking, key="x", timestamp=START + 1)
    desk.run()
    desk.restart()
    assert members(desk) == {("acme", "user:ann")}
    assert desk.latest("account-scores")["acme"]["scores"] == {"score": 30}
    own(desk, 10, "update", HOUR, account_facts={"employees": 5})
    desk.run()
    assert desk.latest("lead-scores").keys() == {"user:ann"}
    assert of(desk, "ann")["fit"] == 0


def test_a_merge_may_move_a_lead_to_another_company() -> None:
    """The account of the later word has it, and tells it what it knows; the other one loses both."""
    desk = Desk(small_model())
    view(desk, 1, "ann", account_id="beta")
    stated = event(2, START + HOUR, email="ann@gmail.com", account_id="acme")
    desk.send("web-events", stated, key="email:ann@gmail.com", timestamp=START + HOUR)
    own(desk, 3, "update", HOUR, account_facts={"employees": 500})
    desk.run()
    view(desk, 4, "ann", 2 * HOUR, type="identify", email="ann@gmail.com")
    desk.run()
    assert members(desk) == {("acme", "user:ann")}
    scores = {name: record["scores"]["score"] for name, record in desk.latest("account-scores").items()}
    assert scores == {"acme": 20, "beta": 0}
    assert of(desk, "ann")["fit"] == 15


def test_who_is_erased_counts_no_more() -> None:
    """Nor is there a trace of it in the accounts' tables; late events of it change nothing."""
    desk = Desk(small_model())
    for number, user in enumerate(["ann", "bob"]):
        view(desk, number, user, account_id="acme", facts={"department": user}, account_facts={"employees": 500})
    desk.run()
    assert desk.latest("account-scores")["acme"]["scores"] == {"score": 30}
    output = link_output("lead-inbox", "user:ann", Erase("r1", START + HOUR, None), START + HOUR)
    desk.send("lead-inbox", output.value, key="user:ann", headers=output.headers, timestamp=START + HOUR)
    desk.run()
    view(desk, 7, "ann", 1, account_id="acme")
    desk.run()
    assert members(desk) == {("acme", "user:bob")}
    assert desk.latest("account-scores")["acme"]["scores"] == {"score": 10}
    tables = [item for (agent, _), lane in desk.lanes.items() if agent == "account" for item in lane.state.items()]
    assert not any(b"user:ann" in key + entry for key, entry in tables)
