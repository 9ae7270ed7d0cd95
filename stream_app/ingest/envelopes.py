"""Producers' envelopes: the framing of schema registries and CloudEvents 1.0 (Kafka protocol binding, both modes).

Sources: the Confluent wire format (byte 0, four bytes of schema id, then the document); CloudEvents 1.0.2, JSON format
and Kafka protocol binding section 3. An envelope is rewritten to a native event, its parts spliced and not decoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from stream_app.ingest.refusal import Refusal

Headers = Sequence[tuple[str, bytes | None]]

_FRAME = 5
_STRUCTURED = "application/cloudevents"
_OURS = {"id": "event_id", "type": "type", "time": "time"}

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Envelope:
    """A native event out of its envelope. `moved` says where each top-level field was; the others were in `data`."""

    event: bytes
    moved: dict[str, str] = field(default_factory=dict)
    data: str = ""

    def pointer(self, native: str) -> str:
        """The pointer into the original record for one into the native event."""
        if not native:
            return ""
        first, _, rest = native[1:].partition("/")
        start = self.moved.get(first, f"{self.data}/{first}")
        return f"{start}/{rest}" if rest else start


def unwrap(raw: bytes, headers: Headers) -> Envelope:
    """The native event in a record: unframed, and out of its CloudEvents envelope if it has one. Raises `Refusal`."""
    if raw[:1] == b"\0":
        raw = raw[_FRAME:]
    content_type = (_header(headers, "content-type") or "").lower()
    if content_type.startswith(_STRUCTURED):
        return _structured(raw, content_type)
    if _header(headers, "ce_specversion") is not None:
        return _binary(raw, headers)
    return Envelope(raw)


def _header(headers: Headers, name: str) -> str | None:
    for key, value in headers:
        if key.lower() == name and value is not None:
            try:
                return value.decode()
            except UnicodeDecodeError:
                raise Refusal("schema", f"the header {name} is not UTF-8") from None
    return None


def _structured(raw: bytes, content_type: str) -> Envelope:
    media_type = content_type.partition(";")[0].strip()
    if media_type != "application/cloudevents+json":
        raise Refusal("schema", "of CloudEvents' formats only application/cloudevents+json is accepted")
    envelope = _object(raw, "a CloudEvent is a JSON object", "")
    _require_version(envelope.get("specversion"))
    data = _object(bytes(envelope.get("data", b"")) or b"{}", "data must be a JSON object", "/data")
    _forbid_twice(data, "/data")
    fields = {ours: envelope[theirs] for theirs, ours in _OURS.items() if theirs in envelope}
    moved = {ours: f"/{theirs}" for theirs, ours in _OURS.items()}
    return Envelope(msgspec.json.encode(fields | data), moved=moved, data="/data")


def _binary(raw: bytes, headers: Headers) -> Envelope:
    _require_version(msgspec.Raw(msgspec.json.encode(_header(headers, "ce_specversion"))))
    data = _object(raw or b"{}", "the value must be a JSON object", "")
    _forbid_twice(data, "")
    stated = {ours: _header(headers, f"ce_{theirs}") for theirs, ours in _OURS.items()}
    fields = {ours: msgspec.Raw(msgspec.json.encode(value)) for ours, value in stated.items() if value is not None}
    return Envelope(msgspec.json.encode(fields | data), moved=dict.fromkeys(_OURS.values(), ""))


def _require_version(stated: msgspec.Raw | None) -> None:
    if stated is None or bytes(stated) != b'"1.0"':
        raise Refusal("schema", "the specversion of a CloudEvent must be 1.0", "/specversion")


def _object(raw: bytes, otherwise: str, pointer: str) -> dict[str, msgspec.Raw]:
    try:
        return _members(raw)
    except msgspec.ValidationError:
        raise Refusal("schema", otherwise, pointer) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refusal("not_json", str(error)) from None


def _forbid_twice(data: dict[str, msgspec.Raw], pointer: str) -> None:
    for name in _OURS.values():
        if name in data:
            raise Refusal("schema", "the CloudEvent's own attributes say this", f"{pointer}/{name}")
