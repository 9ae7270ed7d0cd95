"""`stream-app lead history`: a lead as it was scored then, and as today's model would have scored it."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from stream_app.cli.broker import Bootstrap, Prefix
from stream_app.cli.console import Json, fail, print_json
from stream_app.cli.progress import PATIENCE, progress_bar
from stream_app.cli.reading import Limit, reading, time_given

if TYPE_CHECKING:
    from stream_app.engine.model.types import Model
    from stream_app.history.lead_past import LeadPast
    from stream_app.publishing.registry import Registry

Own = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        envvar="STREAM_APP_MODEL",
        help="The workers' own model, in force until one was published: a file, or a ready model's name. Default: what "
        "was published first; b2b-saas where nothing was.",
    ),
]
Against = Annotated[
    str | None,
    typer.Option(
        "--against",
        metavar="MODEL",
        help="Hold it against this instead of the live version: a file, a ready model's name, or a published version's "
        "first digits.",
    ),
]


def add(group: typer.Typer) -> None:
    """Add this module's command to the group `lead`."""
    group.command(epilog="Example: stream-app lead history ann@acme.example --against next.yaml")(history)


def history(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="user:ID, email:ADDRESS or anon:ID, any that the lead is known by; or a bare one."
        ),
    ],
    model: Own = None,
    against: Against = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    at: Annotated[
        int | None, typer.Option(metavar="TIME", parser=time_given, help="Show one moment, rule by rule.")
    ] = None,
    since: Annotated[
        int | None, typer.Option(metavar="TIME", parser=time_given, help="Leave out what was before.")
    ] = None,
    limit: Limit = 40,
    json: Json = False,
) -> None:
    """Show one lead over time: as it was scored then, and as today's model would have scored it.

    A row for each event that moved a score or a stage, each move that time alone made, each version that went live. It is
    computed from the retained events and held against the transitions on record; where these say otherwise, a note does.
    Exits with 1 where the lead is unknown or erased.
    """
    asyncio.run(_history(key, model, against, bootstrap, prefix, at, since, limit, json))


async def _history(
    text: str,
    model: str | None,
    against: str | None,
    bootstrap: str | None,
    prefix: str,
    at: int | None,
    since: int | None,
    limit: int,
    json: bool,
) -> None:
    from stream_app.history.lead_past import past_of_lead
    from stream_app.modelfiles import read_model
    from stream_app.publishing.reading import registry_of
    from stream_app.serving.keys import keys_meant
    from stream_app.serving.lookup import Erased

    meant, now = keys_meant(text), int(time.time() * 1000)
    own = None if model is None else read_model(model)
    async with reading(bootstrap, prefix) as reader:
        reader.partitions("lead-changelog")  # if that is missing, it is the one to name
        registry = await registry_of(reader)
        other = None if against is None else _against(against, registry)
        past = await past_of_lead(reader, registry, meant, own, other, now)
    if past is None:
        fail(f"{text}: no lead is known by this key", 1)
    if isinstance(past, Erased):
        fail(f"{text}: {past}", 1)
    if at is None:
        _show(past, since, limit, json)
    else:
        _show_moment(past, at, json)


def _against(text: str, registry: "Registry") -> "Model":
    from stream_app.modelfiles import is_known, read_model
    from stream_app.publishing.reading import model_of
    from stream_app.publishing.registry import names_version

    if is_known(text) or not names_version(text):
        return read_model(text)
    return model_of(registry.find(text))


def _show(past: "LeadPast", since: int | None, limit: int, json: bool) -> None:
    from stream_app.cli.lead_history_drawing import draw_history
    from stream_app.cli.subject_drawing import open_console
    from stream_app.history.lead_documents import history_json

    with progress_bar(after=PATIENCE) as bar:
        rows = [row for row in past.rows(bar) if since is None or row.at >= since]
    shown = rows[-limit:]
    if json:
        print_json(history_json(past, shown, len(rows)))
    else:
        draw_history(past, shown, len(rows), open_console(wide=True))


def _show_moment(past: "LeadPast", at: int, json: bool) -> None:
    from stream_app.cli.lead_history_drawing import draw_moment
    from stream_app.cli.subject_drawing import open_console
    from stream_app.history.lead_documents import moment_json

    with progress_bar(after=PATIENCE) as bar:
        found = past.moment(at, bar)
    if json:
        print_json(moment_json(past, at, found))
    else:
        draw_moment(past, at, found, open_console(wide=True))
