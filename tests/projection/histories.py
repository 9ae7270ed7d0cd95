"""Leads and accounts of the small model, processed without Kafka."""

from typing import Any

from stream_app.engine.times import DAY, HOUR, parse_time
from tests.pipeline.desk import Desk, event
from tests.pipeline.models import small_model

START = parse_time("2026-03-02T09:20:00Z")
NOW = START + 2 * DAY


def history() -> list[dict[str, Any]]:
    """Ten leads of two accounts with more and more page views, one of them under two keys; a slash in a key; one
    suppressed, one disqualified, one owned."""
    made = []
    for lead in range(10):
        for view in range(lead + 1):
            more = {"account_id": f"acme/{lead % 2}"} if view == 0 else {}
            time = START + (view + lead) * HOUR
            made.append(event(lead * 100 + view, time, user=f"u/{lead}", channel="web", **more))
    later = START + 13 * HOUR
    made.append(event(2000, START + 12 * HOUR, user="u/9", email="nine@x.example", channel="web"))
    made.append(event(2001, later, user="u/8", channel="crm", type="suppress"))
    gone = {"outcome": "disqualified"}
    made.append(event(2002, later, user="u/7", channel="crm", type="outcome", properties=gone))
    made.append(event(2003, later, user="u/6", channel="crm", type="owner_set", properties={"owner": "Olga Ö."}))
    made.append(event(2004, START, account_id="acme/1", channel="account", type="funding"))
    return sorted(made, key=lambda one: str(one["time"]))


def some_leads() -> Desk:
    """Everything processed, up to `NOW`."""
    desk = Desk(small_model())
    for one in history():
        key = f"user:{one['user_id']}" if "user_id" in one else one["account_id"]
        desk.send(f"{one['channel']}-events", one, key=key, timestamp=parse_time(one["time"]))
    desk.run()
    desk.advance(NOW)
    return desk
