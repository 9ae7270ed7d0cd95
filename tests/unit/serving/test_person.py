"""Which records are about a person, whatever key they lie under."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.engine.times import format_time
from stream_app.errors import KnownError
from stream_app.serving.keys import keys_meant
from stream_app.serving.person import Person
from stream_app.serving.timeline import Timeline
from tests.pipeline.desk import Record, event

ANN = Person(["user:ann", "email:ann@acme.example", "anon:9f-1"])


def record(value: bytes | dict[str, Any] | None, key: bytes | None = None, topic: str = "web-events") -> Record:
    """A record of an event topic."""
    raw = json.dumps(value).encode() if isinstance(value, dict) else value
    return Record(topic, 0, 0, 0, key, raw)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("user:u-1", ("user:u-1",)),
        ("email: Ann@ACME.example ", ("email:ann@acme.example",)),
        ("Ann@acme.example", ("email:ann@acme.example", "user:Ann@acme.example", "anon:Ann@acme.example")),
        ("u:1", ("user:u:1", "anon:u:1")),
    ],
)
def test_what_a_key_may_mean(text: str, keys: tuple[str, ...]) -> None:
    """A kind means itself; an address an e-mail first; anything else a user first."""
    assert keys_meant(text) == keys


@pytest.mark.parametrize("text", ["", " ", "user:", "email: ", "x" * 10_000])
def test_what_is_no_key(text: str) -> None:
    """It is refused with the forms there are."""
    with pytest.raises(KnownError, match="user:ID, email:ADDRESS or anon:ID"):
        keys_meant(text)


@pytest.mark.parametrize(
    ("found", "matched"),
    [
        (record(event(1, 0, user="ann")), "identity"),
        (record(event(1, 0, email=" ANN@acme.example")), "identity"),
        (record(event(1, 0, user="bob", email="ann@acme.example")), "identity"),
        (record(event(1, 0, user="bob"), b"user:ann"), "key"),
        (record(b"no JSON", b"user:ann"), "key"),
        (record(b'{"user_id": "ann", "tim'), "mention"),
        (record({"lead": "user:ann", "account_id": "acme"}, b"acme"), "mention"),
        (record(msgspec.msgpack.encode(["conflict", "user:ann", "user:bob"]), b"user:bob"), "mention"),
        (record(msgspec.msgpack.encode(["conflict", "user:anna", "user:bob"]), b"user:bob"), None),
        (record(event(1, 0, user="joann")), None),
        (record(b"about joann"), None),
        (record(b'{"user_id": "Ann"}'), None),
        (record(None, b"user:bob"), None),
        (record(None, b"user:ann"), "key"),
    ],
)
def test_how_a_record_is_about_a_person(found: Record, matched: str | None) -> None:
    """By an event's identity, by the record's key, or by a mention as a whole string."""
    assert ANN.match(found, "web") == matched


@given(st.text(min_size=1, max_size=12), st.booleans())
def test_no_identity_is_passed_over(name: str, ascii_only: bool) -> None:
    """However a producer writes an id in JSON."""
    value = json.dumps(event(1, 0, user=name), ensure_ascii=ascii_only)
    try:
        raw = value.encode()
    except UnicodeEncodeError:
        return
    person = Person([f"user:{name}"])
    if person.event(record(raw), "web") is None:
        from stream_app.ingest import Refusal, parse_event

        with pytest.raises(Refusal):  # half of a surrogate pair, for example
            parse_event(raw, channel="web")


def test_a_timeline_is_in_event_time_order() -> None:
    """S033: web, social and email interactions by time, the latest, each once, however they arrived."""
    timeline = Timeline(ANN, limit=3)
    sent = [(4, "email"), (1, "web"), (3, "social"), (2, "web"), (4, "email")]
    for number, channel in sent:
        timeline.take(record(event(number, number * 1000, user="ann")), channel)
    timeline.take(record(event(9, 9000, user="bob")), "web")
    assert [(one["time"], one["channel"]) for one in timeline.documents()] == [
        (format_time(2000), "web"),
        (format_time(3000), "social"),
        (format_time(4000), "email"),
    ]
    assert timeline.seen == 4
