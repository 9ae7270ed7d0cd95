"""The single view of one lead: a score record (formats.md) and everything that a person wants to know beside it.

Pure: stored bytes, published records, a model and a time in, a `LeadView` out. Who reads the topics and who draws the
result are other rooms' business; `as_json` is what `stream-app lead show --json` prints and an HTTP API may return.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from stream_app.engine.explain import machines_told
from stream_app.engine.state import NEVER, Cell, Subject
from stream_app.engine.times import format_time
from stream_app.errors import KnownError
from stream_app.runtime.documents import score_record, transitions
from stream_app.runtime.lead import Lead
from stream_app.serving.coming import Change, next_changes, next_falls
from stream_app.serving.ladder_view import LadderView, ladder_views
from stream_app.serving.lookup import Document, LeadRecords
from stream_app.serving.why import explanation_of


class Fact(msgspec.Struct, frozen=True):
    """A fact's value and the time from which it holds."""

    value: Any
    since: str


class Profile(msgspec.Struct, frozen=True):
    """Who a lead is. `facts` are its own, `account_facts` its account's as it sees them.

    `conflicts` counts the links that were refused because a key belonged to somebody else.
    """

    email: str | None
    owner: str | None
    suppressed: bool
    outcome: str | None
    first_activity: str | None
    latest_event: str | None
    facts: dict[str, Fact]
    account_facts: dict[str, Any]
    conflicts: int


class LeadView(msgspec.Struct, frozen=True):
    """One lead at a time. `record` is its score record then, `clock` when the worker last looked at it.

    `published` is what the score record on the topic says of itself, `account` the account's score record, `expected`
    the transitions between `clock` and the time asked for, if nothing happens. `machines` counts what machines did in its name, by the
    rules that found it: none of that counts. `transitions` are newest first, `total`
    counts all there are. `notes` say in words what a reader must know.
    """

    record: Document
    keys: Sequence[str]
    clock: str
    profile: Profile
    account: Document | None
    ladders: dict[str, LadderView]
    explanation: dict[str, Any]
    machines: dict[str, int]
    next: Sequence[Change]
    expected: Sequence[Document]
    transitions: Sequence[Document]
    total: int
    published: Document | None
    notes: Sequence[str]

    def as_json(self) -> Document:
        """One document: the fields of a score record, then the others."""
        told: Document = {**self.record}
        for name in self.__struct_fields__[1:]:
            told["transitions_total" if name == "total" else name] = msgspec.to_builtins(getattr(self, name))
        return told


def lead_view(
    load: Callable[[], Lead], keys: Sequence[str], records: LeadRecords, at: int | None = None, limit: int | None = None
) -> LeadView:
    """A lead at `at` (milliseconds; default: its clock). `load` makes the stored lead, anew each time it is called.

    Raises `KnownError` where `at` is before its clock.
    """
    lead = load()
    clock = lead.subject.clock
    moved_to(lead, at)
    expected = transitions(lead, "lead", lead.account_id)

    def copy() -> Lead:
        twin = load()
        moved_to(twin, at)
        twin.moves = []
        return twin

    moves = list(reversed(records.transitions))
    return LeadView(
        record=score_record(lead, "lead", lead.account_id, lead.subject.revision),
        keys=keys,
        clock=format_time(clock),
        profile=_profile(lead),
        account=records.account,
        ladders=ladder_views(lead, next_falls(lead, copy)),
        explanation=explanation_of(lead),
        machines=machines_told(lead),
        next=next_changes(copy()),
        expected=expected,
        transitions=moves if limit is None else moves[:limit],
        total=len(moves),
        published=published_as(records.score),
        notes=version_notes(lead.plan.named, records.score),
    )


def moved_to(live: Any, at: int | None) -> None:
    """Carry a subject to a time. Raises `KnownError` where that is before its clock."""
    if at is None:
        return
    if at < live.subject.clock:
        raise KnownError(
            f"--at {format_time(at)} is before {live.subject.key}'s clock, {format_time(live.subject.clock)}: what was "
            "before is in its transitions, and 'stream-app score' computes it from the events"
        )
    live.advance(at)


def published_as(score: Document | None) -> Document | None:
    """What a score record on the topic says of itself."""
    return None if score is None else {name: score.get(name) for name in ("model", "at", "revision", "scores")}


def version_notes(model: Document, score: Document | None) -> list[str]:
    """A warning where the worker's score record was made by another model than the one at hand."""
    if score is None or score.get("model") == model:
        return []
    theirs = score.get("model") or {}
    worker, here = (f"{one.get('id')} {str(one.get('version'))[:12]}" for one in (theirs, model))
    note = f"the worker's record was made by the model {worker}; what is shown is computed by {here}"
    return [f"{note}: the worker has not restated it yet, or has another model than --model names"]


def facts_of(cells: dict[str, Cell]) -> dict[str, Fact]:
    """Facts that have a value, by name."""
    return {name: Fact(cell[2], format_time(cell[0])) for name, cell in sorted(cells.items()) if cell[2] is not None}


def time_or_none(at: int) -> str | None:
    """A stored time as text; None where there is none."""
    return None if at == NEVER else format_time(at)


def _profile(lead: Lead) -> Profile:
    subject: Subject = lead.subject
    email, owner, outcome = (subject.mark(name) for name in ("email", "owner", "outcome"))
    seen = subject.account[1] if subject.account is not None and subject.account[0] == lead.account_id else {}
    return Profile(
        email=email if isinstance(email, str) else None,
        owner=owner if isinstance(owner, str) else None,
        suppressed=subject.mark("suppressed") is True,
        outcome=outcome if isinstance(outcome, str) else None,
        first_activity=time_or_none(subject.first),
        latest_event=time_or_none(subject.latest),
        facts=facts_of(subject.facts),
        account_facts={name: value for name, value in sorted(seen.items()) if not name.startswith("account.")},
        conflicts=subject.conflicts,
    )
