"""`stream-app model compare`: a shadow or rebuild beside the live scores, as they are now."""

import asyncio
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stream_app.cli.broker import Bootstrap, Prefix
from stream_app.cli.console import Json, print_json, print_table, say
from stream_app.cli.model_generations import Number, place_of
from stream_app.cli.model_publish import Group

if TYPE_CHECKING:
    from stream_app.publishing.comparing import Comparison
    from stream_app.publishing.succeeding import Place


class SubjectChoice(StrEnum):
    """What is compared."""

    lead = "lead"
    account = "account"


def add(group: typer.Typer) -> None:
    """Add this module's command to `stream-app model`."""
    group.command(epilog="Example: stream-app model compare --limit 20")(compare)


def compare(
    number: Number = None,
    subject: Annotated[SubjectChoice, typer.Option(help="Leads or accounts.")] = SubjectChoice.lead,
    limit: Annotated[int, typer.Option(min=0, help="How many of those who stand elsewhere are listed.")] = 10,
    wait: Annotated[
        float | None, typer.Option(min=1, metavar="SECONDS", help="Wait until it has caught up with the events.")
    ] = None,
    group: Group = "stream-app",
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    json: Json = False,
) -> None:
    """Compare a shadow, rebuild or quarantine with the live scores, as both are now: stages, scores, who stands elsewhere, why.

    Both go on scoring meanwhile, so a lead that has just had an event may be ahead on one side. Stages are those that each came to
    by itself: after the switch a lead keeps its live stage for as long as the new scores let it stand there.
    """
    place = place_of(bootstrap, prefix, group, wait or 1.0)
    asyncio.run(_compare(number, subject.value, limit, place, wait is not None, json))


async def _compare(number: int | None, subject: str, limit: int, place: "Place", wait: bool, json: bool) -> None:
    from stream_app.cli.progress import progress_bar
    from stream_app.publishing.comparing import compare as compared
    from stream_app.publishing.documents import generation_json
    from stream_app.publishing.generation import one_of
    from stream_app.publishing.reading import registry_at
    from stream_app.publishing.succeeding import caught_up, messages_left

    registry, _ = await registry_at(place.bootstrap, place.manifest)
    generation = one_of(list(registry.generations), None, number)
    live = registry.live
    with progress_bar(after=1.0) as bar:
        if wait:
            await caught_up(place, generation, bar, lambda: None)
        left = await messages_left(place, generation)
        found = await compared(place.bootstrap, place.manifest, generation, subject, bar)
    if json:
        print_json({"generation": generation_json(generation), "left": left, "subject": subject, **_json(found)})
        return
    name = "the workers' own" if live is None else f"{live.model} {live.version[:12]}"
    if left:
        say(
            f"warning: {generation} has {left:,} messages left to read (--wait SECONDS waits): what follows is not whole"
        )
    say(f"live {name}, beside it {generation} {generation.model} {generation.version[:12]}")
    _draw(found, subject, limit)


def _json(found: "Comparison") -> dict[str, Any]:
    return {
        "subjects": found.subjects,
        "only_live": found.only_live,
        "only_beside": found.only_beside,
        "same": found.same,
        "stages": [
            {"ladder": ladder, "stage": stage, "live": live, "beside": beside}
            for (ladder, stage), (live, beside) in found.stages.items()
        ],
        "scores": {name: asdict(scores) for name, scores in found.scores.items()},
        "moved": [
            {
                "key": one.key,
                "ladder": one.ladder,
                "live": one.live,
                "beside": one.beside,
                "why": [{"rule": rule, "points": points} for rule, points in one.why],
            }
            for one in found.moved
        ],
    }


def _draw(found: "Comparison", subject: str, limit: int) -> None:
    rows = [
        [ladder, stage, str(live), str(beside), f"{beside - live:+d}" if beside != live else "="]
        for (ladder, stage), (live, beside) in found.stages.items()
    ]
    print_table(["ladder", "stage", "live", "beside", "difference"], rows)
    rows = [
        [
            name,
            *(f"{value:.4g}" for value in (one.live_mean, one.beside_mean, one.live_median, one.beside_median)),
            str(one.higher),
            str(one.lower),
        ]
        for name, one in found.scores.items()
    ]
    print_table(["score", "mean live", "beside", "median live", "beside", "higher beside", "lower"], rows)
    if found.moved and limit:
        rows = [
            [
                one.key,
                one.ladder,
                one.live or "-",
                one.beside or "-",
                ", ".join(f"{rule} {points:+.4g}" for rule, points in one.why),
            ]
            for one in found.moved[:limit]
        ]
        print_table([f"{subject} that stands elsewhere", "ladder", "live", "beside", "points that differ"], rows)
    more = len(found.moved) - limit
    if limit and more > 0:
        say(f"... and {more:,} more (--limit {limit}; --json has all)")
    say(
        f"{found.subjects:,} {subject}s, {found.same:,} the same on both sides; "
        f"{found.only_live:,} only live, {found.only_beside:,} only beside"
    )
