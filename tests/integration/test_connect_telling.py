"""How one change is followed through a connector's log, and when the connector is taken for dead."""

import logging
from typing import Any

import pytest

from tests.vendors.changes import START, score, transition
from tests.vendors.configs import rig, webhook_text
from tests.vendors.webhook import Receiver


def lines(caplog: pytest.LogCaptureFixture, word: str) -> list[dict[str, Any]]:
    """The fields of the lines that start with a word."""
    return [vars(record) for record in caplog.records if record.getMessage().startswith(word)]


async def test_a_change_is_followed_by_its_ids(caplog: pytest.LogCaptureFixture) -> None:
    """What was sent at debug, what was not taken at info, what is parked as a warning: with the ids of transition and
    event; a score, which no single event made, has its own alone. The person is in none of them."""
    good, bad = transition("user:ann", 1), transition("email:bob@x.example", 2)
    more = "send: {scores: {every: 15m}}\nretry: {give_up: 1m}"
    with caplog.at_level(logging.DEBUG, "stream_app.connectors"):
        async with Receiver() as receiver:
            receiver.refused = {"email:bob@x.example"}
            it = rig(webhook_text(receiver.hook, more), [good, bad, score("user:cyd", 1, 7)])
            await it.run(it.all_committed)
    sent = lines(caplog, "sent")
    assert [(one["kind"], one.get("transition_id"), one.get("correlation_id")) for one in sent] == [
        ("transition", good["id"], "e1"),
        ("score", None, None),
    ]
    failed = lines(caplog, "not taken, by fault of the record: HTTP 400")
    assert {(one["levelname"], one["transition_id"], one["correlation_id"]) for one in failed} == {
        ("INFO", bad["id"], "e2")
    }
    (parked,) = lines(caplog, "parked")
    assert (parked["levelname"], parked["transition_id"], parked["correlation_id"]) == ("WARNING", bad["id"], "e2")
    assert [
        line for record in caplog.records for line in [str(vars(record))] if "bob@" in line or "user:ann" in line
    ] == []


async def test_the_oldest_that_waits_is_known() -> None:
    """When it was committed; a score waits by design, and is none. Nothing waits in the end."""
    documents = [transition("user:ann", 1), score("user:bob", 1, 7), transition("user:cyd", 1)]
    async with Receiver() as receiver:
        receiver.status = 503
        it = rig(webhook_text(receiver.hook, "send: {scores: {every: 15m}}"), documents)
        it.source.rows = [(*row[:3], START + 1000 * number) for number, row in enumerate(it.source.rows, 1)]
        await it.run(lambda: it.runner.counts["again: endpoint"] >= 2)
        assert it.desk.oldest == START + 1000
        receiver.status = 204
        again = rig(webhook_text(receiver.hook, "send: {scores: {every: 15m}}"), documents)
        await again.run(again.all_committed)
        assert (again.desk.oldest, again.desk.size) == (None, 0)


async def test_a_batch_without_a_sign() -> None:
    """It is told for how long it has been on its way; none is when nothing is."""
    it = rig(webhook_text("http://127.0.0.1:1/"), [])
    assert it.runner.stuck_ms() == 0
    it.runner._signs[0] = it.clock.now() - 5_000
    assert it.runner.stuck_ms() == 5_000
