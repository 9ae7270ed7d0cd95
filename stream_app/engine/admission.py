"""Which events a subject takes (scoring.md section 2, "Lateness and duplicates")."""

from collections.abc import Mapping
from typing import Final, Literal

from stream_app.engine.activity import Activity, Value
from stream_app.engine.state import NEVER, Cell, Subject

MAX_FACTS: Final = 1_024  # names of facts a subject can have: beyond it, an event that brings new ones is refused
MAX_FACT_CHARS: Final = 131_072  # characters of all its facts' values: what a lead is must fit into a record
_FEW: Final = 4  # facts that can't have as many: an event has less than a quarter of it

Refused = Literal["duplicate", "too_old", "too_many_facts"]


def verdict(subject: Subject, activity: Activity, lateness: int) -> Refused | None:
    """Why a subject does not take an event; None if it does. `duplicate` means: ignore it without a word.

    `lateness` is the model's, milliseconds. An id that is remembered is a duplicate whatever the event says; an event
    older than the latest one less the lateness could be a forgotten duplicate, so it is refused.
    """
    if subject.latest != NEVER:
        oldest = subject.latest - lateness
        if subject.seen.first_time(activity.event_id) >= max(oldest, 0):
            return "duplicate"
        if activity.time < oldest or activity.time < subject.seen.floor:
            return "too_old"
    # An account without an event of its own may have facts, from its members' events.
    facts = activity.account_facts if activity.is_account_event else activity.facts
    return "too_many_facts" if facts and too_many(subject.facts, facts) else None


def too_many(known: Mapping[str, Cell], facts: Mapping[str, Value | None]) -> bool:
    """Whether a subject that has the facts `known` can't take others: there would be too many of them, or too long ones."""
    if len(known) + len(facts) <= _FEW:
        return False
    if len(known) + len(facts) > MAX_FACTS and len(known.keys() | facts.keys()) > MAX_FACTS:
        return True
    size = 0
    for value in facts.values():
        size += size_of(value)
    for name, cell in known.items():
        if name not in facts:
            size += size_of(cell[2])
    return size > MAX_FACT_CHARS


def size_of(value: Value | None) -> int:
    """How much of `MAX_FACT_CHARS` a fact's value takes."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        size = 0
        for item in value:
            size += len(item) if isinstance(item, str) else 1
        return size
    return 1
