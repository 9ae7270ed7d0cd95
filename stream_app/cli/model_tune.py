"""`stream-app model tune`: the threshold that a team can keep up with."""

from typing import Annotated, Any

import typer

from stream_app.cli.broker import Bootstrap, Prefix
from stream_app.cli.console import print_json, print_table, say
from stream_app.cli.history_source import Events, FromTopics, Jobs, Order, Orders, history, present
from stream_app.cli.reading import time_given


def add(group: typer.Typer) -> None:
    """Add this module's commands to `stream-app model`."""
    group.command()(tune)


def tune(
    model: Annotated[str, typer.Argument(metavar="M", help="A model file, or a ready model's name.")],
    stage: Annotated[str, typer.Option(help="The stage whose leads the team takes.")],
    per_week: Annotated[float, typer.Option("--per-week", metavar="N", help="How many a week it can take.")],
    events: Events = None,
    from_topics: FromTopics = False,
    ladder: Annotated[str | None, typer.Option(help="Default: the ladder that has mql or sql.")] = None,
    score: Annotated[str | None, typer.Option(help="Which score's threshold, where enter has several.")] = None,
    since: Annotated[
        int | None, typer.Option(metavar="TIME", parser=time_given, help="Count from then on (all is scored).")
    ] = None,
    step: Annotated[float, typer.Option(help="Thresholds are tried in steps of so many points.")] = 1.0,
    order: Orders = Order.arrival,
    jobs: Jobs = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find the lowest threshold in a stage's `enter` with which no more leads a week arrive than a team can take.

    Weeks are calendar weeks in the model's timezone; nine in ten whole weeks have no more arrivals than "busy week".
    Exits with 1 where no threshold keeps arrivals that few.

    Example: stream-app model tune my-model.yaml --stage mql --per-week 40 --events events.ndjson
    """
    from stream_app.engine.model.load import ModelError, load_model
    from stream_app.history.pool import cores
    from stream_app.history.tune import Tuning
    from stream_app.history.tune_bars import edited_line
    from stream_app.modelfiles import InvalidModel, model_text

    text, name = model_text(model)
    try:
        found_model = load_model(text, name)
    except ModelError as error:
        raise InvalidModel(model, error.problems) from error
    now = present()
    with history(events, from_topics, order, bootstrap, prefix, now) as (past, bar):
        tuning = Tuning(
            model=found_model,
            past=past,
            stage=stage,
            per_week=per_week,
            now=now,
            jobs=jobs or cores(),
            progress=bar,
            ladder=ladder,
            score=score,
            since=since,
            step=step,
        )
        found = tuning.run()
    found["line"], found["edited"] = None, None
    if found["threshold"] is not None:
        found["line"], found["edited"] = edited_line(text, found["keys"], found["threshold"])
    if json:
        print_json(found)
    else:
        _print(found, model)
    if found["threshold"] is None:
        raise typer.Exit(1)


def _print(found: dict[str, Any], model: str) -> None:
    rows = [{**row, "what": ""} for row in found["neighbours"] if row["threshold"] != found["now"]["threshold"]]
    rows.append({**found["now"], "what": "now"})
    if found["answer"] is not None and found["answer"]["threshold"] == found["now"]["threshold"]:
        rows[-1] = {**found["answer"], "what": "now, and the answer"}
    elif found["answer"] is not None:
        rows.append({**found["answer"], "what": "the answer"})
    rows.sort(key=lambda row: row["threshold"])
    told = [[f"{row['threshold']:g}", f"{row['mean']:g}", str(row["p90"]), row["what"]] for row in rows]
    print_table([f"{found['score']} to enter {found['stage']}", "a week", "busy week", ""], told)
    say(f"{found['from']} to {found['until']}, {found['weeks']} weeks")
    if found["threshold"] is None:
        say(f"no threshold keeps arrivals at {found['per_week']:g} a week: other conditions of enter let more in")
        return
    say(f"{model}:{found['line']}: {found['path']}: {found['threshold']:g}")
    typer.echo(found["edited"].strip())
