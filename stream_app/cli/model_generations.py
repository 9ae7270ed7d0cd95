"""`stream-app model rebuild`, `promote` and `abandon`: tables built beside the live ones, and in their place."""

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, manifest_of
from stream_app.cli.console import Json, fail, print_json, say
from stream_app.cli.model_publish import (
    Approvals,
    ApproveAs,
    By,
    File,
    Group,
    Moves,
    Note,
    Transitions,
    checked,
    terms_of,
)
from stream_app.cli.worker import ClockChoice
from stream_app.errors import KnownError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from stream_app.engine.model.types import Model
    from stream_app.ingest.condemned import Condemned
    from stream_app.publishing.generation import Generation, Purpose
    from stream_app.publishing.publisher import Terms
    from stream_app.publishing.succeeding import Place

Number = Annotated[int | None, typer.Option("--generation", metavar="NUMBER", help="Which, where there are several.")]
Within = Annotated[
    float,
    typer.Option(min=1, metavar="SECONDS", help="How long a step may take without getting on before it is given up."),
]
Jobs = Annotated[int | None, typer.Option(min=1, help="Worker processes for it. Default: one a core.")]
Clock = Annotated[ClockChoice, typer.Option(help="How time passes in it, as for the live workers.")]
Lossy = Annotated[
    bool,
    typer.Option(
        "--lossy", help="Build it although the event topics no longer hold all events: what they brought is lost."
    ),
]
Hold = Annotated[
    bool, typer.Option("--hold", help="Build it and stop there: look with `model compare`, then `model promote` it.")
]


def add(group: typer.Typer) -> None:
    """Add this module's commands to `stream-app model`."""
    group.command(
        epilog="Example: stream-app model rebuild new.yaml --transitions restated --note 'counts e-mails, too'"
    )(rebuild)
    group.command(epilog="Example: stream-app model promote --generation 3")(promote)
    group.command(epilog="Example: stream-app model abandon")(abandon)


