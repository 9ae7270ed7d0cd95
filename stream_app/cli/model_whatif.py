"""`stream-app model whatif`: another model on the same history."""

from pathlib import Path
from typing import Annotated, Any

import typer

from stream_app.cli.broker import Bootstrap, Prefix
from stream_app.cli.console import print_json, print_table, say
from stream_app.cli.history_source import Events, FromTopics, Jobs, Order, Orders, history, present
from stream_app.cli.reading import time_given
from stream_app.errors import KnownError

Since = Annotated[
    int | None, typer.Option(metavar="TIME", parser=time_given, help="Count from then on (all is scored).")
]
Html = Annotated[Path | None, typer.Option("--html", metavar="FILE", dir_okay=False, help="Also write a page.")]


def add(group: typer.Typer) -> None:
    """Add this module's commands to `stream-app model`."""
    group.command()(whatif)


def whatif(
    old: Annotated[str, typer.Argument(metavar="A", help="The model as it is: a file, or a ready model's name.")],
    new: Annotated[str, typer.Argument(metavar="B", help="The model to try.")],
    events: Events = None,
    from_topics: FromTopics = False,
    since: Since = None,
    ladder: Annotated[str | None, typer.Option(help="Default: the ladder that has mql or sql.")] = None,
    stages: Annotated[str, typer.Option(help="With commas. Default: mql,sql, else all entered by score.")] = "",
    by: Annotated[
        list[str] | None, typer.Option("--by", metavar="FACT", help="Tell leads apart by a fact; may be repeated.")
    ] = None,
    html: Html = None,
    limit: Annotated[int, typer.Option(min=0, max=1_000_000, help="Rows of each table; JSON has all.")] = 10,
    order: Orders = Order.arrival,
    jobs: Jobs = None,
    bootstrap: Bootstrap = None,
    prefix: Prefix = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say who would have reached MQL and SQL if B had scored the history instead of A, how many a week, and why.

    Both models see all events, from nothing; nobody is told anything, and nothing is published.

    Examples:

    stream-app model whatif b2b-saas my-model.yaml --events events.ndjson --by industry --html whatif.html

    stream-app model whatif b2b-saas my-model.yaml --from-topics --since 2026-06-01T00:00:00Z
    """
    from stream_app.history.pool import cores
    from stream_app.history.whatif import what_if
    from stream_app.modelfiles import read_model

    models = read_model(old), read_model(new)
    now = present()
    with history(events, from_topics, order, bootstrap, prefix, now) as (past, bar):
        found = what_if(
            *models,
            past,
            ladder=ladder,
            stages=[name.strip() for name in stages.split(",") if name.strip()],
            by=by or (),
            since=since,
            now=now,
            jobs=jobs or cores(),
            progress=bar,
        )
    if html is not None:
        _write_page(html, found)
    if json:
        print_json(found)
    else:
        _print(found, limit)


def _write_page(path: Path, found: dict[str, Any]) -> None:
    from stream_app.history.report_html import page

    try:
        path.write_text(page(found), encoding="utf-8")
    except OSError as error:
        raise KnownError(f"{path}: {error.strerror}") from None
    say(f"wrote {path}")


def _print(found: dict[str, Any], limit: int) -> None:
    typer.echo(
        f"A {_named(found['a'])}, B {_named(found['b'])}; {found['from']} to {found['until']} ({found['weeks']} weeks), "
        f"{found['events']:,} events (refused: {found['refused']['a']:,} by A, {found['refused']['b']:,} by B), "
        f"{found['leads']['b']:,} leads"
    )
    _print_stages(found["stages"])
    for stage in found["stages"]:
        for fact, rows in stage["by"].items():
            _print_segments(stage["stage"], fact, rows, limit)
        for what in ("gained", "lost"):
            _print_reasons(stage, what, limit)
    _print_scores(found["scores"])


def _named(model: dict[str, str]) -> str:
    return f"{model['model']} {model['version'][:12]}"


def _print_stages(stages: list[dict[str, Any]]) -> None:
    rows = [
        [
            stage["stage"],
            *(str(stage["leads"][side]) for side in "ab"),
            *(f"{stage[what]:+d}" if what == "gained" else str(stage[what]) for what in ("gained", "lost")),
            *(str(stage[what]) for what in ("sooner", "later")),
            *(str(stage["per_week"][side]) for side in "ab"),
            *(str(stage["p90_week"][side]) for side in "ab"),
        ]
        for stage in stages
    ]
    headings = ["leads reach", "A", "B", "gained", "lost", "sooner", "later", "a week A", "B", "busy week A", "B"]
    print_table(headings, rows)


def _print_segments(stage: str, fact: str, rows: list[dict[str, Any]], limit: int) -> None:
    shown = [[str(row[name]) for name in ("value", "a", "b", "gained", "lost")] for row in rows[:limit]]
    if shown:
        print_table([f"{stage} by {fact}", "A", "B", "gained", "lost"], shown)
    _more(len(rows) - len(shown), f"of {fact}", limit)


def _print_reasons(stage: dict[str, Any], what: str, limit: int) -> None:
    reasons = stage["reasons"][what][:limit]
    if reasons:
        rows = [[row["rule"] or _NO_RULE, str(row["leads"]), f"{row['mean_points']:+g}"] for row in reasons]
        print_table([f"{stage['stage']} {what}: rules that moved", "leads", "mean points, B less A"], rows)
    leads = stage[f"{what}_leads"]
    rows = [[lead["lead"], lead["at"], _reasons(lead["reasons"])] for lead in leads[:limit]]
    if rows:
        print_table([f"{stage['stage']} {what}", "at", "why"], rows)
    _more(len(leads) - len(rows), f"leads {what}", limit)


_NO_RULE = "(no rule's points: the ladder, caps or weights)"


def _reasons(reasons: list[dict[str, Any]]) -> str:
    return ", ".join(f"{row['rule']} {round(row['points'], 2):+g}" for row in reasons) or _NO_RULE


def _print_scores(scores: list[dict[str, Any]]) -> None:
    rows = []
    for score in scores:
        told = [str(score[side][name]) for name in ("mean", "median", "p90") for side in "ab"]
        rows.append([score["score"], *told, str(score["up"]), str(score["down"])])
    print_table(["score at the end", "mean A", "B", "median A", "B", "p90 A", "B", "up", "down"], rows)


def _more(left: int, what: str, limit: int) -> None:
    if left > 0:
        say(f"... and {left:,} more {what} (--limit {limit}; --json has all)")
