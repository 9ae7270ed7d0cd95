"""The fast path accepts exactly what the JSON Schema accepts."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_app.contracts import validator
from stream_app.ingest import Refusal, parse_event

SCHEMAS = {"web": "web-events", "crm": "crm-events", "account": "account-events", None: "event"}
VALIDATORS = {channel: validator(f"{name}.schema.json") for channel, name in SCHEMAS.items()}

edges = st.sampled_from([2**63 - 1, 2**63, -(2**63), 1 - 2**63, 2**64, 10**30, float(2**63), 9.2e18, -9.3e18, 1e308])
words = st.sampled_from(
    ["", " ", "a", "u-42", "won", "maybe", "crm", "account", "x" * 257, "é" * 256, "\x1c", "\u3000"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | edges | words
values: st.SearchStrategy[Any] = (
    scalars
    | st.lists(scalars, max_size=3)
    | st.just([1] * 65)
    | st.just({})
    | st.sampled_from(["x" * 4096, "x" * 4097])
)
names = st.sampled_from(["stage", "ladder", "outcome", "good", "owner", "path", "", "n" * 128, "n" * 129])
maps = st.dictionaries(names, values, max_size=3) | st.just({f"p{i}": i for i in range(65)}) | scalars
ids = words | scalars
times = st.sampled_from(
    [
        "2026-03-01T10:00:00Z",
        "2026-03-01T10:00:00.123Z",
        "2026-03-01t10:00:00.1234567891z",
        "2026-03-01T10:00:00+05:30",
        "2026-03-01T10:00:00-23:59",
        "2026-03-01T10:00:00+24:00",
        "2026-03-01T10:00:00+05:60",
        "2026-03-01T24:00:00Z",
        "2026-03-01T10:00:60Z",
        "2016-12-31T23:59:60Z",
        "2024-02-29T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2026-03-01 10:00:00Z",
        "2026-03-01T10:00:00",
        "2026-03-01T10:00:00.Z",
        "20260301T100000Z",
        "2026-03-01",
        "2026-03-01T10:00:00." + "1" * 60 + "Z",
        "",
    ]
)
clocks = st.builds("{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}{}".format,
    st.integers(1968, 9998), st.integers(0, 13), st.integers(0, 32), st.integers(0, 25), st.integers(0, 61),
    st.integers(0, 61), st.sampled_from(["Z", "+00:00", "-00:00", ".5Z", ".25+14:00", "+1:00", "z", ""]))  # fmt: skip
types = st.sampled_from(["stage_set", "outcome", "feedback", "owner_set", "unlink", "suppress", "page_view"]) | ids
events = st.fixed_dictionaries(
    {},
    optional={
        "event_id": st.just("e-1") | ids,
        "type": types,
        "time": times | clocks | scalars,
        "channel": st.sampled_from(["web", "crm", "account", None]) | ids,
        "user_id": ids,
        "email": ids | st.just("A@b "),
        "anonymous_id": ids,
        "account_id": ids,
        "properties": maps,
        "facts": maps,
        "account_facts": maps,
        "unknown": scalars,
    },
)
good = {"event_id": "e-1", "type": "page_view", "time": "2026-03-01T10:00:00Z", "user_id": "u-42"}
nearly_good = st.builds(lambda changes: {**good, **dict(list(changes.items())[:2])}, events)


def _accepted(event: Any, channel: str | None) -> bool:
    try:
        parse_event(msgspec.json.encode(event), channel=channel)
    except Refusal:
        return False
    return True


def _outside_the_calendar(event: Any) -> bool:
    """The one thing that a schema cannot say: the first and last hours of the calendar depend on the offset."""
    time = event.get("time")
    return isinstance(time, str) and time[:7] in ("1970-01", "9999-12")


@pytest.mark.parametrize("channel", SCHEMAS)
@given(event=events | nearly_good)
@settings(max_examples=400, deadline=None)
@example(event=good)
@example(event={**good, "email": "\x85"})
@example(event={**good, "facts": {"n": [10**30]}})
def test_the_parser_accepts_exactly_what_the_schema_accepts(channel: str | None, event: Any) -> None:
    """Hypothesis: events near the border of every rule, under every topic's default channel."""
    if not _outside_the_calendar(event):
        assert _accepted(event, channel) == VALIDATORS[channel].is_valid(event)


@pytest.mark.parametrize("channel", SCHEMAS)
@given(event=nearly_good)
@settings(max_examples=200, deadline=None)
def test_every_refusal_says_where(channel: str | None, event: Any) -> None:
    """A refused event's pointer leads to a field that is there, or to one that is missing in a parent that is there."""
    try:
        parse_event(msgspec.json.encode(event), channel=channel)
    except Refusal as refusal:
        assert refusal.code in ("schema", "no_identity")
        node = event
        for part in refusal.pointer.split("/")[1:-1]:
            name = part.replace("~1", "/").replace("~0", "~")
            node = node[int(name)] if isinstance(node, list) else node[name]
        assert isinstance(node, dict | list)


@given(raw=st.binary(max_size=60) | st.builds(lambda raw: b"{" + raw + b"}", st.binary(max_size=40)))
@settings(max_examples=300, deadline=None)
def test_no_bytes_make_the_parser_fail_otherwise(raw: bytes) -> None:
    """Anything is accepted or refused; nothing else is raised."""
    try:
        parse_event(raw, channel="web", headers=[("content-type", raw[:9]), ("ce_specversion", b"1.0")][: len(raw) % 3])
    except Refusal as refusal:
        assert refusal.code in ("not_json", "schema", "no_identity")
