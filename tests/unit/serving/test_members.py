"""What members bring to an account, one by one, adds up to what the engine makes of them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.engine.accounts import rollup_points
from stream_app.engine.model.types import Rollup
from stream_app.engine.times import DAY, HOUR, parse_time
from stream_app.serving.members import member_points
from tests.pipeline.desk import Desk, event
from tests.pipeline.models import plain_model
from tests.pipeline.tables import accounts_at
from tests.pipeline.views import account_viewed, entries_of

START = parse_time("2026-03-02T09:20:00Z")
ROLLUPS = st.builds(
    Rollup,
    score=st.just("interest"),
    method=st.sampled_from(["sum", "max", "top", "diminishing"]),
    top=st.integers(1, 4),
    factor=st.sampled_from([0.5, 0.8, 1.0]),
    per_member=st.sampled_from([None, 40.0]),
)


@given(ROLLUPS, st.lists(st.integers(0, 100).map(float), max_size=8))
def test_points_add_up_to_the_roll_up(rollup: Rollup, scores: list[float]) -> None:
    """Whatever the method and the cap."""
    ranked = sorted(scores, reverse=True)
    assert sum(member_points(rollup, ranked)) == pytest.approx(rollup_points(rollup, ranked), abs=1e-9)


@pytest.fixture
def desk() -> Desk:
    """Three members of acme, of two departments, and its own money."""
    desk = Desk(plain_model())

    def send(number: int, user: str, **more: Any) -> None:
        time = START + number * HOUR
        desk.send("web-events", event(number, time, user=user, **more), key=f"user:{user}", timestamp=time)

    for number, (user, department) in enumerate([("ann", "it"), ("bob", "it"), ("cyd", "Sales")]):
        send(number * 10, user, type="identify", account_id="acme", facts={"department": department})
        for page in range(1, 4 - number):
            send(number * 10 + page, user, account_id="acme")
    money = event(90, START, account_id="acme", type="funding", account_facts={"growth": 0.3})
    desk.send("account-events", money, key="acme", timestamp=START)
    desk.run()
    return desk


def test_an_account_s_members_are_ranked_and_breadth_is_told(desk: Desk) -> None:
    """The greatest first; a department counts once; the next tier is named."""
    view = account_viewed(desk, "acme", limit=2)
    members = view.members["score"]
    assert [member.lead for member in members.top] == ["user:ann", "user:bob"]
    assert (members.total, view.members_total) == (3, 3)
    breadth = members.breadth
    assert breadth is not None
    assert (breadth.distinct, breadth.points, breadth.next_at, breadth.next_points) == (2, 10.0, 3, 25.0)
    assert set(breadth.values) == {"it", "sales"}
    told = view.explanation["score"]
    assert members.points + breadth.points == pytest.approx(told["members"], abs=1e-9)


def test_an_account_is_its_score_record_and_more(desk: Desk) -> None:
    """At its clock it is what the worker published, later what the engine makes of its state."""
    view = account_viewed(desk, "acme")
    published = desk.latest("account-scores")["acme"]
    assert {name: view.as_json()[name] for name in published} == published
    assert view.facts["growth"].value == 0.3
    at = START + 9 * DAY
    later = accounts_at(desk.scoring, entries_of(desk, "account"), at)["acme"]
    assert account_viewed(desk, "acme", at).record == later
