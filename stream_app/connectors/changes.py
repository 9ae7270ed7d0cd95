"""A record of the worker's outputs as a change. Pure."""

import uuid
from typing import Any, Literal

import orjson

from stream_app.connectors.contract import Change, Kind, Place
from stream_app.engine.times import parse_time


class NotAChangeError(ValueError):
    """A record that is none of ours; the message says why, without its content."""


def change_of(place: Place, key: bytes | None, value: bytes | None) -> Change | None:
    """The change that a record of `transitions`, `lead-scores` or `account-scores` tells; None for a tombstone.

    Raises `NotAChangeError`.
    """
    if value is None:
        return None
    try:
        document = orjson.loads(value)
    except ValueError:
        raise NotAChangeError("not JSON") from None
    if not isinstance(document, dict):
        raise NotAChangeError("not an object")
    return change_of_document(place, document)


def change_of_document(place: Place, document: dict[str, Any]) -> Change:
    """The same, of what was parsed already. Raises `NotAChangeError`."""
    try:
        subject: Literal["lead", "account"] = "account" if document.get("subject") == "account" else "lead"
        key = _text(document["account_id" if subject == "account" else "lead"])
        at = parse_time(_text(document["at"]))
        if document.get("erased") is True:
            return Change(str(uuid.UUID(_text(document["id"]))), Kind.erased, subject, key, at, document, place)
        if "ladder" in document:
            return Change(str(uuid.UUID(_text(document["id"]))), Kind.transition, subject, key, at, document, place)
        name = f"{subject}:{key}|score|{int(document['revision'])}"
        return Change(str(uuid.uuid5(uuid.NAMESPACE_URL, name)), Kind.score, subject, key, at, document, place)
    except KeyError as error:
        raise NotAChangeError(f"it has no {error.args[0]}") from None
    except (TypeError, ValueError) as error:
        raise NotAChangeError(f"neither transition, score nor erasure: {type(error).__name__}") from None


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("not a text")
    return value
