"""Which events a subject takes (scoring.md section 2, "Lateness and duplicates")."""

from typing import Literal

from stream_app.engine.activity import Activity
from stream_app.engine.state import NEVER, Subject

MAX_FACTS = 1_024  # names of facts a subject can have: beyond it, an event that brings new ones is refused

Refused = Literal["duplicate", "too_old", "too_many_facts"]


def verdict(subject: Subject, activity: Activity, lateness: int) -> Refused | None:
    """Why a subject does not take an event; None if it does. `duplicate` means: ignore it without a word.

    `lateness` is the model's, milliseconds. An id that is remembered is a duplicate whatever the event says; an event
    older than the latest one less the lateness could be a forgotten duplicate, so it is refused.
    """
    if subject.latest == NEVER:
        return None
    oldest = subject.latest - lateness
    if subject.seen.first_time(activity.event_id) >= max(oldest, 0):
        return "duplicate"
    if activity.time < oldest or activity.time < subject.seen.floor:
        return "too_old"
    facts = activity.facts
    if facts and len(subject.facts) + len(facts) > MAX_FACTS and len(subject.facts.keys() | facts.keys()) > MAX_FACTS:
        return "too_many_facts"
    return None
