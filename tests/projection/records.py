"""Records of the published topics, as a worker of ours writes them."""

from dataclasses import dataclass
from typing import Any

import orjson

from stream_app.engine.times import format_time, parse_time
from stream_app.serving.projection.changes import Change, change_of

START = parse_time("2026-03-02T09:00:00Z")
VERSION = "0" * 64


@dataclass(frozen=True)
class Record:
    """A record as it lies in a topic."""

    topic: str
    offset: int
    key: bytes | None
    value: bytes | None
    partition: int = 0
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def score_document(key: str, revision: int, total: float, **more: Any) -> dict[str, Any]:
    """A lead's score record; `minute` is when its latest activity was."""
    at = format_time(START + more.pop("minute", revision) * 60_000)
    return {
        "lead": key,
        "account_id": None,
        "model": {"id": "small", "version": VERSION},
        "at": at,
        "scores": {"total": total, "fit": 1},
        "raw": {"total": float(total), "fit": 1.0},
        "grades": {},
        "bands": {"warmth": "warm" if total >= 30 else "cold"},
        "stages": {"lifecycle": "mql" if total >= 30 else "known"},
        "seq": {"lifecycle": 0},
        "reasons": [{"rule": "view", "score": "total", "points": float(total), "count": 1, "last_at": at}],
        "revision": revision,
        "suppressed": False,
        "owner": None,
        **more,
    }


def score(offset: int, key: str, revision: int, total: float, **more: Any) -> Change:
    """The change that a lead's score record makes."""
    document = score_document(key, revision, total, **more)
    return change("lead-scores", offset, key, orjson.dumps(document))


def tombstone(offset: int, key: str) -> Change:
    """The change that a lead's tombstone makes."""
    return change("lead-scores", offset, key, None)


def move_document(key: str, seq: int, minute: int = 0) -> dict[str, Any]:
    """A lead's transition (the fields that a reader of it needs)."""
    at = format_time(START + minute * 60_000)
    return {"id": f"{key}-{seq}", "subject": "lead", "lead": key, "ladder": "lifecycle", "seq": seq, "at": at}


def move(offset: int, key: str, seq: int) -> Change:
    """The change that a transition makes."""
    return change("transitions", offset, key, orjson.dumps(move_document(key, seq)))


def erased(offset: int, key: str, minute: int) -> Change:
    """The change that an erasure makes."""
    document = {"subject": "lead", "lead": key, "erased": True, "at": format_time(START + minute * 60_000)}
    return change("transitions", offset, key, orjson.dumps(document))


def change(base: str, offset: int, key: str | bytes, value: bytes | None) -> Change:
    """The change that a record makes."""
    raw = key.encode() if isinstance(key, str) else key
    found = change_of(base, Record(base, offset, raw, value))
    assert found is not None
    return found
