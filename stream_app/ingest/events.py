"""The native event (formats.md, "An event"): bytes -> `Activity`, in about two microseconds.

The rule of this module: msgspec decodes and checks in one step, and what it accepts is exactly what the event's JSON
Schema accepts (a property test holds that). Only an event that fails is looked at again, by `explain.py` with the
schema itself, to say which field is wrong.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from stream_app.engine.activity import Activity
from stream_app.engine.times import parse_time
from stream_app.ingest import limits
from stream_app.ingest.crm import is_valid_crm
from stream_app.ingest.envelopes import Headers, unwrap
from stream_app.ingest.explain import refusal_of
from stream_app.ingest.refusal import Refusal

_Id = Annotated[str, Meta(min_length=1, max_length=limits.ID_LENGTH)]
_Email = Annotated[str, Meta(min_length=1, max_length=limits.EMAIL_LENGTH)]
_Name = Annotated[str, Meta(min_length=1, max_length=limits.NAME_LENGTH)]
_String = Annotated[str, Meta(max_length=limits.STRING_LENGTH)]
_Int = Annotated[int, Meta(gt=-limits.NUMBER, le=limits.NUMBER - 1)]
_Float = Annotated[float, Meta(gt=-float(limits.NUMBER), lt=float(limits.NUMBER))]
_Scalar = _String | _Int | _Float | bool
_Value = _Scalar | Annotated[list[_Scalar], Meta(max_length=limits.ENTRIES)]
_Properties = Annotated[dict[_Name, _Value], Meta(max_length=limits.ENTRIES)]
_Facts = Annotated[dict[_Name, _Value | None], Meta(max_length=limits.ENTRIES)]


class _Event(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    event_id: _Id
    type: _Name
    time: str
    channel: _Name | None = None
    user_id: _Id | None = None
    email: _Email | None = None
    anonymous_id: _Id | None = None
    account_id: _Id | None = None
    properties: _Properties = {}
    facts: _Facts = {}
    account_facts: _Facts = {}


_OURS = "stream-app."  # headers of the second hop, which no producer's survive: a lead on its way may be large
_decode = msgspec.json.Decoder(_Event).decode


def parse_event(raw: bytes | None, *, channel: str | None, headers: Headers = ()) -> Activity:
    """The activity that a record states. Raises `Refusal`.

    `raw` is the record's value; `headers` are the record's Kafka headers, which may make it a CloudEvent (structured
    or binary mode); the framing of a schema registry is taken off. `channel` is what an event gets that names none:
    its topic's, or None offline. E-mails come out trimmed and lower-cased. Whether the event is too late or of the
    future is decided later, where a clock is at hand.
    """
    if raw is None:
        raise Refusal("not_json", "the record has no value")
    if len(raw) > limits.EVENT_BYTES:
        raise Refusal("too_large", f"the event is larger than {limits.EVENT_BYTES} bytes")
    if headers or raw[:1] == b"\0":
        return _enveloped(raw, channel, headers)
    return parse_native(raw, channel)


def _enveloped(raw: bytes, channel: str | None, headers: Headers) -> Activity:
    if sum(len(name) + len(value or b"") for name, value in headers if name[:11] != _OURS) > limits.HEADER_BYTES:
        raise Refusal("too_large", f"the record's headers are larger than {limits.HEADER_BYTES} bytes")
    envelope = unwrap(raw, headers)
    try:
        return parse_native(envelope.event, channel)
    except Refusal as refusal:
        raise Refusal(refusal.code, refusal.message, envelope.pointer(refusal.pointer)) from None


def parse_native(raw: bytes, channel: str | None) -> Activity:
    """As `parse_event`, for an event in the native dialect without any envelope."""
    try:
        event = _decode(raw)
        time = parse_time(event.time)
    except (msgspec.DecodeError, ValueError) as error:  # UnicodeDecodeError is a ValueError
        raise refusal_of(raw, channel, error) from None
    email = event.email
    if email is not None:
        email = email.strip().lower()
        if not email:
            raise Refusal("schema", "the e-mail is blank", "/email")
    channel = event.channel or channel
    if event.user_id is None and email is None and event.anonymous_id is None and event.account_id is None:
        raise Refusal("no_identity", "one of user_id, email, anonymous_id or account_id is needed")
    if channel == "crm" or channel == "account":
        _check_channel(raw, event, channel, email)
    return Activity(
        event_id=event.event_id,
        type=event.type,
        time=time,
        channel=channel,
        user_id=event.user_id,
        email=email,
        anonymous_id=event.anonymous_id,
        account_id=event.account_id,
        properties=event.properties,  # type: ignore[arg-type]  # a dict is invariant: "no null here" is narrower
        facts=event.facts,
        account_facts=event.account_facts,
    )


def _check_channel(raw: bytes, event: _Event, channel: str, email: str | None) -> None:
    if channel == "account":
        if event.account_id is None:
            raise Refusal("no_identity", "an event on the account channel needs account_id")
        return
    keys = (event.user_id is not None) + (email is not None) + (event.anonymous_id is not None)
    if not is_valid_crm(event.type, event.properties, keys):
        raise refusal_of(raw, channel, None)
