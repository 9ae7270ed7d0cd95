"""The state in an export: everything that is stored, and nothing that JSON can't say."""

import orjson

from stream_app.engine.times import HOUR, format_time, parse_time
from stream_app.serving.state_document import state_document
from stream_app.serving.subjects import lead_from
from stream_app.worker.entries import state_of
from tests.pipeline.desk import Desk, event
from tests.pipeline.models import small_model
from tests.pipeline.views import entries_of

START = parse_time("2026-03-02T09:20:00Z")


def test_all_of_a_state() -> None:
    """Facts with their origin, ladders, what each rule counted by unit, ids, and what the account told."""
    desk = Desk(small_model())
    facts = {"job_title": "Chief", "tags": ["a", 1]}
    sent = [event(0, START, user="ann", account_id="acme", type="identify", facts=facts)]
    sent += [
        event(n, START + n * HOUR, user="ann", channel=("web", "email")[n % 2], type=("page_view", "open")[n % 2])
        for n in (1, 2)
    ]
    for document in sent:
        desk.send("web-events", document, key="user:ann", timestamp=parse_time(document["time"]))
    desk.run()
    lead = lead_from(desk.scoring.leads, state_of(entries_of(desk, "lead")[b"user:ann"]))
    told = orjson.loads(orjson.dumps(state_document(lead.plan, lead.subject)))
    assert told["facts"]["tags"] == {"value": ["a", 1], "time": format_time(START), "event_id": "e0"}
    assert told["marks"]["account_id"]["value"] == "acme"
    assert told["event_ids"]["remembered"] == 3
    counted = {tuple(one["rules"]): one for one in told["counted"]}
    hour = (START // HOUR + 2) * HOUR
    assert counted[("view",)]["amounts"] == [{"from": format_time(hour), "amount": 1.0}]
    assert counted[("open",)]["activities"] == [{"time": format_time(START + HOUR), "amount": 1.0}]
    assert told["ladders"]["lifecycle"]["stage"] == lead.subject.ladders["lifecycle"].stage
    assert (told["links"], told["conflicts"], told["erased_at"]) == ({}, 0, None)
