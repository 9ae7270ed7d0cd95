"""`stream-app model publish`, `approve` and `rollback`: models into running workers, and back."""

import asyncio
import getpass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, manifest_of
from stream_app.cli.console import Json, fail, print_json, say
from stream_app.cli.reading import time_given
from stream_app.errors import KnownError

if TYPE_CHECKING:
    from stream_app.engine.model.types import Model
    from stream_app.publishing.publisher import Terms
    from stream_app.publishing.registry import Version


class Transitions(StrEnum):
    """What becomes of the transitions that a version causes."""

    emit = "emit"
    restated = "restated"
    hold = "hold"


File = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model file, `-` for standard input, or the name of a ready model.")
]
Text = Annotated[str, typer.Argument(metavar="VERSION", help="The first digits of a version, or `live`.")]
Moves = Annotated[
    Transitions,
    typer.Option(
        "--transitions",
        help="Transitions that come of it: `emit` as any other, `restated` with `restated: true`, `hold` none.",
    ),
]
By = Annotated[str | None, typer.Option(metavar="NAME", help="Who does it. Default: the user of this machine.")]
Note = Annotated[str, typer.Option(metavar="TEXT", help="Why, for those who read `model list`.")]
At = Annotated[
    int | None,
    typer.Option(metavar="TIME", parser=time_given, help="In force from this time on. Default: now; never the future."),
]
Expect = Annotated[
    str | None,
    typer.Option(metavar="VERSION", help="Refuse unless this version is live (`none`: none was ever published)."),
]
Wait = Annotated[
    float | None,
    typer.Option(min=0, metavar="SECONDS", help="Wait until every lane has restated all; exit with 1 if not by then."),
]
ApproveAs = Annotated[
    list[str] | None, typer.Option(metavar="TEAM", help="Approve it for a team at once; may be given again.")
]
Approvals = Annotated[
    str, typer.Option(envvar="STREAM_APP_APPROVALS", help="Teams whose approval a version needs, with commas.")
]
Group = Annotated[str, typer.Option(envvar="STREAM_APP_GROUP", help="The consumer group of the live workers.")]


def add(group: typer.Typer) -> None:
    """Add this module's commands to `stream-app model`."""
    group.command(
        epilog="Example: stream-app model publish new.yaml --transitions restated --note 'pricing counts more'"
    )(publish)
    group.command(epilog="Example: stream-app model approve 3f2a9c --as sales --by jo")(approve)
    group.command(epilog="Example: stream-app model rollback --transitions restated --wait 60")(rollback)


