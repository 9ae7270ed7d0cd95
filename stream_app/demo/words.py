"""Transitions, leads and summaries in words: what the live view, the plain lines and the end of the demo share."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from stream_app.demo.board import Board, Document, parts_of, telling_change

_CONTROL: Final = "\N{REPLACEMENT CHARACTER}"
_MOST_DIGITS: Final = 4
_TOP: Final = 5


def printable(text: str) -> str:
    """Keys and names come from outside: a control character among them would write elsewhere on the screen."""
    return "".join(char if char.isprintable() else _CONTROL for char in text)


def who(document: Document) -> str:
    """The lead or the account of a transition, without the kind of its key."""
    if document["subject"] == "account":
        return printable(document["account_id"])
    return short_key(document["lead"])


def short_key(key: str) -> str:
    """`ann@acme.example` of `email:ann@acme.example`."""
    return printable(key.partition(":")[2] or key)


def when(document: Document) -> str:
    """`03-12 09:00` of a transition's time."""
    at: str = document["at"]
    return f"{at[5:10]} {at[11:16]}"


def change(board: Board, document: Document) -> str:
    """`total 34 → 52`: the score that tells most, with the decimals it takes to see the change; empty where nothing did."""
    found = telling_change(board.model, document)
    if found is None:
        return ""
    name, before, after = found
    for digits in range(_MOST_DIGITS):
        if f"{before:.{digits}f}" != f"{after:.{digits}f}":
            return f"{name} {before:.{digits}f} → {after:.{digits}f}"
    return ""


def why(board: Board, document: Document) -> str:
    """What caused it, and the rules that weigh most that way: `pricing_page +30, form +10`; of a fall `decay: quiet -5`."""
    sign = 1 if document["direction"] == "up" else -1
    found = telling_change(board.model, document)
    scores = parts_of(board.model, found[0]) if found is not None else frozenset()
    reasons = [reason for reason in document["reasons"] if reason["points"] * sign > 0 and reason["score"] in scores]
    rules = ", ".join(f"{reason['rule']} {reason['points']:+.3g}" for reason in reasons[:3])
    kind: str = document["cause"]["kind"]
    if kind == "activity":
        return rules
    return f"{kind}: {rules}" if rules and kind != "crm" else kind


def next_step(document: Document) -> str:
    """What the model's stage asks for: `sales: contact call, respond_within 1h`."""
    actions = ", ".join(f"{name} {printable(str(value))}" for name, value in document["actions"].items())
    return ": ".join(part for part in (document["route"] or "", actions) if part)


def line(board: Board, document: Document) -> str:
    """A transition as one line."""
    arrow = "up  " if document["direction"] == "up" else "down"
    move = f"{document['ladder']} {document['from']} → {document['to']}"
    told = " ".join(part for part in (change(board, document), f"({why(board, document)})") if part != "()")
    asked = next_step(document)
    return printable(
        f"{document['at'][:16]}Z {arrow} {document['subject']} {who(document)}: {move}{', ' if told else ''}{told}"
    ) + (f" ⇒ {asked}" if asked else "")


def summary(board: Board, seconds: float) -> Iterator[str]:
    """What it came to, as lines. `seconds` is how long events were produced."""
    speed = board.scored / seconds if seconds else 0.0
    yield (
        f"{board.sent:,} events sent and {board.scored:,} scored in {seconds:.0f} s ({speed:,.0f} a second): "
        f"{len(board.leads):,} leads, {len(board.accounts):,} accounts"
    )
    if board.lag:
        yield f"{board.lag:,} records were still waiting"
    if board.refused:
        yield f"{board.refused.total():,} dead letters: {_counts(board.refused)}"
    if board.first_transition is None:
        yield "no transition"
        return
    flowed = board.first_transition - board.begun
    yield f"first transition {board.first_transition:.1f} s after the start, {flowed:.1f} s after the first event"
    yield f"{board.transitions:,} transitions, by cause: {_counts(board.causes)}"
    yield from _moves(board)
    yield "top leads"
    for lead in board.top(_TOP):
        stages = " ".join(stage for _, stage in lead.stages)
        told = (short_key(lead.key), f"{lead.score:g}", *lead.labels, stages, f"({', '.join(lead.reasons)})")
        yield "  " + printable(" ".join(told))


def _counts(found: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in found.most_common())


def _moves(board: Board) -> Iterator[str]:
    """A line a ladder, its stages in the model's order: `lead lifecycle: mql ↑114 ↓2, sql ↑26`."""
    for subject, card in (("lead", board.model.lead), ("account", board.model.account)):
        for ladder in card.ladders:
            told = []
            for stage in ladder.stages:
                ups, downs = (board.moves[subject, ladder.name, way, stage.name] for way in ("up", "down"))
                counts = [f"{arrow}{count:,}" for arrow, count in (("↑", ups), ("↓", downs)) if count]
                told += [" ".join((stage.name, *counts))] if counts else []
            if told:
                yield f"  {subject} {ladder.name}: {', '.join(told)}"
