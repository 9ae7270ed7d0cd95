"""A lead's history as JSON, as `stream-app lead history --json` prints it."""

from typing import Any

import msgspec

from stream_app.engine.times import format_time
from stream_app.history.beside import beside
from stream_app.history.lead_past import LeadPast
from stream_app.history.lead_rows import Row, Then
from stream_app.history.tracks import Document, Side, Version


def history_json(past: LeadPast, rows: list[Row], total: int) -> Document:
    """Rows of a history that has `total` of them."""
    return {**_head(past), "rows_total": total, "rows": [_row(row) for row in rows]}


def moment_json(past: LeadPast, at: int, found: list[Then]) -> Document:
    """A person at one time."""
    leads = [
        {
            "lead": one.lead,
            "version": _version(one.version),
            "scores": {name: msgspec.to_builtins(score) for name, score in beside(one.then, one.today).items()},
            "then": _side(one.sides.then),
            "today": _side(one.sides.today),
        }
        for one in found
    ]
    return {**_head(past), "at": format_time(at), "leads": leads}


def _head(past: LeadPast) -> Document:
    whole = past.past
    return {
        "lead": whole.lead,
        "keys": sorted(whole.follow),
        "until": format_time(whole.until),
        "against": {"id": whole.today.name, "version": whole.today.version},
        "notes": past.notes,
    }


def _version(version: Version) -> Document:
    return {"id": version.model.name, "version": version.model.version, "number": version.number}


def _side(side: Side | None) -> Document | None:
    return None if side is None else side._asdict()


def _row(row: Row) -> Document:
    told: Document = {
        "at": format_time(row.at),
        "what": row.what,
        "lead": row.lead,
        "version": _version(row.version),
        "event": None,
        "then": _side(row.sides.then),
        "today": _side(row.sides.today),
        "differs": row.differs,
        "transitions": [{**move, "told": word} for move, word in zip(row.moves, row.told, strict=True)],
        "transitions_today": row.today,
        "joined": row.joined,
        "notes": row.notes,
    }
    if row.event is not None:
        event: dict[str, Any] = {"own": row.own, "channel": row.event.channel, "type": row.event.type}
        if row.own:  # what another did is not told of this one
            event |= {"event_id": row.event.event_id, "time": format_time(row.event.time)}
            event["quarantined"] = row.quarantined
        told["event"] = event
    if row.what == "version":
        told["publication"] = _publication(row.version)
    return told


def _publication(version: Version) -> Document:
    told: Document = {"number": version.number, "by": version.by, "note": version.note, "mode": version.mode}
    generation = version.generation
    if generation is not None:
        told["generation"] = {"number": generation.number, "purpose": generation.purpose}
        told["generation"] |= {name: [str(one) for one in getattr(generation, name)] for name in ("added", "released")}
    return told