def rebuild(
    model: File,
    transitions: Moves = Transitions.emit,
    by: By = None,
    note: Note = "",
    approve_as: ApproveAs = None,
    approvals: Approvals = "",
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
    """Compute all scores anew, from the retained events under a model, beside the live ones; then switch.

    This is how edits are applied that change what is counted. The live scores go on until the switch. Stopped or killed half-way,
    it leaves them as they are: say the same again to go on, or `model abandon`.
    """
    found = checked(model, None, False)
    terms = terms_of(transitions, by, note, approvals, approve_as)
    ways = Ways(jobs, clock.value, hold, lossy, json)
    build(built(found, "rebuild", terms, ways, place_of(bootstrap, prefix, group, within)))


def promote(
    number: Number = None,
    group: Group = "stream-app",
    within: Within = 120.0,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    json: Json = False,
) -> None:
    """Put a shadow, or what was built with --hold, in the place of the live scores. Its workers must be running.

    Nothing is replayed. What becomes of the transitions was said when it was begun.
    """
    asyncio.run(_promote(number, place_of(bootstrap, prefix, group, within), json))


def abandon(
    number: Number = None,
    group: Group = "stream-app",
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    json: Json = False,
) -> None:
    """Give up a shadow, rebuild or quarantine, and delete its topics. The live scores do not notice."""
    asyncio.run(_abandon(number, place_of(bootstrap, prefix, group, 60.0), json))


def place_of(bootstrap: str | None, prefix: str, group: str, within: float) -> "Place":
    """Where a system is, as it is."""
    from stream_app.publishing.side import registry_there
    from stream_app.publishing.succeeding import Place

    broker, manifest = broker_of(bootstrap), manifest_of(prefix)
    _, there = asyncio.run(registry_there(broker, manifest))
    return Place(broker, there, group, within)


@dataclass(frozen=True)
class Ways:
    """How a generation is built: by how many workers, how time passes, whether it stops before the switch, whether events may
    be missing, whether JSON is printed."""

    jobs: int | None
    clock: str
    hold: bool
    lossy: bool
    json: bool


def build(work: "Coroutine[Any, Any, None]") -> None:
    """Run what builds a generation; say what is left when it is interrupted."""
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        say("stopped; the live scores are as they were. Say the same again to go on, or 'stream-app model abandon'")
        raise typer.Exit(130) from None


async def built(
    model: "Model",
    purpose: "Purpose",
    terms: "Terms",
    ways: Ways,
    place: "Place",
    added: "Sequence[Condemned]" = (),
    released: "Sequence[Condemned]" = (),
) -> None:
    """Begin a generation, or go on with one that was begun, with workers of our own; and let it take the live one's place."""
    from stream_app.cli.progress import progress_bar
    from stream_app.publishing.crew import crew
    from stream_app.publishing.generations import Generations, named
    from stream_app.publishing.publisher import open_publisher
    from stream_app.publishing.succeeding import caught_up, demand_all_events, take_over

    async with open_publisher(place.bootstrap, place.manifest) as publisher:
        generation = _begun(list(publisher.registry.generations), model, purpose, (list(added), list(released)))
        if generation is None:
            if not ways.lossy:
                await demand_all_events(publisher.reader)
            generations = Generations(place.bootstrap, publisher)
            generation = await generations.begin(model, purpose, terms, added, released, place.group)
            say(f"{named(generation)} has begun")
        else:
            say(f"{named(generation)} was begun before by {generation.by}: going on with it, on the terms given then")
    if generation.status != "taken_over":
        words = _worker_words(place, generation, ways.clock)
        count = min(ways.jobs or os.cpu_count() or 1, place.manifest.partitions("lead"))
        with crew(words, count) as workers, progress_bar() as bar:
            await caught_up(place, generation, bar, workers.check)
            if ways.hold:
                say(
                    f"{named(generation)} is built: 'stream-app model compare' shows it, 'stream-app model promote' switches"
                )
                say("its workers run until you press ctrl-C; to go on later, say the same again")
                await _until_over(place, generation, workers.check)
                return
            generation = await take_over(place, generation, workers.check)
    await _finish(place, generation, ways.json)


def _begun(
    generations: "list[Generation]",
    model: "Model",
    purpose: "Purpose",
    sources: "tuple[list[Condemned], list[Condemned]]",
) -> "Generation | None":
    """The generation of the same kind that is not done with yet. Raises `KnownError` where that is another."""
    for one in generations:
        if one.open and one.purpose == purpose:
            if one.version == model.version and (one.added, one.released) == sources:
                return one
            raise KnownError(
                f"{one} of another version or source is not done: 'stream-app model abandon --generation {one.number}'"
            )
    return None


def _worker_words(place: "Place", generation: "Generation", clock: str) -> list[str]:
    words = ["worker", "--side", str(generation.number), "--bootstrap", str(place.bootstrap)]
    words += ["--prefix", place.manifest.prefix, "--group", place.group, "--clock", clock]
    return [*words, "--partitions", str(place.manifest.partitions("lead")), "--log-level", "error"]


async def _until_over(place: "Place", generation: "Generation", check: "object") -> None:
    from stream_app.publishing.reading import registry_at

    while True:
        registry, _ = await registry_at(place.bootstrap, place.manifest)
        if not any(one.number == generation.number and one.active for one in registry.generations):
            return
        assert callable(check)
        check()
        await asyncio.sleep(1.0)


async def _promote(number: int | None, place: "Place", json: bool) -> None:
    from stream_app.cli.progress import progress_bar
    from stream_app.publishing.generation import one_of
    from stream_app.publishing.reading import registry_at
    from stream_app.publishing.succeeding import caught_up, take_over

    registry, _ = await registry_at(place.bootstrap, place.manifest)
    taken = [one for one in registry.generations if one.status == "taken_over" and number in (None, one.number)]
    generation = taken[0] if taken else one_of(list(registry.generations), None, number)
    if generation.active:
        with progress_bar() as bar:
            await caught_up(place, generation, bar, lambda: None)
        generation = await take_over(place, generation, lambda: None)
    await _finish(place, generation, json)


async def _finish(place: "Place", generation: "Generation", json: bool) -> None:
    from stream_app.cli.progress import progress_bar
    from stream_app.publishing.documents import generation_json
    from stream_app.publishing.generations import named
    from stream_app.publishing.succeeding import made_public

    say(f"{named(generation)} takes the live one's place, as publication {generation.publication}")
    with progress_bar() as bar:
        done = await made_public(place, generation, bar)
    if json:
        print_json(generation_json(generation))
    else:
        typer.echo(generation.version)
    if not done:
        fail(
            f"not every live lane has it after {place.within:g} s: are the live workers running? 'stream-app model list'",
            1,
        )
    say("every lane has it, and all is public")


async def _abandon(number: int | None, place: "Place", json: bool) -> None:
    from stream_app.publishing.documents import generation_json
    from stream_app.publishing.generation import one_of
    from stream_app.publishing.generations import named
    from stream_app.publishing.reading import registry_at
    from stream_app.publishing.succeeding import abandoned

    registry, _ = await registry_at(place.bootstrap, place.manifest)
    generation = await abandoned(place, one_of(list(registry.generations), None, number))
    if json:
        print_json(generation_json(generation))
    say(f"{named(generation)} is given up, and its topics are deleted")
