"""From bytes to an activity or a refusal (formats.md, "An event")."""

import msgspec
import pytest

from stream_app.engine.activity import Activity
from stream_app.ingest import Refusal, parse_event

EVENT = {"event_id": "e-1", "type": "page_view", "time": "2026-03-01T10:00:00Z", "user_id": "u-42"}


def _bytes(**changes: object) -> bytes:
    return msgspec.json.encode({**EVENT, **changes})


def _with(raw_member: bytes) -> bytes:
    return msgspec.json.encode(EVENT)[:-1] + b"," + raw_member + b"}"


def _refused(raw: bytes | None, channel: str | None = "web") -> tuple[str, str]:
    with pytest.raises(Refusal) as refused:
        parse_event(raw, channel=channel)
    return refused.value.code, refused.value.pointer


def test_an_event_becomes_an_activity() -> None:
    """All fields; the e-mail is trimmed and lower-cased, the time is in milliseconds."""
    raw = _bytes(
        channel="product",
        email=" Ann@ACME.example\t",
        anonymous_id="9f",
        account_id="acme",
        properties={"path": "/pricing", "n": 1, "x": 0.5, "ok": True, "tags": ["a", 1]},
        facts={"job_title": "CIO", "phone": None},
        account_facts={"employees": 120},
    )
    assert parse_event(raw, channel="web") == Activity(
        event_id="e-1",
        type="page_view",
        time=1_772_359_200_000,
        channel="product",
        user_id="u-42",
        email="ann@acme.example",
        anonymous_id="9f",
        account_id="acme",
        properties={"path": "/pricing", "n": 1, "x": 0.5, "ok": True, "tags": ["a", 1]},
        facts={"job_title": "CIO", "phone": None},
        account_facts={"employees": 120},
    )


@pytest.mark.parametrize(
    ("stated", "default", "expected"), [(None, "web", "web"), ("sms", "web", "sms"), (None, None, None)]
)
def test_the_channel_defaults_to_the_topics(stated: str | None, default: str | None, expected: str | None) -> None:
    """Offline no topic supplies one, and the event has none (S065: sms is accepted)."""
    raw = _bytes(channel=stated) if stated else _bytes()
    assert parse_event(raw, channel=default).channel == expected


@pytest.mark.parametrize(
    "raw",
    [
        None,
        b"",
        b"{",
        b"hello",
        b"\xef\xbb\xbf" + _bytes(),
        _bytes() + b"x",
        _with(b'"properties":{"n":NaN}'),
        _with(b'"properties":{"n":Infinity}'),
        _with(b'"properties":{"n":01}'),
        _with(b'"properties":{"s":"\xff"}'),
        _with(b'"properties":{"s":"\xed\xa0\x80"}'),
        _with(b'"properties":{"s":"\\ud800"}'),
        _with(b'"properties":{"s":"\\udc00\\ud800"}'),
        _with(b'"properties":{"s":"a\x01"}'),
    ],
)
def test_what_is_no_json_is_refused_as_such(raw: bytes | None) -> None:
    """Bad UTF-8, lone surrogates, NaN and control characters are no JSON (RFC 8259)."""
    assert _refused(raw) == ("not_json", "")


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (_with(b'"properties":{"n":1e400}'), "/properties"),
        (_with(b'"properties":{"n":1' + b"0" * 400 + b"}"), "/properties/n"),
        (_with(b'"properties":{"n":9223372036854775808}'), "/properties/n"),
        (_with(b'"properties":' + b"[" * 10_000 + b"]" * 10_000), ""),
        (_with(b'"properties":{"a/b~c":{}}'), "/properties/a~1b~0c"),
        (_with(b'"user_id":5,"user_id":"u"'), "/user_id"),
        (_bytes(time="1970-01-01T00:00:00+01:00"), "/time"),
        (_bytes(time="9999-12-31T23:59:59-01:00"), "/time"),
        (_bytes(email="\u3000"), "/email"),
        (b"[]", ""),
        (b"null", ""),
    ],
)
def test_hostile_events_are_refused_with_a_pointer(raw: bytes, pointer: str) -> None:
    """Numbers beyond 64 bits, deep nesting, a name given twice and once wrong, times outside the calendar."""
    assert _refused(raw) == ("schema", pointer)


def test_the_last_of_equal_names_counts() -> None:
    """As in every common JSON library, so that no two readers of a topic differ."""
    assert parse_event(_with(b'"user_id":"u-43"'), channel="web").user_id == "u-43"


def test_size_is_bounded_before_anything_is_parsed() -> None:
    """32 KiB is the most: one byte more is `too_large`, even where it is no JSON."""
    padding = b" " * (32 * 1024 - len(_bytes()))
    assert parse_event(_bytes() + padding, channel="web").event_id == "e-1"
    assert _refused(_bytes() + padding + b" ") == ("too_large", "")
    assert _refused(b"[" * 40_000) == ("too_large", "")


def test_an_event_about_nobody_has_no_identity() -> None:
    """A key that is null is no key; on the account channel only the account's id is one."""
    assert _refused(_bytes(user_id=None)) == ("no_identity", "")
    assert _refused(_bytes(), channel="account") == ("no_identity", "")
    assert _refused(_bytes(channel="account")) == ("no_identity", "")
    assert parse_event(_bytes(user_id=None, account_id="acme"), channel="web").is_account_event


def test_other_faults_are_told_before_a_missing_identity() -> None:
    """A misspelt key is an unknown field first."""
    assert _refused(msgspec.json.encode({**EVENT, "user_id": None, "userId": "u-42"})) == ("schema", "/userId")


def test_the_crms_own_types_are_checked_by_the_channel_in_force() -> None:
    """The same `outcome` is a CRM's word on the crm topic, and any activity on the web topic."""
    raw = _bytes(type="outcome", properties={"outcome": "maybe"})
    assert parse_event(raw, channel="web").type == "outcome"
    assert _refused(raw, channel="crm") == ("schema", "/properties/outcome")
    assert _refused(_bytes(type="outcome", channel="crm", properties={})) == ("schema", "/properties/outcome")


def test_messages_do_not_quote_values() -> None:
    """They reach logs, and an event holds personal data."""
    for raw in (_bytes(email=["ann@acme.example"]), _bytes(time="secret"), _bytes(properties={"a": {"b": "secret"}})):
        with pytest.raises(Refusal) as refused:
            parse_event(raw, channel="web")
        assert "secret" not in str(refused.value)
        assert "ann@" not in str(refused.value)
