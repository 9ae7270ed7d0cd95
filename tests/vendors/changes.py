"""Transitions, scores and erasures as the worker writes them, made up."""

import uuid
from typing import Any

from stream_app.connectors.changes import change_of_document
from stream_app.connectors.contract import Change, Place
from stream_app.engine.times import format_time, parse_time

START = parse_time("2026-03-01T10:00:00Z")
MODEL = {"id": "b2b-saas", "version": "3f" * 32}
STAGES = ("awareness", "mql", "sql")


def transition(lead: str, seq: int, at: int = START, *, to: str = "mql", **more: Any) -> dict[str, Any]:
    """A lead's transition on `lifecycle`."""
    identity = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{lead}|{seq}"))
    return {
        "id": identity,
        "subject": "lead",
        "lead": lead,
        "account_id": "acme",
        "model": MODEL,
        "ladder": "lifecycle",
        "from": "awareness",
        "to": to,
        "direction": "up",
        "seq": seq,
        "at": format_time(at),
        "cause": {"kind": "activity", "event_id": f"e{seq}"},
        "scores": {"before": {"total": 34.1}, "after": {"total": 50.0 + seq}},
        "grades": {"profile": "B3"},
        "bands": {"temperature": "warm"},
        "reasons": [{"rule": "pricing_page", "score": "engagement", "points": 15.0}],
        "route": "marketing",
        "actions": {"campaign": "testimonials"},
        "holds_until": None,
        "restated": False,
        "suppressed": False,
        **more,
    }


def score(lead: str, revision: int, total: int, at: int = START) -> dict[str, Any]:
    """A lead's score record."""
    return {
        "lead": lead,
        "account_id": "acme",
        "model": MODEL,
        "at": format_time(at),
        "scores": {"total": total},
        "raw": {"total": float(total)},
        "grades": {},
        "bands": {},
        "stages": {"lifecycle": "mql"},
        "seq": {"lifecycle": 1},
        "reasons": [],
        "revision": revision,
        "suppressed": False,
        "owner": "kim",
    }


def erased(lead: str, at: int = START) -> dict[str, Any]:
    """What is said of an erased lead."""
    identity = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{lead}|erased"))
    return {
        "id": identity,
        "subject": "lead",
        "lead": lead,
        "erased": True,
        "at": format_time(at),
        "request": "r-1",
        "alias_of": None,
        "known": True,
        "aliases": [],
    }


def change(document: dict[str, Any], offset: int = 0, topic: str = "transitions") -> Change:
    """The change of a document at an offset of partition 0."""
    return change_of_document(Place(topic, 0, offset), document)
