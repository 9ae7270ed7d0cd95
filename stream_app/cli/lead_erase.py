"""`stream-app lead erase`: have a running system forget a person."""

import asyncio
import time
from typing import Annotated

import typer

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, manifest_of
from stream_app.cli.console import print_json, say
from stream_app.errors import KnownError

_AFTER = 2.0  # seconds: what is quicker needs no word


def add(group: typer.Typer) -> None:
    """Add this module's command to the group `lead`."""
    group.command(epilog="Example: stream-app lead erase ann@acme.example")(erase)


def erase(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="user:ID, email:ADDRESS or anon:ID, any that the lead is known by; or a bare address."
        ),
    ],
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is done.")] = True,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait.")] = 60.0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Erase a lead: its state, its scores, its share in its account, and all its keys.

    The workers do it, in order with the events, and say so on the topic transitions. Events up to now that arrive later
    are dropped. What the event topics and the inboxes keep is yours to expire: docs/erasure.md says how. Exits with 1 where
    nothing was known of the key; it is kept from coming back all the same.
    """
    asyncio.run(_erase(key, bootstrap, prefix, timeout if wait else None, json))


async def _erase(text: str, bootstrap: str | None, prefix: str, wait: float | None, json: bool) -> None:
    from stream_app.serving.erasure import erase as ask
    from stream_app.serving.keys import keys_meant

    meant = keys_meant(text)
    if len(meant) > 1 and not meant[0].startswith("email:"):
        raise KnownError(f"{text}: which one? {' or '.join(meant)}")
    told = [0.0]

    def waiting(seconds: float) -> None:
        if seconds - told[0] >= _AFTER:
            told[0] = seconds
            say(f"waiting for the workers: {seconds:.0f} s")

    broker, manifest, now = broker_of(bootstrap), manifest_of(prefix), int(time.time() * 1000)
    made = await ask(broker, manifest, meant[0], now, wait=wait, waiting=waiting)
    if json:
        print_json({"request": made.request, "key": made.key, "erased": list(made.documents)})
    if wait is None:
        say(f"asked for the erasure of {made.key}: request {made.request}")
        return
    for document in () if json else made.documents:
        of = "" if document["alias_of"] is None else f", an alias of {document['alias_of']}"
        unknown = "" if document["known"] else ": nothing was known of it"
        typer.echo(f"erased {document['lead']}{of}{unknown}")
    if not made.known:
        raise typer.Exit(1)
