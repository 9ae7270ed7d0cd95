"""`stream-app model publish`, `approve`, `rollback` and `list`: models into running workers, and back."""

import asyncio
import getpass
import logging
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, manifest_of
from stream_app.cli.console import fail, print_json, print_table, say
from stream_app.cli.reading import time_given
from stream_app.errors import KnownError

if TYPE_CHECKING:
    from stream_app.engine.model.types import Model
    from stream_app.publishing.publisher import Terms
    from stream_app.publishing.registry import Registry, Version


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
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def add(group: typer.Typer) -> None:
    """Add this module's commands to `stream-app model`."""
    group.command(
        epilog="Example: stream-app model publish new.yaml --transitions restated --note 'pricing counts more'"
    )(publish)
    group.command(epilog="Example: stream-app model approve 3f2a9c --as sales --by jo")(approve)
    group.command(epilog="Example: stream-app model rollback --transitions restated --wait 60")(rollback)
    group.command("list", epilog="Example: stream-app model list --json")(list_versions)


def publish(
    model: File,
    transitions: Moves = Transitions.emit,
    by: By = None,
    note: Note = "",
    at: At = None,
    expect: Expect = None,
    approve_as: Annotated[
        list[str] | None, typer.Option(metavar="TEAM", help="Approve it for a team at once; may be given again.")
    ] = None,
    approvals: Annotated[
        str, typer.Option(envvar="STREAM_APP_APPROVALS", help="Teams whose approval a version needs, with commas.")
    ] = "",
    scenarios: Annotated[
        str | None, typer.Option(metavar="FILE", help="The scenarios. Default: MODEL.scenarios.yaml beside the model.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="What lint calls an error is a reason to refuse.")] = False,
    wait: Wait = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    json: Json = False,
) -> None:
    """Publish a model to the running workers: they take it up without a restart, and restate every lead and account.

    It must be valid, and its scenarios must hold; else nothing is published, and it ends with 1 (with 2 where a file
    can't be read). What lint finds is said.
    Where approvals are asked for, it is proposed, and goes live with the last of them.
    """
    from stream_app.modelfiles import read_model
    from stream_app.publishing.checks import check
    from stream_app.publishing.publisher import Terms

    found = read_model(model)
    checked = check(found, model, scenarios)
    for finding in checked.findings:
        if finding.level != "note":
            say(f"{finding.level}: {finding.path}: {finding.message}")
    if (objection := checked.objection(strict)) is not None:
        fail(f"{model} is not published: {objection}", 1)
    if checked.scenarios is None:
        say(f"{model}: there are no scenarios beside it; nothing was tried")
    needs = tuple(filter(None, (team.strip() for team in approvals.split(","))))
    terms = Terms(
        by=_who(by),
        note=note,
        mode=transitions.value,
        at=at,
        expect=expect,
        needs=needs,
        approvals=tuple(approve_as or ()),
    )
    _quiet()
    asyncio.run(_publish(found, terms, bootstrap, prefix, wait, json))


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
    _quiet()
    asyncio.run(_approve(version, team, _who(by), at, bootstrap, prefix, wait, json))


async def _approve(
    text: str, team: str, by: str, at: int | None, bootstrap: str | None, prefix: str, wait: float | None, json: bool
) -> None:
    from stream_app.publishing.publisher import open_publisher
    from stream_app.publishing.reading import model_of

    async with open_publisher(broker_of(bootstrap), manifest_of(prefix)) as publisher:
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

    terms = Terms(by=_who(by), note=note, mode=transitions.value, at=at, expect=expect)
    _quiet()
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


def list_versions(bootstrap: Bootstrap = None, prefix: Prefix = "", json: Json = False) -> None:
    """List the versions: when each was published, by whom, why; which is live, and how far the lanes are with it."""
    from stream_app.publishing.documents import registry_json
    from stream_app.publishing.reading import registry_at

    registry, lanes = asyncio.run(registry_at(broker_of(bootstrap), manifest_of(prefix)))
    if json:
        print_json(registry_json(registry, lanes))
        return
    rows = [_row(one, registry) for one in registry.newest_first]
    print_table(["number", "version", "model", "state", "published", "by", "transitions", "note"], rows)
    live = registry.live
    if live is None:
        say("no version was published: each worker scores by its own --model")
        return
    have = [lane for lane in registry.lanes if lane.number == live.number]
    left = sum(lane.left for lane in have)
    say(
        f"{len(have)} of {lanes} lanes have {live.version[:12]}; "
        + (f"{left} to restate" if left else "all is restated")
    )


def _row(version: "Version", registry: "Registry") -> list[str]:
    from stream_app.engine.times import format_time
    from stream_app.publishing.registry import SHORT

    start = [str(version.number or ""), version.version[:SHORT], version.model]
    if version.proposal is not None:
        one = version.proposal
        return [
            *start,
            f"needs {', '.join(one.missing)}",
            format_time(one.proposed_at),
            one.by,
            one.mode,
            one.note,
        ]
    last = version.publications[-1]
    state = "live" if version is registry.live else "was live"
    return [*start, state, format_time(last.published_at), last.by, last.mode, last.note]


def _quiet() -> None:
    """What matters of the clients' troubles comes as an error of ours, in a line."""
    for name in ("aiokafka", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _who(by: str | None) -> str:
    if by is not None:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        raise KnownError("who publishes? Say --by NAME") from None
