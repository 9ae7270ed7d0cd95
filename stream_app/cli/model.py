"""`stream-app model validate`, `lint`, `show` and `test`: models before they go anywhere."""

from typing import Annotated

import typer

from stream_app.cli import (
    model_compare,
    model_diff,
    model_generations,
    model_list,
    model_publish,
    model_tune,
    model_whatif,
)
from stream_app.cli.broker import Bootstrap, Prefix
from stream_app.cli.console import Json, fail, print_json, print_table, say

Reference = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model file, `-` for standard input, or the name of a ready model.")
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    group = typer.Typer(help="Check, read and try out scoring models.", no_args_is_help=True)
    for command in (validate, lint, show, test, ready):
        group.command()(command)
    for module in (model_diff, model_whatif, model_tune, model_publish, model_list, model_generations, model_compare):
        module.add(group)
    app.add_typer(group, name="model")


def validate(model: Reference, json: Json = False) -> None:
    """Check a model: every problem at once, with file, line, column, path and what was expected.

    Exits with 1 where there is a problem, with 2 where the file can't be read.
    """
    from stream_app.modelfiles import InvalidModel, read_model

    try:
        found = read_model(model)
    except InvalidModel as error:
        if json:
            print_json({"valid": False, "problems": [problem.as_json() for problem in error.problems]})
        else:
            for problem in error.problems:
                say(str(problem))
        raise typer.Exit(1) from None
    if json:
        print_json({"valid": True, "model": found.name, "version": found.version, "problems": []})
    else:
        typer.echo(f"{found.name} {found.version}")


def lint(
    model: Reference,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    json: Json = False,
) -> None:
    """Say what in a valid model is probably not meant: unreachable stages and tiers, rules that never match, and more.

    Exits with 1 where there is an error (with --strict: or a warning), with 2 where the model is not valid.
    """
    from stream_app.engine.model.lint import lint as look
    from stream_app.modelfiles import read_located_model

    found, locate = read_located_model(model)
    findings = look(found)
    if json:
        print_json([one.as_json() | {"line": locate(one.path)} for one in findings])
    elif findings:
        rows = [[one.level, one.code, f"{locate(one.path)}: {one.path}", one.message] for one in findings]
        print_table(["level", "check", "where", "what"], rows)
    counts = {level: sum(one.level == level for one in findings) for level in ("error", "warning", "note")}
    say(", ".join(f"{count} {level}{'s' * (count != 1)}" for level, count in counts.items()))
    if counts["error"] or (strict and counts["warning"]):
        raise typer.Exit(1)


def show(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model file, `-`, a ready model's name; or a published version's first digits, or `live`.",
        ),
    ] = "b2b-saas",
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    document: Annotated[
        bool, typer.Option("--document", help="Print the model itself, as a file that every command reads.")
    ] = False,
    json: Json = False,
) -> None:
    """Show a model as people read it: what scores what, and the ladders drawn.

    Example: stream-app model show live --document > live.json
    """
    from rich.console import Console

    from stream_app.cli.model_publish import published
    from stream_app.cli.model_show import show_model
    from stream_app.modelfiles import is_known, read_model

    found = read_model(model) if is_known(model) else published(model, bootstrap, prefix)
    if document:
        print_json(found.document)
        return
    if json:
        print_json({"model": found.name, "version": found.version, "document": found.document})
        return
    console = Console(highlight=False, markup=False)
    show_model(found, console if console.is_terminal else Console(highlight=False, markup=False, width=160))


def test(
    model: Reference,
    scenarios: Annotated[
        str | None, typer.Option(metavar="FILE", help="The scenarios. Default: MODEL.scenarios.yaml beside the model.")
    ] = None,
    json: Json = False,
) -> None:
    """Try a model on its scenarios: given these events, these scores, stages and transitions.

    Exits with 1 where one does not hold, with 2 where the model or the scenarios can't be read.
    """
    from stream_app.history.scenarios import run_scenarios
    from stream_app.modelfiles import read_model

    outcomes = run_scenarios(read_model(model), model, scenarios)
    if json:
        print_json([outcome.as_json() for outcome in outcomes])
    else:
        for outcome in outcomes:
            typer.echo(f"{'ok  ' if outcome.holds else 'FAIL'} {outcome.scenario.name}")
            for failure in outcome.failures:
                typer.echo(f"     {failure}")
    failed = sum(not outcome.holds for outcome in outcomes)
    say(f"{len(outcomes)} scenarios, {failed} failed" if failed else f"{len(outcomes)} scenarios hold")
    if not outcomes:
        fail(f"{model}: there are no scenarios")
    if failed:
        raise typer.Exit(1)


def ready(json: Json = False) -> None:
    """List the models that ship with this package; the first is the default."""
    from stream_app.modelfiles import read_model, ready_models

    models = [read_model(name) for name in ready_models()]
    if json:
        print_json([{"model": one.name, "version": one.version, "description": one.description} for one in models])
    else:
        print_table(["model", "description"], [[one.name, one.description] for one in models])
