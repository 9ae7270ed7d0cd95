"""docs/single-view.md names every field that the views print."""

from pathlib import Path

import pytest

from stream_app.serving.account_view import AccountView
from stream_app.serving.coming import Change, Shift
from stream_app.serving.ladder_view import Check, LadderView, NextStage
from stream_app.serving.lead_view import Fact, LeadView, Profile
from stream_app.serving.members import BreadthView, Member, MembersView

PAGE = (Path(__file__).parents[3] / "docs" / "single-view.md").read_text(encoding="utf-8")
KINDS = [
    LeadView,
    AccountView,
    Profile,
    Fact,
    LadderView,
    NextStage,
    Check,
    Change,
    Shift,
    MembersView,
    BreadthView,
    Member,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_is_on_the_page(kind: type) -> None:
    """Names are stable: who renames one sees it here. (`record` is spread over the document, `total` is its count.)"""
    names = set(kind.__struct_fields__) - {"record"}  # type: ignore[attr-defined]
    assert sorted(name for name in names if f"`{name}`" not in PAGE) == []
