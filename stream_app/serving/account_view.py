"""The single view of one account: its score record (formats.md), and why, who, and what comes next. Pure, as lead_view."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from stream_app.engine.times import format_time
from stream_app.runtime.account import Account
from stream_app.runtime.documents import score_record, transitions
from stream_app.serving.coming import Change, next_changes, next_falls
from stream_app.serving.ladder_view import LadderView, ladder_views
from stream_app.serving.lead_view import Fact, facts_of, moved_to, published_as, time_or_none, version_notes
from stream_app.serving.lookup import Document, StoredAccount
from stream_app.serving.members import MembersView, members_views
from stream_app.serving.why import explanation_of


class AccountView(msgspec.Struct, frozen=True):
    """One account at a time. The fields are those of a `LeadView`; `members` tells of each score that has a roll-up."""

    record: Document
    clock: str
    first_activity: str | None
    latest_event: str | None
    facts: dict[str, Fact]
    ladders: dict[str, LadderView]
    explanation: dict[str, Any]
    members: dict[str, MembersView]
    members_total: int
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


def account_view(
    load: Callable[[], Account],
    stored: StoredAccount,
    score: Document | None,
    moves: Sequence[Document],
    at: int | None = None,
    limit: int | None = None,
) -> AccountView:
    """An account at `at` (milliseconds; default: its clock), its members contributing what they do now.

    `load` makes the stored account, anew each time it is called. `moves` are its transitions, oldest first. Raises
    `KnownError` where `at` is before its clock.
    """
    account = load()
    clock, name = account.subject.clock, stored.account_id
    moved_to(account, at)
    expected = transitions(account, "account", name)

    def copy() -> Account:
        twin = load()
        moved_to(twin, at)
        twin.moves = []
        return twin

    subject = account.subject
    newest = list(reversed(moves))
    return AccountView(
        record=score_record(account, "account", name, subject.revision),
        clock=format_time(clock),
        first_activity=time_or_none(subject.first),
        latest_event=time_or_none(subject.latest),
        facts=facts_of(subject.facts),
        ladders=ladder_views(account, next_falls(account, copy)),
        explanation=explanation_of(account),
        members=members_views(account.plan.card, stored.members, limit),
        members_total=len(stored.members),
        next=next_changes(copy()),
        expected=expected,
        transitions=newest if limit is None else newest[:limit],
        total=len(newest),
        published=published_as(score),
        notes=version_notes(account.plan.named, score),
    )
