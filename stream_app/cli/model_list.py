"""`stream-app model list`: every publication and generation, and how far the lanes are."""

import asyncio
from typing import TYPE_CHECKING

import typer

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, manifest_of
from stream_app.cli.console import Json, print_json, print_table, say

if TYPE_CHECKING:
    from stream_app.publishing.registry import Registry


def add(group: typer.Typer) -> None:
    """Add this module's command to `stream-app model`."""
    group.command("list", epilog="Example: stream-app model list --json")(list_versions)


def list_versions(bootstrap: Bootstrap = None, prefix: Prefix = "", json: Json = False) -> None:
    """List every publication: of which version, when, by whom, why; which is live, how far the lanes are with it; what waits for
    approvals; and shadows, rebuilds and quarantines.
    """
    from stream_app.publishing.documents import registry_json
    from stream_app.publishing.reading import registry_at

    registry, lanes = asyncio.run(registry_at(broker_of(bootstrap), manifest_of(prefix)))
    if json:
        print_json(registry_json(registry, lanes))
        return
    print_table(
        ["number", "version", "model", "state", "published", "by", "transitions", "note"], _publications(registry)
    )
    if registry.generations:
        print_table(
            ["generation", "version", "for", "state", "begun", "by", "transitions", "note"], _generations(registry)
        )
    live = registry.live
    if live is None:
        say("no version was published: each worker scores by its own --model")
        return
    have = [lane for lane in registry.lanes if lane.number == live.number]
    left = sum(lane.left for lane in have)
    said = f"{len(have)} of {lanes} lanes have {live.version[:12]}"
    if left:
        said += f"; {left} to restate"
    elif len(have) == lanes:
        said += "; all is restated"
    say(said)


def _publications(registry: "Registry") -> list[list[str]]:
    """A row a proposal, then a row a publication, the newest first."""
    from stream_app.engine.times import format_time
    from stream_app.publishing.registry import SHORT

    versions = registry.newest_first
    waiting = [(version, version.proposal) for version in versions if version.proposal is not None]
    rows = [
        ["", one.version[:SHORT], one.model, f"needs {', '.join(asked.missing)}", format_time(asked.proposed_at)]
        + [asked.by, asked.mode, asked.note]
        for one, asked in waiting
    ]
    made = sorted(((last, one) for one in versions for last in one.publications), key=lambda pair: -pair[0].number)
    number = registry.live.number if registry.live is not None else 0
    for last, one in made:
        state = "live" if last.number == number else "was live"
        rows.append([str(last.number), one.version[:SHORT], one.model, state, format_time(last.published_at)])
        rows[-1] += [last.by, last.mode, last.note]
    return rows


def _generations(registry: "Registry") -> list[list[str]]:
    """A row a shadow, rebuild or quarantine, the newest first."""
    from stream_app.engine.times import format_time
    from stream_app.publishing.registry import SHORT

    return [
        [
            str(one.number),
            one.version[:SHORT],
            one.purpose,
            one.status.replace("_", " ") + (f", as publication {one.publication}" if one.publication else ""),
            format_time(one.started_at),
            one.by,
            one.mode,
            "; ".join(filter(None, (", ".join(map(str, one.added)), one.note))),
        ]
        for one in reversed(registry.generations)
    ]
