"""CloudEvents 1.0 in both Kafka content modes, and the framing of schema registries."""

import msgspec
import pytest

from stream_app.ingest import Refusal, parse_event
from stream_app.ingest.envelopes import Headers

NATIVE = {
    "event_id": "e-1",
    "type": "page_view",
    "time": "2026-03-01T10:00:00Z",
    "user_id": "u-42",
    "facts": {"a": None},
}
REST = {"user_id": "u-42", "facts": {"a": None}}
CLOUD = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/site",
    "type": "page_view",
    "time": "2026-03-01T10:00:00Z",
    "data": REST,
}
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=UTF-8")]
BINARY: Headers = [
    ("content-type", b"application/json"),
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e-1"),
    ("ce_source", b"/site"),
    ("ce_type", b"page_view"),
    ("ce_time", b"2026-03-01T10:00:00Z"),
]


def _refused(value: object, headers: Headers) -> tuple[str, str]:
    with pytest.raises(Refusal) as refused:
        parse_event(value if isinstance(value, bytes) else msgspec.json.encode(value), channel="web", headers=headers)
    return refused.value.code, refused.value.pointer


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (CLOUD, STRUCTURED),
        ({**CLOUD, "subject": "s", "traceparent": "00-0-0-00", "dataschema": "x:y"}, STRUCTURED),
        (REST, BINARY),
        (NATIVE, [("content-type", b"application/json"), ("trace", None)]),
    ],
)
def test_every_envelope_holds_the_same_event(value: object, headers: Headers) -> None:
    """`id`, `type`, `time` become the event's, `data` the rest; extensions and other headers say nothing to us."""
    plain = parse_event(msgspec.json.encode(NATIVE), channel="web")
    assert parse_event(msgspec.json.encode(value), channel="web", headers=headers) == plain


@pytest.mark.parametrize(("value", "headers"), [(NATIVE, ()), (CLOUD, STRUCTURED), (REST, BINARY)])
def test_the_framing_of_a_registry_is_taken_off(value: object, headers: Headers) -> None:
    """Byte 0 and four bytes of schema id; JSON never starts with byte 0."""
    framed = b"\0\0\0\0\x07" + msgspec.json.encode(value)
    assert parse_event(framed, channel="web", headers=headers).event_id == "e-1"


@pytest.mark.parametrize(
    ("value", "headers", "expected"),
    [
        (CLOUD | {"data": {**REST, "zz": 1}}, STRUCTURED, ("schema", "/data/zz")),
        (CLOUD | {"data": {"user_id": "u", "properties": {"a": [{}]}}}, STRUCTURED, ("schema", "/data/properties/a/0")),
        (CLOUD | {"data": {}}, STRUCTURED, ("no_identity", "")),
        (CLOUD | {"data": {**REST, "event_id": "e-2"}}, STRUCTURED, ("schema", "/data/event_id")),
        (CLOUD | {"data": "text"}, STRUCTURED, ("schema", "/data")),
        (CLOUD | {"time": "yesterday"}, STRUCTURED, ("schema", "/time")),
        (CLOUD | {"id": ""}, STRUCTURED, ("schema", "/id")),
        (CLOUD | {"specversion": "0.3"}, STRUCTURED, ("schema", "/specversion")),
        ([CLOUD], STRUCTURED, ("schema", "")),
        (b"{", STRUCTURED, ("not_json", "")),
        (b"\0\0", (), ("not_json", "")),
        (CLOUD, [("content-type", b"application/cloudevents+avro")], ("schema", "")),
        ([CLOUD], [("content-type", b"application/cloudevents-batch+json")], ("schema", "")),
        ({**REST, "zz": 1}, BINARY, ("schema", "/zz")),
        (REST, BINARY[:-1], ("schema", "")),
        (REST, [*BINARY[:2], ("ce_id", b"\xff")], ("schema", "")),
        ({**REST, "time": "2026-03-01T10:00:00Z"}, BINARY, ("schema", "/time")),
        (REST, [("ce_specversion", b"2.0")], ("schema", "/specversion")),
    ],
)
def test_bad_envelopes_are_refused_in_the_envelopes_terms(
    value: object, headers: Headers, expected: tuple[str, str]
) -> None:
    """The pointer leads into the record as it was sent, not into what we made of it."""
    assert _refused(value, headers) == expected
