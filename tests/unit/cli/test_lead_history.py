"""A lead's history as a person sees it: nothing too wide, nothing escapes, and what is left out is said."""

from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from stream_app.cli.lead_history_drawing import draw_history, draw_moment
from stream_app.cli.subject_drawing import moves
from stream_app.engine.times import parse_time
from stream_app.history.lead_documents import history_json, moment_json
from stream_app.history.lead_past import LeadPast
from stream_app.history.tracks import Step, Version
from stream_app.ingest.condemned import Condemned
from stream_app.modelfiles import read_model
from stream_app.publishing.generation import Generation, Purpose
from tests.subjects import activities, event
from tests.unit.history.test_lead_rows import AT, NEW, OLD, past_of

EVIL = "\x1b[2J\x1b]0;gone\x07\u202e\x9b31m"


def past(first: str | None = None) -> LeadPast:
    """Ann, a version in the middle with a hostile note, and one transition on record that nothing makes."""
    told = [event("a", AT.format(1)), event("b" * 30, AT.format(2), EVIL), event("c", AT.format(3), anonymous_id="d")]
    joined = event("d", AT.format(4), user_id="u", anonymous_id="d")
    version = Version(1, parse_time("2026-03-01T11:00:00Z"), NEW, "emit", EVIL, EVIL)
    model = OLD if first is None else read_model(first)
    steps: list[Step] = [*activities(told[:1]), version, *activities([*told[1:], joined])]
    return LeadPast(past_of(model, NEW, steps, keys=("anon:d",)), [], None, [f"a note {EVIL}"])


def history(width: int, whole: LeadPast, limit: int = 40) -> str:
    """What a console of a width shows, without colour."""
    out, rows = StringIO(), whole.rows()
    console = Console(file=out, width=width, highlight=False, markup=False, emoji=False)
    draw_history(whole, rows[-limit:], len(rows), console)
    return out.getvalue()


@pytest.mark.parametrize("width", [100, 120])
@pytest.mark.parametrize("first", [None, "agency", "b2b-saas"])
def test_it_fits_and_nothing_writes_elsewhere(width: int, first: str | None) -> None:
    """Models of eight scores and two ladders, too."""
    shown = history(width, past(first))
    assert max(map(len, shown.splitlines())) <= width
    assert all(char.isprintable() or char == "\n" for char in shown)
    for told in ("version 1 goes live", "\\x1b[2J", "a note \\x1b[2J", "as anon:d: web view c", "joins anon:d"):
        assert told in shown


def test_differences_and_the_record() -> None:
    """`20 ≠ 40` where they differ, arrows where it moved, and whether that is on record."""
    lines = history(120, past()).splitlines()
    (first,) = [line for line in lines if "web view a" in line]
    assert " ".join(first.split()) == f"2026-03-01 10:00 web view a {OLD.version[:6]} 20 ≠ 40 low ≠ ↑ high"
    (moved,) = [line for line in lines if "version 1 goes live" in line]
    assert moved.split()[-3:] == ["↑", "high", "no"]
    assert [line.strip() for line in lines if "! not on record: l low → high" in line]
    assert lines[-1].endswith("transitions are on record")


def test_what_is_left_out_is_said() -> None:
    """Rows before, scores that never change, and scores for which there is no room."""
    assert "before: --limit 7 shows them" in history(120, past(), 1)
    crowded = history(100, past("agency"))
    assert "in all rows: " in crowded or "no room for " in crowded


def test_one_moment() -> None:
    """Rule by rule, both sides beside each other, and what differs in how they count."""
    out, whole = StringIO(), past()
    console = Console(file=out, width=120, highlight=False, markup=False, emoji=False)
    at = parse_time("2026-03-01T10:30:00Z")
    draw_moment(whole, at, whole.moment(at), console)
    shown = out.getvalue()
    assert "at 2026-03-01 10:30 UTC" in shown and "s = 20 ≠ 40" in shown
    (rule,) = [line for line in shown.splitlines() if " view " in line]
    assert " ".join(rule.split()) == "+20 ≠ +40 view 1 ×; +20 each ≠ +40 each; halves every 1d"
    draw_moment(whole, 0, whole.moment(0), console)
    assert "nothing was known of this lead at that time" in out.getvalue()


NETWORK = Condemned("ip", "203.0.113.0/24")


