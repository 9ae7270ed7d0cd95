"""The converter in `examples/`, on rows of our own making."""

import io
import runpy
from pathlib import Path

import msgspec

from stream_app.engine.activity import Activity
from stream_app.ingest import parse_event

EXAMPLE = runpy.run_path(str(Path(__file__).resolve().parents[3] / "examples" / "touchpoints.py"))

ROWS = """customer_id,time,interaction,conversion,conversion_value,channel
C2,2018-07-02T10:00:00Z,impression,0,0,Facebook
C1,2018-07-02T10:00:00Z,conversion,1,6.5,Instagram
C1,2018-07-02T10:00:00Z,impression,0,0,Paid Search
C1,2018-07-01T09:00:00Z,impression,0,0,Online Video
"""


def _events(rows: str) -> list[Activity]:
    return [parse_event(msgspec.json.encode(event), channel=None) for event in EXAMPLE["convert"](io.StringIO(rows))]


def test_rows_become_events_by_time_then_topic() -> None:
    """Each channel on its topic; a conversion is the CRM's word, with its value."""
    events = _events(ROWS)
    assert [(event.user_id, event.channel, event.type) for event in events] == [
        ("C1", "email", "impression"),
        ("C1", "web", "impression"),
        ("C2", "social", "impression"),
        ("C1", "crm", "outcome"),
    ]
    assert events[-1].properties == {"outcome": "won", "value": 6.5, "medium": "Instagram"}


def test_ids_and_accounts_are_the_same_every_time() -> None:
    """A second conversion makes duplicates, not new events; a customer stays in an account."""
    events = _events(ROWS)
    assert events == _events(ROWS)
    assert len({event.event_id for event in events}) == len(events)
    accounts = {event.user_id: event.account_id for event in events}
    assert {event.account_id for event in events if event.user_id == "C1"} == {accounts["C1"]}
    assert all(account and account.startswith("acct-") for account in accounts.values())
