"""`stream-app dead-letters list`, `show` and `replay`: what was refused, why, and sent again."""

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from stream_app.cli.broker import Bootstrap, Prefix, broker_of, manifest_of
from stream_app.cli.console import Json, print_json, print_table, say
from stream_app.cli.progress import PATIENCE, progress_bar
from stream_app.engine.times import format_time, parse_duration, parse_time
from stream_app.errors import KnownError
from stream_app.ops.letters.drawing import escaped
from stream_app.topics import Manifest

if TYPE_CHECKING:
    from stream_app.ops.letters.replaying import Outcome
    from stream_app.ops.letters.summary import Filter

Reason = Annotated[str | None, typer.Option("--reason", metavar="CODE", help="Only this reason, such as schema.")]
OfTopic = Annotated[str | None, typer.Option("--topic", help="Only what was refused in this topic.")]
Since = Annotated[str | None, typer.Option("--since", metavar="TIME", help="Arrived since: RFC 3339, or 30m, 12h, 2d.")]

_LINES_TOLD = 20


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(help="Events that were refused: what, why, and sent again.", no_args_is_help=True)
    group.command("list")(list_)
    group.command()(show)
    group.command()(replay)
    app.add_typer(group, name="dead-letters")


def list_(
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    reason: Reason = None,
    topic: OfTopic = None,
    since: Since = None,
    pending: Annotated[bool, typer.Option("--pending", help="Only what has not been sent again.")] = False,
    each: Annotated[bool, typer.Option("--each", help="A line a letter, with its place, instead of counts.")] = False,
    values: Annotated[
        bool, typer.Option("--values", help="A JSON object a letter with its value, personal data included.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many lines.")] = None,
    json: Json = False,
) -> None:
    """Count the dead letters by reason and topic, or list them one by one.

    Examples: `dead-letters list --since 2d`; `dead-letters list --each --reason schema`;
    `dead-letters list --values --reason schema > letters.ndjson`, to be edited and given to `replay --fix`.
    """
    from stream_app.ops.letters.summary import Filter

    wanted = Filter(reason=reason, topic=topic, since=_since(since), pending=pending)
    broker, manifest = broker_of(bootstrap), manifest_of(prefix)
    if each or values:
        asyncio.run(_each(broker, manifest, wanted, limit, json or values, values))
    else:
        asyncio.run(_summary(broker, manifest, wanted, limit, json))


def show(
    place: Annotated[str, typer.Argument(help="PARTITION:OFFSET, as `list --each` prints it.")],
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    raw: Annotated[bool, typer.Option("--raw", help="Write the value's bytes, as they are.")] = False,
    json: Json = False,
) -> None:
    """Show one dead letter: its record with what is wrong marked, the reason, and what to do. Shows personal data.

    Examples: `dead-letters show 2:1041`; `dead-letters show 2:1041 --raw > value.bin`.
    """
    if raw and json:
        raise KnownError("--raw and --json: say one of them")
    asyncio.run(_show(broker_of(bootstrap), manifest_of(prefix), place, raw, json))


def replay(
    places: Annotated[list[str] | None, typer.Argument(help="PARTITION:OFFSET of each.", show_default=False)] = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    reason: Reason = None,
    topic: OfTopic = None,
    since: Since = None,
    everything: Annotated[bool, typer.Option("--all", help="Every letter that --topic and --since leave.")] = False,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="/POINTER=VALUE", help="Set a field. The value is JSON or text."),
    ] = None,
    removals: Annotated[list[str] | None, typer.Option("--remove", metavar="/POINTER", help="Remove a field.")] = None,
    fix: Annotated[
        str | None, typer.Option("--fix", metavar="FILE", help="Corrected letters, as `list --values` writes them.")
    ] = None,
    edit: Annotated[bool, typer.Option("--edit", help="Correct each in $EDITOR.")] = False,
    batch: Annotated[int, typer.Option(min=1, max=5_000, help="Letters a transaction.")] = 500,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and count; send nothing.")] = False,
    json: Json = False,
) -> None:
    """Correct dead letters and send them again to where they came from: each once, whatever happens.

    A letter that is still no event is told of and left, and the exit code is 1. What has been sent again is never
    sent again: run the command as often as you like, at once or after a kill.

    Examples: `dead-letters replay 2:1041 --set /user_id=u-42`; `dead-letters replay --reason schema --remove /colour
    --dry-run`; `dead-letters replay --fix letters.ndjson`.
    """
    from stream_app.ops.letters.summary import Filter
    from stream_app.ops.letters.wishes import Wish, carry_out

    wish = Wish(
        places=places or [],
        wanted=Filter(reason=reason, topic=topic, since=_since(since)),
        everything=everything,
        sets=sets or [],
        removals=removals or [],
        fix=fix,
        edit=edit,
        batch=batch,
        dry_run=dry_run,
    )
    broker, manifest, complaints = broker_of(bootstrap), manifest_of(prefix), _Complaints()
    with progress_bar(wanted=not edit, after=PATIENCE) as progress:
        outcome = asyncio.run(carry_out(wish, broker, manifest, _now(), progress, complaints))
    if json:
        print_json({**asdict(outcome), "dry_run": dry_run})
    for line in _told(outcome, dry_run):
        say(line)
    raise typer.Exit(1 if outcome.refused else 0)


