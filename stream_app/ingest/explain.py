"""Which field of a refused event is wrong, and why, said by the event's JSON Schema. Off the hot path, but not far.

The rule of this module: what a bad event costs is in proportion to its bytes. The schema stops at the first fault: an
event of 32 KiB can have ten thousand, and to name them all takes 30 ms.
"""

import re
from functools import cache
from typing import Any

import jsonschema_rs
import msgspec

from stream_app.contracts import validator
from stream_app.engine.times import parse_time
from stream_app.ingest.refusal import Refusal

_LONGEST_MESSAGE = 300
_OF_TOPIC = {"crm": "crm-events.schema.json", "account": "account-events.schema.json"}
_PLACE = re.compile(r" - at `\$\.?([\w.]*)", re.ASCII)


def refusal_of(raw: bytes, channel: str | None, error: Exception | None) -> Refusal:
    """The refusal of an event that the decoder did not accept. `error` is what the decoder said, if it spoke.

    `channel` is the topic's default. Values of the event are not quoted: messages reach logs.
    """
    try:
        event = msgspec.json.decode(raw)
    except msgspec.ValidationError as fault:
        return _of_decoder(error or fault)
    except RecursionError:
        return Refusal("schema", "nested too deep")
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        return Refusal("not_json", str(fault))
    try:
        return _first_fault(event, channel) or _unexplained(event, error)
    except ValueError:  # jsonschema_rs refuses to look deeper than 255 levels
        return Refusal("schema", "nested too deep")


def _first_fault(event: Any, channel: str | None) -> Refusal | None:
    """The first fault that the schema finds; one of the content before the lack of an identity."""
    found = _fault_by(_schema(channel), event)
    if found is not None and found.code == "no_identity":
        return _fault_by(_schema(None), event) or found
    return found


def _fault_by(schema: jsonschema_rs.Draft202012Validator, event: Any) -> Refusal | None:
    try:
        schema.validate(event)
    except jsonschema_rs.ValidationError as fault:
        return _refusal(fault)
    return None


@cache
def _schema(channel: str | None) -> jsonschema_rs.Draft202012Validator:
    return validator(_OF_TOPIC.get(channel or "", "event.schema.json"), mask="the value")


def _refusal(fault: jsonschema_rs.ValidationError) -> Refusal:
    """Missing keys of a person or an account are `no_identity`, all else is `schema`."""
    if "identity" in fault.schema_path:
        needed = "one of user_id, email, anonymous_id (account_id on the account channel) is needed"
        return Refusal("no_identity", needed)
    if "crm" in fault.schema_path and isinstance(fault.kind, jsonschema_rs.ValidationErrorKind.AnyOf):
        return Refusal("schema", "unlink carries two of user_id, email and anonymous_id")
    path = list(fault.instance_path)
    if path == ["time"]:
        return Refusal("schema", "expected an RFC 3339 time with an offset, such as 2026-03-01T10:00:00Z", "/time")
    match fault.kind:
        case jsonschema_rs.ValidationErrorKind.AdditionalProperties(unexpected=names):
            return Refusal("schema", "unknown field", pointer_of([*path, names[0]]))
        case jsonschema_rs.ValidationErrorKind.Required(property=name):
            return Refusal("schema", "missing", pointer_of([*path, name]))
    message = fault.message if len(fault.message) <= _LONGEST_MESSAGE else fault.message[:_LONGEST_MESSAGE] + "..."
    return Refusal("schema", message, pointer_of(path))


def pointer_of(path: list[str | int]) -> str:
    """The JSON pointer (RFC 6901) of a path."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _unexplained(event: dict[str, Any], error: Exception | None) -> Refusal:
    """What the schema cannot say: a time just outside the calendar, a name given twice and once wrong."""
    try:
        parse_time(event["time"])
    except ValueError as fault:
        return Refusal("schema", str(fault), "/time")
    return _of_decoder(error)


def _of_decoder(error: Exception | None) -> Refusal:
    message, found = str(error), _PLACE.search(str(error))
    if found is None:
        return Refusal("schema", message)
    return Refusal("schema", message[: found.start()], pointer_of([part for part in found[1].split(".") if part]))
