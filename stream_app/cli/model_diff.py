"""`stream-app model diff`: what differs between two models, in words."""

from typing import TYPE_CHECKING, Annotated

import typer

from stream_app.cli.console import print_json, print_table, say

if TYPE_CHECKING:
    from stream_app.engine.model.diff import Edit

Old = Annotated[str, typer.Argument(metavar="A", help="A model file, `-`, or the name of a ready model.")]
New = Annotated[str, typer.Argument(metavar="B", help="The model to compare it with.")]


def add(group: typer.Typer) -> None:
    """Add this module's commands to `stream-app model`."""
    group.command()(diff)


def diff(old: Old, new: New, json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say what differs between two models, rule by rule, and what each edit does to leads that are already scored.

    An edit either restates every lead when the model is published, or counts from now on, unless the model is rebuilt.

    Exits with 0 where the models are the same, with 1 where they differ, with 2 where one can't be read.

    Example: stream-app model diff b2b-saas my-model.yaml
    """
    from stream_app.engine.model.diff import diff as edits_of
    from stream_app.modelfiles import read_model

    was, now = read_model(old), read_model(new)
    edits = edits_of(was, now)
    if json:
        models = [{"model": one.name, "version": one.version} for one in (was, now)]
        print_json({"a": models[0], "b": models[1], "same": not edits, "edits": [edit.as_json() for edit in edits]})
    elif edits:
        _print(edits)
    counts = {effect: sum(edit.effect == effect for edit in edits) for effect in ("restates", "from_now_on", "none")}
    if edits:
        say(
            f"{len(edits)} edit{'s' * (len(edits) != 1)}: {counts['restates']} restate every lead, "
            f"{counts['from_now_on']} count from now on, {counts['none']} change no score"
        )
        raise typer.Exit(1)
    say("the same version")


def _print(edits: "list[Edit]") -> None:
    from stream_app.engine.model.diff_edit import EFFECT_WORDS

    rows = [
        [
            edit.subject,
            edit.field or ("added" if edit.before is None else "removed"),
            edit.before or "",
            edit.after or "",
            EFFECT_WORDS[edit.effect] + (f" ({edit.note})" if edit.note else ""),
        ]
        for edit in edits
    ]
    print_table(["what", "edit", "before", "after", "effect"], rows)
