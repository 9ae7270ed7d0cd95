"""Dead letters say where the record was and why it was refused, in Kafka Connect's words."""

import msgspec
import pytest

from stream_app.contracts import validator
from stream_app.ingest import Refusal
from stream_app.ingest.dead_letters import (
    LARGEST_LETTER,
    Origin,
    dead_letter_content,
    dead_letter_headers,
    original_headers,
)
from stream_app.topics import load_manifest

ORIGIN = Origin("web-events", 3, 1042, 1_772_445_600_000)
CE = [("ce_id", b"e-1"), ("trace", None)]


def test_the_headers_name_the_record_and_the_reason() -> None:
    """S099: nothing is dropped silently."""
    assert dead_letter_headers(Refusal("schema", "missing", "/event_id"), ORIGIN) == [
        ("__connect.errors.topic", b"web-events"),
        ("__connect.errors.partition", b"3"),
        ("__connect.errors.offset", b"1042"),
        ("__connect.errors.stage", b"VALUE_CONVERTER"),
        ("__connect.errors.class.name", b"stream_app.ingest.parse_event"),
        ("__connect.errors.exception.class.name", b"stream_app.ingest.Refusal"),
        ("__connect.errors.exception.message", b"missing"),
        ("error.code", b"schema"),
        ("error.timestamp", b"1772445600000"),
        ("error.pointer", b"/event_id"),
    ]


def test_they_fit_their_schema() -> None:
    """Whatever the refusal: no message, a huge one, a pointer to the whole event, control characters."""
    schema = validator("dead-letters.schema.json")
    refusals = [
        Refusal("schema", "x" * 5000, ""),
        Refusal("not_json", ""),
        Refusal("too_old", "line\nbreak\x1b[31m", "/time"),
        Refusal("schema", "unknown field", "/\n" + "é" * 5000),
    ]
    for refusal in refusals:
        headers = {name: value.decode() for name, value in dead_letter_headers(refusal, ORIGIN, headers=CE)}
        assert [fault.message for fault in schema.iter_errors(headers)] == []
        assert "\n" not in "".join(headers.values())
    assert msgspec.json.encode(headers)


def test_the_originals_headers_come_along_and_come_back() -> None:
    """A CloudEvent in binary mode must be whole when it is sent again; a second refusal does not pile up."""
    once = dead_letter_headers(Refusal("too_old", "late"), ORIGIN, headers=CE)
    twice = dead_letter_headers(Refusal("too_old", "late"), ORIGIN, headers=once)
    assert original_headers(once) == [("ce_id", b"e-1"), ("trace", b"")]
    assert twice == once


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (None, b"x" * (LARGEST_LETTER + 1), []),
        (b"k" * LARGEST_LETTER, b"x", []),
        (b"k", b"x", [("h", b"v" * LARGEST_LETTER)]),
        (b"k", b"x", [("n" * LARGEST_LETTER, None)]),
    ],
    ids=["value", "key", "header", "name"],
)
def test_what_is_larger_than_the_topic_takes_is_cut(
    key: bytes | None, value: bytes, headers: list[tuple[str, bytes | None]]
) -> None:
    """A compressed batch can hold a record of any size: the letter says how large it was, and where the whole lies."""
    letter = dead_letter_content(Refusal("too_large", "large"), ORIGIN, key, value, headers)
    stated = {name: content.decode() for name, content in letter.headers}
    assert stated["error.cut"] == str(len(value))
    assert stated["__connect.errors.offset"] == "1042"
    assert list(validator("dead-letters.schema.json").iter_errors(stated)) == []
    assert value.startswith(letter.value or b"")
    assert sum(map(len, (letter.key or b"", letter.value or b"", *stated, *stated.values()))) < 200_000


def test_what_the_topic_takes_is_whole() -> None:
    """To the last byte."""
    value = b"x" * (LARGEST_LETTER - 1)
    letter = dead_letter_content(Refusal("too_large", "large"), ORIGIN, b"k", value)
    assert (letter.key, letter.value) == (b"k", value)
    assert "error.cut" not in dict(letter.headers)


def test_the_topic_takes_the_largest_letter() -> None:
    """With its own headers, messages and pointers at their longest."""
    most = int(load_manifest()["dead-letters"].config["max.message.bytes"])
    longest = dead_letter_headers(
        Refusal("schema", "\N{GRINNING FACE}" * 9_999, "/" + "\N{GRINNING FACE}" * 9_999), ORIGIN
    )
    assert LARGEST_LETTER + sum(len(name) + len(value) + 20 for name, value in longest) + 1_000 < most
