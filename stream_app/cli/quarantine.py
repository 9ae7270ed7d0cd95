"""`stream-app quarantine`: take back what a condemned source contributed."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, manifest_of
from stream_app.cli.console import Json, fail, print_json, print_table, say
from stream_app.cli.model_generations import Clock, Hold, Jobs, Lossy, Ways, Within, build, built, place_of
from stream_app.cli.model_publish import By, Group, Moves, Note, Transitions, terms_of
from stream_app.cli.reading import time_given
from stream_app.cli.worker import ClockChoice
from stream_app.errors import KnownError

if TYPE_CHECKING:
    from stream_app.engine.model.types import Model
    from stream_app.ingest.condemned import Condemned
    from stream_app.publishing.publisher import Terms
    from stream_app.publishing.registry import Registry
    from stream_app.publishing.succeeding import Place

Values = list[str] | None


def register(app: typer.Typer) -> None:
    """Add this module's command."""
    app.command(
        epilog="Example: stream-app quarantine --ip 203.0.113.0/24 --since 2026-11-01T00:00:00Z --note 'link scanner'"
    )(quarantine)


def quarantine(
    ip: Annotated[
        Values, typer.Option("--ip", metavar="ADDRESS", help="An address or a network: property `ip`.")
    ] = None,
    user_agent: Annotated[
        Values,
        typer.Option("--user-agent", metavar="TEXT", help="A part of the property `user_agent`, whatever its case."),
    ] = None,
    campaign: Annotated[
        Values,
        typer.Option("--campaign", metavar="ID", help="The property `campaign`, `campaign_id` or `utm_campaign`."),
    ] = None,
    source: Annotated[
        Values, typer.Option("--source", metavar="NAME", help="The property or fact `source`, or `utm_source`.")
    ] = None,
    where: Annotated[Values, typer.Option("--where", metavar="NAME=VALUE", help="Any other property.")] = None,
    since: Annotated[
        int | None, typer.Option(metavar="TIME", parser=time_given, help="Only events of this time or later.")
    ] = None,
    before: Annotated[
        int | None, typer.Option(metavar="TIME", parser=time_given, help="Only events before this time.")
    ] = None,
    release: Annotated[
        int | None,
        typer.Option(
            metavar="NUMBER",
            help="Let what a quarantine (its number in --list) condemned count again: rebuilds everything.",
        ),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List what is condemned, and do nothing.")] = False,
    transitions: Moves = Transitions.emit,
    by: By = None,
    note: Note = "",
    hold: Hold = False,
    jobs: Jobs = None,
    group: Group = "stream-app",
    clock: Clock = ClockChoice.wall,
    lossy: Lossy = False,
    within: Within = 120.0,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    json: Json = False,
) -> None:
    """Condemn sources: what they have contributed is taken back, and what they send from now on is refused.

    All is rebuilt from the retained events without theirs, beside the live scores, and put in their place. MQLs that rested on
    it fall, with this as their reason; who scores as before stands as before. With --hold, look first
    (`model compare`), then `model promote` or `model abandon`. Stopped half-way, say the same again.
    """
    if listed:
        asyncio.run(_list(bootstrap, prefix, json))
        return
    terms, ways = terms_of(transitions, by, note), Ways(jobs, clock.value, hold, lossy, json)
    if release is not None:
        place = place_of(bootstrap, prefix, group, within)
        build(_release(release, terms, ways, place))
        return
    added = _sources(ip, user_agent, campaign, source, where, since, before)
    place = place_of(bootstrap, prefix, group, within)
    build(_quarantine(added, terms, ways, place))


def _sources(
    ip: Values,
    user_agent: Values,
    campaign: Values,
    source: Values,
    where: Values,
    since: int | None,
    before: int | None,
) -> "list[Condemned]":
    from stream_app.ingest.condemned import Condemned, Quarantine

    found = [Condemned("ip", value, since, before) for value in ip or ()]
    found += [Condemned("user_agent", value, since, before) for value in user_agent or ()]
    found += [Condemned("campaign", value, since, before) for value in campaign or ()]
    found += [Condemned("source", value, since, before) for value in source or ()]
    found += [Condemned("property", value, since, before) for value in where or ()]
    if not found:
        fail("what is to be condemned? --ip, --user-agent, --campaign, --source or --where")
    try:
        Quarantine(found)
    except ValueError as error:
        raise KnownError(str(error)) from None
    return found


async def _quarantine(added: "list[Condemned]", terms: "Terms", ways: Ways, place: "Place") -> None:
    _, model = await _live(place)
    await built(model, "quarantine", terms, ways, place, added)


async def _release(number: int, terms: "Terms", ways: Ways, place: "Place") -> None:
    from stream_app.publishing.generation import condemned_now

    registry, model = await _live(place)
    found = next((one for one in registry.generations if one.number == number and one.added), None)
    if found is None:
        raise KnownError(f"there is no quarantine {number}: see 'stream-app quarantine --list'")
    now = condemned_now(list(registry.generations))
    left = [one for one in found.added if one in now]
    if not left:
        raise KnownError(f"what quarantine {number} condemned is not condemned now: see 'stream-app quarantine --list'")
    await built(model, "rebuild", terms, ways, place, released=left)


async def _live(place: "Place") -> "tuple[Registry, Model]":
    """The registry, and the live version. Raises `KnownError` where there is none."""
    from stream_app.publishing.reading import model_of, registry_at

    registry, _ = await registry_at(place.bootstrap, place.manifest)
    if registry.live is None:
        raise KnownError(
            "no version is published yet: publish the file that the workers were started with, once (nothing moves), then say "
            "this again"
        )
    return registry, model_of(registry.live)


async def _list(bootstrap: str | None, prefix: str, json: bool) -> None:
    from stream_app.publishing.documents import generation_json
    from stream_app.publishing.generation import condemned_now
    from stream_app.publishing.reading import registry_at

    registry, _ = await registry_at(broker_of(bootstrap), manifest_of(prefix))
    found, now = [one for one in registry.generations if one.added], condemned_now(list(registry.generations))
    if json:
        print_json({"condemned": list(map(str, now)), "quarantines": [generation_json(one) for one in found]})
        return
    rows = [
        [str(one.number), one.status.replace("_", " "), ", ".join(map(str, one.added)), one.by, one.note]
        for one in found
    ]
    print_table(["generation", "status", "condemned", "by", "note"], rows)
    say(f"condemned now: {', '.join(map(str, now)) or 'nothing'}")
