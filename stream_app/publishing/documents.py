"""Versions and lanes as JSON, as `stream-app model list` and its siblings print them."""

import msgspec

from stream_app.engine.times import format_time
from stream_app.publishing.generation import Generation
from stream_app.publishing.registry import Registry, Version


def registry_json(registry: Registry, lanes: int) -> dict[str, object]:
    """The registry without the documents; `settled` says whether every lane has the live version and restated all."""
    live = registry.live
    return {
        "live": None if live is None else live.version,
        "number": 0 if live is None else live.number,
        "versions": [version_json(one) for one in registry.newest_first],
        "generations": [generation_json(one) for one in registry.generations],
        "lanes": [msgspec.to_builtins(one) for one in registry.lanes],
        "lanes_in_all": lanes,
        "settled": live is not None
        and sum(one.number == live.number and not one.left for one in registry.lanes) == lanes,
    }


def generation_json(generation: Generation) -> dict[str, object]:
    """A generation of tables; times as the other commands print them."""
    return {
        "generation": generation.number,
        "purpose": generation.purpose,
        "status": generation.status,
        "model": generation.model,
        "version": generation.version,
        "started_at": format_time(generation.started_at),
        "by": generation.by,
        "note": generation.note,
        "transitions": generation.mode,
        "condemned": [str(one) for one in generation.condemned],
        "added": [str(one) for one in generation.added],
        "released": [str(one) for one in generation.released],
        "publication": generation.publication or None,
        "approvals": generation.approvals,
        "missing": generation.missing,
    }


def version_json(version: Version) -> dict[str, object]:
    """A version without its document; times as the other commands print them."""
    waiting = version.proposal
    return {
        "version": version.version,
        "model": version.model,
        "number": version.number,
        "publications": [
            {
                "number": one.number,
                "published_at": format_time(one.published_at),
                "at": format_time(one.at),
                "by": one.by,
                "note": one.note,
                "transitions": one.mode,
                "approvals": one.approvals,
            }
            for one in version.publications
        ],
        "proposal": None
        if waiting is None
        else {
            "proposed_at": format_time(waiting.proposed_at),
            "by": waiting.by,
            "note": waiting.note,
            "transitions": waiting.mode,
            "approvals": waiting.approvals,
            "missing": waiting.missing,
        },
    }
