"""What a demo shows: which score tells of a transition, who is on top, and that it fits the screen."""

from collections.abc import Iterator
from typing import Any

import pytest
from rich.console import Console

from stream_app.demo.board import Board, telling_change
from stream_app.demo.sources import PACE, closed_stages
from stream_app.demo.view import picture
from stream_app.demo.words import change, line, summary, why
from stream_app.engine.times import parse_time
from stream_app.local.plots import DAY
from stream_app.local.simulator import Story, history_then_present, simulate
from stream_app.modelfiles import read_model
from stream_app.runtime.world import World

MODEL = read_model("b2b-saas")
NOW = parse_time("2026-03-31T12:00:00Z")


@pytest.fixture(scope="module")
def moves() -> list[dict[str, Any]]:
    """Transitions of ten days."""
    return list(_play(Board.of(MODEL)))


def _play(board: Board) -> Iterator[dict[str, Any]]:
    """Ten days of the simulator through the engine, onto a board."""
    world = World(MODEL)
    for record in simulate(Story(closed=closed_stages(MODEL)), history_then_present(NOW - 10 * DAY, NOW, PACE)):
        if record.at > 10 * DAY:
            break
        board.sent, board.scored, board.told_to = board.sent + 1, board.scored + 1, record.activity.time
        if record.refused is not None:
            board.dead_letter(record.refused)
            continue
        world.apply(record.activity, NOW)
        for document in world.take_transitions():
            board.transition(document, 5.0 + record.at / DAY)
            yield document
    for document in world.scores():
        if "lead" in document:
            board.lead(document["lead"], document)
        else:
            board.account(document["account_id"], document)


def _board() -> Board:
    board = Board.of(MODEL)
    for _ in _play(board):
        continue
    return board


def _transition(**changes: Any) -> dict[str, Any]:
    document = {
        "subject": "lead",
        "lead": "email:ann@acme.example",
        "account_id": "acme.example",
        "ladder": "lifecycle",
        "from": "awareness",
        "to": "mql",
        "direction": "up",
        "at": "2026-03-12T09:30:00Z",
        "cause": {"kind": "activity", "event_id": "e1"},
        "scores": {"before": {"fit": 40.0, "engagement": 45.0, "total": 43.0}, "after": {"fit": 40.0, "engagement": 75.0, "total": 61.0}},
        "reasons": [
            {"rule": "outside_territory", "score": "fit", "points": -40.0},
            {"rule": "pricing_page", "score": "engagement", "points": 30.0},
            {"rule": "growing", "score": "account", "points": 10.0},
        ],
        "route": "marketing",
        "actions": {"respond_within": "2d"},
    }  # fmt: skip
    return document | changes


def test_a_transition_is_told_by_the_score_that_decided() -> None:
    """`mql` is entered by the total, though engagement changed more; the reasons are those of its parts, that way."""
    board = Board.of(MODEL)
    up = _transition()
    assert telling_change(MODEL, up) == ("total", 43.0, 61.0)
    assert (change(board, up), why(board, up)) == ("total 43 → 61", "pricing_page +30")
    assert line(board, up) == (
        "2026-03-12T09:30Z up   lead ann@acme.example: lifecycle awareness → mql, total 43 → 61 (pricing_page +30)"
        " ⇒ marketing: respond_within 2d"
    )


def test_a_fall_is_told_by_what_held() -> None:
    """With as many decimals as it takes to see it; what pulls down is the reason, and time the cause."""
    scores = {"before": {"total": 35.004, "fit": 0.0}, "after": {"total": 34.996, "fit": 0.0}}
    fall = _transition(direction="down", **{"from": "mql", "to": "awareness"}, scores=scores, cause={"kind": "decay"})
    board = Board.of(MODEL)
    assert change(board, fall) == "total 35.004 → 34.996"
    assert why(board, fall) == "decay: outside_territory -40"


def test_who_is_decided_is_no_longer_on_top() -> None:
    """Customers and lost leads stand on sticky stages: the top is of those for whom something can be done."""
    board = _board()
    closed = {lead.key for lead in board.leads.values() if dict(lead.stages)["lifecycle"] in ("customer", "lost")}
    top = board.top(len(board.leads))
    assert closed
    assert {lead.key for lead in top} == set(board.leads) - closed
    assert [lead.score for lead in top] == sorted((lead.score for lead in top), reverse=True)
    assert sum(board.stages()["lifecycle"].values()) == len(board.leads)


def test_an_older_score_record_is_passed_over_and_a_tombstone_removes() -> None:
    """Records of a lead may be read again."""
    board = _board()
    key = next(iter(board.leads))
    known = board.leads[key]
    document = {"revision": known.revision - 1, "scores": {}, "grades": {}, "bands": {}, "stages": {}, "reasons": []}
    board.lead(key, document)
    assert board.leads[key] == known
    board.lead(key, None)
    assert key not in board.leads


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (60, 16), (200, 60)])
def test_the_picture_fits_the_screen(width: int, height: int) -> None:
    """Never a line too many or too long; all parts are there."""
    console = Console(width=width, height=height, color_system=None, force_terminal=True)
    board = _board()
    board.progress(900, 0, 9.0)
    board.progress(1_000, 12, 10.0)
    with console.capture() as capture:
        console.print(picture(board, 10.0, 30.0, width, height))
    lines = capture.get().rstrip("\n").split("\n")
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    for words in ("20 s left", "100 events/s", "top open leads", "transitions", "mql"):
        assert words in capture.get()


def test_an_empty_board_can_be_shown() -> None:
    """Before the first event."""
    console = Console(width=80, height=24, color_system=None)
    with console.capture() as capture:
        console.print(picture(Board.of(MODEL), 0.0, None, 80, 24))
    assert "0 events/s" in capture.get()
    assert [text for text in summary(Board.of(MODEL), 0.0)][-1] == "no transition"


def test_control_characters_of_keys_never_reach_the_screen() -> None:
    """Keys come from outside."""
    board = Board.of(MODEL)
    nasty = _transition(lead="email:\x1b[2Jann\n@acme.example")
    board.transition(nasty, 1.0)
    console = Console(width=80, height=24, color_system=None)
    with console.capture() as capture:
        console.print(picture(board, 1.0, None, 80, 24))
    assert "\x1b" not in capture.get()
    assert line(board, nasty).isprintable()


def test_the_summary_counts_by_ladder_and_kind(moves: list[dict[str, Any]]) -> None:
    """Every transition is in it once."""
    text = "\n".join(summary(_board(), 10.0))
    ups = sum(move["to"] == "mql" and move["direction"] == "up" for move in moves)
    assert f"{len(moves)} transitions" in text
    assert f"mql ↑{ups}" in text
    assert "dead letters: not_json 1" in text