def taken_over(purpose: Purpose, note: str = "a scanner", **sources: list[Condemned]) -> LeadPast:
    """A lead that an address had brought to a stage, and a generation on the next day."""
    generation = msgspec.convert(
        {"number": 1, "model": "m", "version": OLD.version, "purpose": purpose, "started_at": 0, "by": "ann"},
        Generation,
    )
    generation = msgspec.structs.replace(generation, note=note, **sources)
    bots = [event(name, AT.format(day), properties={"ip": "203.0.113.7"}) for name, day in (("a", 1), ("b", 3))]
    version = Version(2, parse_time(AT.format(2)), NEW, "emit", "ann", note, generation)
    steps: list[Step] = [*activities(bots[:1]), version, *activities(bots[1:])]
    return LeadPast(replace(past_of(NEW, NEW, steps), condemned=generation.condemned), [], None, [])


@pytest.mark.parametrize(
    ("purpose", "sources", "said"),
    [
        ("rebuild", {}, "version 2 goes live by a rebuild, by ann: a scanner"),
        ("shadow", {}, "version 2 goes live by a shadow's promotion, by ann: a scanner"),
        (
            "quarantine",
            {"added": [NETWORK], "condemned": [NETWORK]},
            "quarantine: ip 203.0.113.0/24 (version 2, by ann: a scanner)",
        ),
        ("rebuild", {"released": [NETWORK]}, "released: ip 203.0.113.0/24 (version 2, by ann: a scanner)"),
    ],
)
def test_what_took_the_live_ones_place(purpose: Purpose, sources: Any, said: str) -> None:
    """By what, of which sources, by whom and why."""
    shown = history(180, taken_over(purpose, **sources))
    assert said in shown
    if purpose == "quarantine":
        assert "quarantined since: ip 203.0.113.0/24" in shown
        assert "refused, quarantined: ip 203.0.113.0/24" in shown


def test_why_a_generation_moved_a_lead() -> None:
    """As JSON, and among the transitions of a view, where a new version is told of as well."""
    whole = taken_over("quarantine", added=[NETWORK], condemned=[NETWORK])
    rows = whole.rows()
    told = history_json(whole, rows, len(rows))["rows"]
    (row,) = [one for one in told if one["what"] == "version"]
    assert row["publication"]["generation"] == {
        "number": 1,
        "purpose": "quarantine",
        "added": ["ip 203.0.113.0/24"],
        "released": [],
    }
    assert [one["event"]["quarantined"] for one in told if one["event"]] == ["since", "then"]
    (move,) = row["transitions"]
    assert move["cause"] == {"kind": "model", "reason": "quarantine: ip 203.0.113.0/24"}
    out = StringIO()
    unnamed = {**move, "cause": {"kind": "model"}}
    Console(file=out, width=120, highlight=False).print(moves([move, unnamed], 2))
    assert "quarantine: ip 203.0.113.0/24" in out.getvalue() and "a new version" in out.getvalue()


def names_in(part: Any, inside: str = "") -> Iterator[str]:
    """The names of fields; those of scores, stages and whole transitions are not ours."""
    if isinstance(part, list):
        for one in part:
            yield from names_in(one, inside)
    elif isinstance(part, dict):
        for name, value in part.items():
            if inside not in ("scores", "stages", "bands", "grades"):
                yield name
            if not name.startswith("transitions"):
                yield from names_in(value, "" if inside == "scores" and isinstance(value, dict) else name)


def test_every_field_is_on_the_page(repository: Path) -> None:
    """Names are stable: who renames one sees it here."""
    page = (repository / "docs" / "single-view.md").read_text(encoding="utf-8")
    page = page[page.index("## History") : page.index("## Export")]
    whole = past()
    rows, at = whole.rows(), parse_time("2026-03-01T10:30:00Z")
    told = [history_json(whole, rows, len(rows)), moment_json(whole, at, whole.moment(at))]
    other = taken_over("quarantine", added=[NETWORK], condemned=[NETWORK])
    told.append(history_json(other, other.rows(), 9))
    names = {name for document in told for name in names_in(document)}
    assert {"rows_total", "differs", "event_id", "parts", "words", "mode", "purpose", "quarantined"} <= names
    assert sorted(name for name in names if f"`{name}`" not in page) == []