class _Complaints:
    """Tells of the first letters that are left, and counts the others."""

    def __init__(self) -> None:
        self._left = _LINES_TOLD

    def __call__(self, place: object, why: str) -> None:
        self._left -= 1
        if self._left >= 0:
            say(f"{place}: {escaped(why)}")
        elif self._left == -1:
            say("... and so on")


def _told(outcome: "Outcome", dry_run: bool) -> Iterator[str]:
    for name, count in outcome.sent.items():
        yield f"{name}: {count:,} {'can be sent' if dry_run else 'sent again'}"
    if outcome.before:
        yield f"{outcome.before:,} had been sent again before: left"
    if outcome.unchanged:
        yield f"{outcome.unchanged:,} were not changed: left"
    if outcome.refused:
        yield f"{outcome.refused:,} are still no events: left"
    if not (outcome.sent or outcome.before or outcome.unchanged or outcome.refused):
        yield "nothing to send"


async def _summary(bootstrap: str, manifest: Manifest, wanted: "Filter", limit: int | None, json: bool) -> None:
    from stream_app.ops.letters.reading import open_reader
    from stream_app.ops.letters.summary import summarise

    with progress_bar(after=PATIENCE) as progress:
        async with open_reader(bootstrap, manifest, progress) as reader:
            kinds = (await summarise(reader, manifest, wanted))[:limit]
    if json:
        times = [{"first": format_time(kind.first), "last": format_time(kind.last)} for kind in kinds]
        print_json([{**asdict(kind), **stated} for kind, stated in zip(kinds, times, strict=True)])
        return
    rows = [
        [escaped(one.code), escaped(one.topic), f"{one.letters}", f"{one.replayed}", format_time(one.first), format_time(one.last)]
        for one in kinds
    ]  # fmt: skip
    print_table(["reason", "topic", "letters", "replayed", "first", "last"], rows)


async def _each(
    bootstrap: str, manifest: Manifest, wanted: "Filter", limit: int | None, json: bool, values: bool
) -> None:
    from stream_app.ops.letters.explained import in_a_line, outline
    from stream_app.ops.letters.fixes import carried
    from stream_app.ops.letters.reading import open_reader
    from stream_app.ops.letters.summary import each

    told = 0
    with progress_bar(wanted=not sys.stdout.isatty(), after=PATIENCE) as progress:
        async with open_reader(bootstrap, manifest, progress) as reader:
            async for letter, replayed in each(reader, manifest, wanted):
                if json:
                    document = outline(letter, replayed) | (carried(letter.value) if values else {})
                    sys.stdout.buffer.write(msgspec.json.encode(document) + b"\n")
                else:
                    sys.stdout.write(in_a_line(letter, replayed) + "\n")
                told += 1
                if told == limit:
                    break
    sys.stdout.flush()


async def _show(bootstrap: str, manifest: Manifest, place: str, raw: bool, json: bool) -> None:
    from stream_app.ops.letters.explained import describe, told, verdict_now
    from stream_app.ops.letters.letter import letter_of, parse_place
    from stream_app.ops.letters.reading import open_reader
    from stream_app.ops.letters.replayed import read_replayed

    at, topic = parse_place(place), manifest["dead-letters"].name
    async with open_reader(bootstrap, manifest, lambda _what, _done, _total: None) as reader:
        letter = letter_of(await reader.one(topic, at))
        replayed = at in await read_replayed(reader, manifest, {at.partition: (at.offset, at.offset + 1)})
    if raw:
        _write_raw(letter.value or b"")
        return
    now = verdict_now(letter, manifest, _now())
    if json:
        sys.stdout.buffer.write(
            msgspec.json.format(msgspec.json.encode(describe(letter, replayed, now)), indent=2) + b"\n"
        )
        sys.stdout.flush()
        return
    for row in told(letter, replayed, now):
        typer.secho(row.text, fg="red" if row.wrong else None)


def _write_raw(value: bytes) -> None:
    if sys.stdout.isatty() and not value.decode("utf-8", "replace").replace("\n", "").isprintable():
        raise KnownError("--raw: the value holds bytes that a terminal obeys: send it to a file")
    sys.stdout.buffer.write(value)
    sys.stdout.flush()


def _since(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_time(text) if len(text) > 10 else _now() - parse_duration(text)
    except ValueError:
        raise KnownError(f"--since {text}: expected a time such as 2026-03-01T10:00:00Z, or 30m, 12h, 2d") from None


def _now() -> int:
    return int(time.time() * 1000)
