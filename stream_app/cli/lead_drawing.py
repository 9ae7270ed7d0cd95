"""The single view of a lead, drawn for a person. Nothing but drawing."""

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from stream_app.cli import subject_drawing as draw
from stream_app.cli.subject_drawing import Document, escaped, moment, section
from stream_app.cli.why_drawing import why
from stream_app.serving.lead_view import LeadView, Profile


def draw_lead(view: LeadView, console: Console, timeline: Sequence[Document] | None = None, seen: int = 0) -> None:
    """Draw the whole view, the account and the facts before the scores, what comes next last but the history.

    `timeline` are the latest of the `seen` interactions, oldest first.
    """
    for part in _parts(view):
        console.print(part)
    if timeline is not None:
        console.print(section(f"Timeline (the latest {len(timeline)} of {seen}, oldest first)", _timeline(timeline)))


def _parts(view: LeadView) -> Iterator[RenderableType]:
    yield from draw.head(view.record["lead"], view.record, view.clock, view.notes)
    yield section("Profile", _profile(view))
    yield section("Account", *_account(view))
    yield section("Scores", draw.standing(view.record))
    yield section("Stages", *draw.ladders(view.ladders))
    yield section("Why", *why(view.explanation))
    yield section("What comes next, if nothing happens (UTC)", draw.coming(view.next))
    if view.expected:
        yield section("Expected until then", draw.moves(view.expected, len(view.expected)))
    yield section(f"Transitions ({view.total}, newest first)", draw.moves(view.transitions, view.total))


def _profile(view: LeadView) -> RenderableType:
    profile: Profile = view.profile
    others = [key for key in view.keys if key != view.record["lead"]]
    rows = [
        ("known as", ", ".join(escaped(key) for key in others)),
        ("e-mail", escaped(profile.email or "")),
        ("owner", escaped(profile.owner or "")),
        (
            "suppressed",
            "yes: its transitions are marked, queues and connectors leave it out" if profile.suppressed else "",
        ),
        ("outcome", escaped(profile.outcome or "")),
        ("first activity", moment(profile.first_activity)),
        ("latest event", moment(profile.latest_event)),
        ("by machines", _machines(view.machines)),
        ("conflicts", f"{profile.conflicts} of its keys belong to others" if profile.conflicts else ""),
        *((name, escaped(fact.value)) for name, fact in profile.facts.items()),
        *((f"{name} (account)", escaped(value)) for name, value in profile.account_facts.items()),
    ]
    return draw.pairs(rows)


def _machines(found: dict[str, int]) -> str:
    """What machines did in the lead's name, where they did anything."""
    told = ", ".join(f"{escaped(rule)} {count}" for rule, count in found.items() if count)
    return f"{told}: not counted" if told else ""


def _account(view: LeadView) -> Iterator[RenderableType]:
    name, account = view.record["account_id"], view.account
    if name is None:
        yield Text("none: no account_id, and no e-mail of a company", "dim")
        return
    if account is None:
        yield Text(f"{escaped(name)} (no score record)")
        return
    scores = ", ".join(f"{one} {escaped(value)}" for one, value in account["scores"].items())
    stages = ", ".join(f"{one}: {escaped(stage)}" for one, stage in account["stages"].items())
    yield Text.assemble((escaped(name), "bold"), f"  {scores}  {stages}  ({moment(account['at'])})")


def _timeline(events: Sequence[Document]) -> RenderableType:
    if not events:
        return Text("no event of this lead is retained", "dim")
    table = draw.columns()
    for name in ("when (UTC)", "channel", "what"):
        table.add_column(name, no_wrap=True)
    table.add_column("with", overflow="fold", ratio=1)
    for event in events:
        told: dict[str, Any] = {**event["properties"], **event["facts"], **event["account_facts"]}
        words = ", ".join(f"{escaped(name)} {escaped(value)}" for name, value in told.items())
        table.add_row(moment(event["time"]), escaped(event["channel"] or "-"), escaped(event["type"]), Text(words))
    return table
