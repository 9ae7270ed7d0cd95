"""Events in files."""

import io
from pathlib import Path

import pytest

from stream_app.engine.activity import Activity
from stream_app.ingest import Refusal
from stream_app.ingest.ndjson import FileError, read_events

GOOD = b'{"event_id":"e-1","type":"v","time":"2026-03-01T10:00:00Z","user_id":"u-42"}'


def test_lines_keep_their_numbers_and_blank_ones_are_passed_over() -> None:
    """The last line needs no end, Windows' ends are none of the event, and a bad line does not stop the others."""
    lines = list(read_events(io.BytesIO(GOOD + b"\r\n\n  \n{}\n" + GOOD), "f", channel="web"))
    assert [(line.number, line.raw) for line in lines] == [(1, GOOD), (4, b"{}"), (5, GOOD)]
    assert [type(line.event) for line in lines] == [Activity, Refusal, Activity]
    assert str(lines[1]) == "line 4: schema at /event_id: missing"


def test_a_long_line_is_refused_and_an_endless_one_ends_the_reading() -> None:
    """Memory stays bounded: an event is at most 32 KiB, and what is longer than a mebibyte is no line."""
    (line,) = read_events(io.BytesIO(GOOD + b" " * 40_000 + b"x"), "f")
    assert isinstance(line.event, Refusal)
    assert line.event.code == "too_large"
    with pytest.raises(FileError, match="f: line 2 is longer than 1048576 bytes"):
        list(read_events(io.BytesIO(GOOD + b"\n" + b"x" * 2_000_000), "f"))


def test_the_example_events_are_events() -> None:
    """On every channel that has a topic of its own, each with an id of its own, in the order of time."""
    path = Path(__file__).resolve().parents[3] / "examples" / "events.ndjson"
    with path.open("rb") as file:
        events = [line.event for line in read_events(file, str(path))]
    accepted = [event for event in events if isinstance(event, Activity)]
    assert len(accepted) == len(events) == len({event.event_id for event in accepted})
    assert {"web", "email", "social", "crm", "account", "sms", "product"} == {event.channel for event in accepted}
    assert [event.time for event in accepted] == sorted(event.time for event in accepted)
