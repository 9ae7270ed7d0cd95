"""Transitions, leads and summaries in words: what the live view, the plain lines and the end of the demo share."""

from collections.abc import Iterator
from typing import Final

from stream_app.demo.board import Board, Document, telling_change

_CONTROL: Final = "\N{REPLACEMENT CHARACTER}"


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
    """`total 34 → 52`: the score that tells most, with a decimal where whole numbers would hide the change."""
    found = telling_change(board.model, document)
    if found is None:
        return ""
    name, before, after = found
    digits = 0 if round(before) != round(after) else 1
    return f"{name} {before:.{digits}f} → {after:.{digits}f}"


def why(document: Document) -> str:
    """What caused it, and the rules that weigh most: `pricing_page +30, form +10`; of a fall by itself `decay: ...`."""
    rules = ", ".join(f"{reason['rule']} {reason['points']:+.3g}" for reason in document["reasons"][:3])
    kind = document["cause"]["kind"]
    if kind == "activity":
        return rules
    return f"{kind}: {rules}" if rules else kind


def next_step(document: Document) -> str:
    """What the model's stage asks for: `sales: contact call, respond_within 1h`."""
    actions = ", ".join(f"{name} {printable(str(value))}" for name, value in document["actions"].items())
    return ": ".join(part for part in (document["route"] or "", actions) if part)


def line(board: Board, document: Document) -> str:
    """A transition as one line."""
    arrow = "up  " if document["direction"] == "up" else "down"
    parts = [
        f"{document['at'][:16]}Z {arrow} {document['subject']} {who(document)}:",
        f"{document['ladder']} {document['from']} → {document['to']}, {change(board, document)} ({why(document)})",
    ]
    asked = next_step(document)
    return " ".join(parts) + (f" ⇒ {asked}" if asked else "")


def summary(board: Board, seconds: float) -> Iterator[str]:
    """What it came to, as lines. `seconds` is how long events were produced."""
    yield (
        f"{board.sent:,} events sent and {board.scored:,} scored in {seconds:.0f} s; "
        f"{len(board.leads):,} leads, {len(board.accounts):,} accounts"
    )
    if board.first_transition is None:
        yield "no transition"
        return
    yield f"first transition {board.first_transition:.1f} s after the start, {board.first_transition - board.begun:.1f} s after the first event"
    causes = ", ".join(f"{kind} {count}" for kind, count in board.causes.most_common())
    yield f"{board.transitions:,} transitions, by cause: {causes}"
    for subject, ladder, direction, stage, count in sorted((*move, count) for move, count in board.moves.items()):
        yield f"  {subject} {ladder}: {'↑' if direction == 'up' else '↓'} {stage} {count:,}"
    if board.refused:
        codes = ", ".join(f"{code} {count}" for code, count in board.refused.most_common())
        yield f"{board.refused.total():,} dead letters: {codes}"
