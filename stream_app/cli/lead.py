"""`stream-app lead show` and `export`: all that a running system knows of one lead."""

import asyncio
import importlib.util
import sys
from importlib import import_module
from typing import Annotated

import orjson
import typer

from stream_app.cli import lead_history
from stream_app.cli.broker import Bootstrap, Prefix
from stream_app.cli.console import Json, fail, print_json
from stream_app.cli.reading import At, Limit, Model, reading, scoring_now

Key = Annotated[
    str,
    typer.Argument(
        metavar="KEY", help="user:ID, email:ADDRESS or anon:ID, any that the lead is known by; or a bare one."
    ),
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(help="Look at one lead of a running system, and export what is known.", no_args_is_help=True)
    group.command(epilog="Example: stream-app lead show ann@acme.example --at 2026-04-01T00:00:00Z")(show)
    group.command(epilog="Example: stream-app lead export user:u-42 --events > u-42.ndjson")(export)
    lead_history.add(group)
    if importlib.util.find_spec("stream_app.cli.lead_erase") is not None:
        import_module("stream_app.cli.lead_erase").add(group)
    app.add_typer(group, name="lead")


def show(
    key: Key,
    model: Model = "b2b-saas",
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    at: At = None,
    limit: Limit = 10,
    timeline: Annotated[
        bool, typer.Option("--timeline", help="Add the lead's latest interactions, read from the event topics.")
    ] = False,
    json: Json = False,
) -> None:
    """Show one lead: profile, account, scores and why, stages, what comes next and when, transitions.

    Read from the worker's topics, as it last wrote them. Exits with 1 where the lead is unknown or erased.
    """
    asyncio.run(_show(key, model, bootstrap, prefix, at, limit, timeline, json))


async def _show(
    text: str, model: str, bootstrap: str | None, prefix: str, at: int | None, limit: int, timeline: bool, json: bool
) -> None:
    from stream_app.cli.lead_drawing import draw_lead
    from stream_app.cli.subject_drawing import open_console
    from stream_app.serving.keys import keys_meant
    from stream_app.serving.leads import view_of_lead
    from stream_app.serving.lookup import Erased
    from stream_app.serving.person import Person
    from stream_app.serving.timeline import timeline_of

    meant = keys_meant(text)
    async with reading(bootstrap, prefix) as reader:
        scoring = await scoring_now(reader, model)
        view = await view_of_lead(reader, scoring, meant, at, limit)
        if view is None:
            fail(f"{text}: no lead is known by this key", 1)
        if isinstance(view, Erased):
            fail(f"{text}: {view}", 1)
        found = await timeline_of(reader, Person(view.keys), limit) if timeline else None
    if json:
        told = view.as_json()
        print_json(told if found is None else {**told, "timeline": found.documents(), "timeline_total": found.seen})
    elif found is None:
        draw_lead(view, open_console())
    else:
        draw_lead(view, open_console(), found.documents(), found.seen)


def export(
    key: Key,
    model: Model = "b2b-saas",
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    events: Annotated[
        bool,
        typer.Option(
            "--events", help="Add every retained record about the person, as NDJSON: events, dead letters, inboxes."
        ),
    ] = False,
) -> None:
    """Print all that is known of one lead, machine readable: for access requests (GDPR articles 15 and 20).

    One JSON document. With --events it is the first line of NDJSON, each further line a record of the event topics, dead
    letters or inboxes; the last one says how many there were. Exits with 1 where nothing is known.
    """
    asyncio.run(_export(key, model, bootstrap, prefix, events))


async def _export(text: str, model: str, bootstrap: str | None, prefix: str, events: bool) -> None:
    from stream_app.serving.export import exported, records_about
    from stream_app.serving.keys import keys_meant

    meant = keys_meant(text)
    async with reading(bootstrap, prefix) as reader:
        scoring = await scoring_now(reader, model)
        document, person = await exported(reader, scoring, meant)
        if not events:
            if not document["known"]:
                gone = (
                    f"erased on {document['erased_at']}" if "erased_at" in document else "no lead is known by this key"
                )
                fail(f"{text}: {gone}; --events looks for records that name it", 1)
            print_json(document)
            return
        _print_line({"record": "lead", **document})
        count = 0
        async for record in records_about(reader, person):
            _print_line(record)
            count += 1
        _print_line({"record": "end", "records": count})
    if not document["known"] and not count:
        fail(f"{text}: nothing is known of this key", 1)


def _print_line(document: object) -> None:
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE))