def publish(
    model: File,
    transitions: Moves = Transitions.emit,
    by: By = None,
    note: Note = "",
    at: At = None,
    expect: Expect = None,
    approve_as: ApproveAs = None,
    approvals: Approvals = "",
    shadow: Annotated[
        bool,
        typer.Option(
            "--shadow",
            help="Let it score beside the live version, into topics of its own, until `model promote` or `abandon`.",
        ),
    ] = False,
    scenarios: Annotated[
        str | None, typer.Option(metavar="FILE", help="The scenarios. Default: MODEL.scenarios.yaml beside the model.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="What lint calls an error is a reason to refuse.")] = False,
    wait: Wait = None,
    group: Group = "stream-app",
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    json: Json = False,
) -> None:
    """Publish a model to the running workers: they take it up without a restart, and restate every lead and account.

    It must be valid, and its scenarios must hold; else nothing is published, and it ends with 1 (with 2 where a file
    can't be read). What lint finds is said.
    Where approvals are asked for, it is proposed, and goes live with the last of them.
    """
    if shadow and (at is not None or wait is not None):
        raise KnownError("--at and --wait are for a version that goes live, which a shadow does with 'model promote'")
    found = checked(model, scenarios, strict)
    terms = terms_of(transitions, by, note, approvals, approve_as, at, expect)
    if shadow:
        asyncio.run(_publish_shadow(found, terms, group, bootstrap, prefix, json))
    else:
        asyncio.run(_publish(found, terms, bootstrap, prefix, wait, json))


def checked(model: str, scenarios: str | None, strict: bool) -> "Model":
    """A model that may be published; ends the command where it may not."""
    from stream_app.modelfiles import read_model
    from stream_app.publishing.checks import check

    found = read_model(model)
    outcome = check(found, model, scenarios)
    for finding in outcome.findings:
        if finding.level != "note":
            say(f"{finding.level}: {finding.path}: {finding.message}")
    if (objection := outcome.objection(strict)) is not None:
        fail(f"{model} is not published: {objection}", 1)
    if outcome.scenarios is None:
        say(f"{model}: there are no scenarios beside it; nothing was tried")
    return found


def terms_of(
    transitions: Transitions,
    by: str | None,
    note: str,
    approvals: str = "",
    approve_as: list[str] | None = None,
    at: int | None = None,
    expect: str | None = None,
) -> "Terms":
    """How something is published, from the options."""
    from stream_app.publishing.publisher import Terms

    needs = tuple(filter(None, (team.strip() for team in approvals.split(","))))
    given = tuple(approve_as or ())
    return Terms(by=who(by), note=note, mode=transitions.value, at=at, expect=expect, needs=needs, approvals=given)


async def _publish_shadow(
    model: "Model", terms: "Terms", group: str, bootstrap: str | None, prefix: str, json: bool
) -> None:
    from stream_app.publishing.documents import generation_json
    from stream_app.publishing.generations import Generations, named
    from stream_app.publishing.publisher import open_publisher
    from stream_app.publishing.side import registry_there

    broker = broker_of(bootstrap)
    _, manifest = await registry_there(broker, manifest_of(prefix))
    async with open_publisher(broker, manifest) as publisher:
        began = await Generations(broker, publisher).begin(model, "shadow", terms, group=group)
    say(f"{named(began)} is published; 'stream-app worker --shadow' scores it, 'stream-app model compare' compares")
    if json:
        print_json(generation_json(began))
    else:
        typer.echo(began.version)


async def _publish(
    model: "Model", terms: "Terms", bootstrap: str | None, prefix: str, wait: float | None, json: bool
) -> None:
    from stream_app.publishing.publisher import open_publisher

    async with open_publisher(broker_of(bootstrap), manifest_of(prefix)) as publisher:
        version = await publisher.publish(model, terms)
    await _tell(version, bootstrap, prefix, wait, json)


def approve(
    version: Text,
    team: Annotated[str, typer.Option("--as", metavar="TEAM", help="The team that approves: marketing, sales, ...")],
    by: By = None,
    at: At = None,
    wait: Wait = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    json: Json = False,
) -> None:
    """Approve a proposed version for a team. With the last approval that it needs it goes live."""
    asyncio.run(_approve(version, team, who(by), at, bootstrap, prefix, wait, json))


async def _approve(
    text: str, team: str, by: str, at: int | None, bootstrap: str | None, prefix: str, wait: float | None, json: bool
) -> None:
    from stream_app.publishing.documents import generation_json
    from stream_app.publishing.generations import Generations, find_active, named
    from stream_app.publishing.publisher import open_publisher
    from stream_app.publishing.reading import model_of

    broker = broker_of(bootstrap)
    async with open_publisher(broker, manifest_of(prefix)) as publisher:
        generation = find_active(publisher.registry, text)
        if generation is not None:
            generation = await Generations(broker, publisher).approve(generation, team, by)
            missing = ", ".join(generation.missing)
            say(
                f"{named(generation)} " + (f"still needs the approval of {missing}" if missing else "has all approvals")
            )
            if json:
                print_json(generation_json(generation))
            else:
                typer.echo(generation.version)
            return
        found = publisher.registry.find(text)
        version = await publisher.approve(found, model_of(found), team, by, at)
    await _tell(version, bootstrap, prefix, wait, json)


def rollback(
    version: Annotated[
        str | None, typer.Argument(metavar="VERSION", help="Default: the version that was live before this one.")
    ] = None,
    transitions: Moves = Transitions.emit,
    by: By = None,
    note: Note = "",
    at: At = None,
    expect: Expect = None,
    wait: Wait = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    json: Json = False,
) -> None:
    """Publish an older version again. It needs no approvals: it had them."""
    from stream_app.publishing.publisher import Terms

    terms = Terms(by=who(by), note=note, mode=transitions.value, at=at, expect=expect)
    asyncio.run(_rollback(version, terms, bootstrap, prefix, wait, json))


async def _rollback(
    text: str | None, terms: "Terms", bootstrap: str | None, prefix: str, wait: float | None, json: bool
) -> None:
    from stream_app.publishing.publisher import open_publisher

    async with open_publisher(broker_of(bootstrap), manifest_of(prefix)) as publisher:
        version, _ = await publisher.roll_back(text, terms)
    await _tell(version, bootstrap, prefix, wait, json)


async def _tell(version: "Version", bootstrap: str | None, prefix: str, wait: float | None, json: bool) -> None:
    """Say what became of a version, and wait for it where that is asked for."""
    from stream_app.cli.progress import progress_bar
    from stream_app.publishing.documents import version_json
    from stream_app.publishing.reading import settled
    from stream_app.publishing.registry import SHORT

    name, waiting = f"{version.model} {version.version[:SHORT]}", version.proposal
    if waiting is not None:
        say(f"{name} is proposed; it needs the approval of {', '.join(waiting.missing)}")
    else:
        say(f"{name} is published as number {version.number}")
    done = True
    if wait is not None and waiting is None:
        with progress_bar() as bar:
            done = await settled(broker_of(bootstrap), manifest_of(prefix), version.number, wait, bar)
        say("every lane has it, and all is restated" if done else f"not every lane has restated all in {wait:g} s")
    if json:
        print_json(version_json(version))
    else:
        typer.echo(version.version)
    if not done:
        raise typer.Exit(1)


def published(text: str, bootstrap: str | None, prefix: str) -> "Model":
    """The model of a published version. Raises `KnownError`."""
    from stream_app.modelfiles import read_model
    from stream_app.publishing.reading import model_of, registry_at
    from stream_app.publishing.registry import names_version

    if not names_version(text):
        return read_model(text)  # says what there is
    registry, _ = asyncio.run(registry_at(broker_of(bootstrap), manifest_of(prefix)))
    return model_of(registry.find(text))


def who(by: str | None) -> str:
    """Who does it: as given, else the user of this machine. Raises `KnownError` for a user without a name."""
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        raise KnownError("who publishes? Say --by NAME") from None
