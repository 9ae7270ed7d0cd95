"""Dead letters say where the record was and why it was refused, in Kafka Connect's words."""

import msgspec

from stream_app.contracts import validator
from stream_app.ingest import Refusal
from stream_app.ingest.dead_letters import Origin, dead_letter_headers, original_headers

ORIGIN = Origin("web-events", 3, 1042)
CE = [("ce_id", b"e-1"), ("trace", None)]


def test_the_headers_name_the_record_and_the_reason() -> None:
    """S099: nothing is dropped silently."""
    assert dead_letter_headers(Refusal("schema", "missing", "/event_id"), ORIGIN) == [
        ("__connect.errors.topic", b"web-events"),
        ("__connect.errors.partition", b"3"),
        ("__connect.errors.offset", b"1042"),
        ("__connect.errors.stage", b"VALUE_CONVERTER"),
        ("__connect.errors.class.name", b"stream_app.ingest.Refusal"),
        ("__connect.errors.exception.message", b"missing"),
        ("error.code", b"schema"),
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
