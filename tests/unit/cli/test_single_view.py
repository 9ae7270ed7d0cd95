"""The single views as a person sees them: everything is there, nothing is too wide, nothing escapes."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from stream_app.cli.account_drawing import draw_account
from stream_app.cli.lead_drawing import draw_lead
from stream_app.cli.subject_drawing import escaped
from stream_app.engine.times import DAY, HOUR, parse_time
from tests.pipeline.desk import Desk, event
from tests.pipeline.models import plain_model
from tests.pipeline.views import account_viewed, lead_viewed

START = parse_time("2026-03-02T09:20:00Z")
EVIL = "\x1b[2J\x1b]0;gone\x07\u202e\x9b31m"


@pytest.fixture(scope="module")
def desk() -> Desk:
    """Ann of acme, with a name that would wipe the screen."""
    desk = Desk(plain_model())
    facts: dict[str, Any] = {"job_title": "Chief", "department": "it", "last_name": EVIL, "note": "long " * 60}
    sent = [event(0, START, user="ann", account_id="acme", type="identify", facts=facts)]
    sent += [event(number, START + number * HOUR, user="ann", account_id="acme") for number in range(1, 8)]
    for document in sent:
        desk.send("web-events", document, key="user:ann", timestamp=parse_time(document["time"]))
    funding = event(50, START, account_id="acme", type="funding", account_facts={"growth": 0.3, "motto": EVIL})
    desk.send("account-events", funding, key="acme", timestamp=START)
    desk.run()
    return desk


def drawn(width: int, draw: Any, *what: Any) -> str:
    """What a console of a width shows, without colour."""
    out = StringIO()
    draw(*what[:1], Console(file=out, width=width, highlight=False, markup=False, emoji=False), *what[1:])
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_lead_fits_and_says_it_all(desk: Desk, width: int) -> None:
    """Profile, account, scores, stages, why, what comes next and transitions, within 80 columns."""
    shown = drawn(width, draw_lead, lead_viewed(desk, "user:ann"), [], 0)
    assert max(map(len, shown.splitlines())) <= width
    for part in ("Profile", "Account", "Scores", "Stages", "Why", "What comes next", "Transitions", "Timeline"):
        assert part in shown
    for told in (
        "acme",
        "lifecycle: sql since",
        "falls to",
        "total ≥ 40",
        "halves every 2d",
        "job_title contains chief",
    ):
        assert told in shown


@pytest.mark.parametrize("width", [80, 100, 120])
def test_an_account_fits_and_says_it_all(desk: Desk, width: int) -> None:
    """Facts, scores, stage, members with what they bring, breadth, what comes next."""
    shown = drawn(width, draw_account, account_viewed(desk, "acme"))
    assert max(map(len, shown.splitlines())) <= width
    for told in ("Members (1)", "user:ann", "breadth: 1 different department", "funding", "halves every 4d"):
        assert told in shown


def test_no_fact_writes_elsewhere_on_the_screen(desk: Desk) -> None:
    """Control characters, of C1 and of direction too, are shown as escapes, in every list."""
    event_shown = {"time": "2026-03-02T09:20:00Z", "channel": EVIL, "type": EVIL, "properties": {EVIL: EVIL}}
    timeline = [{**event_shown, "facts": {}, "account_facts": {}}]
    lead = drawn(100, draw_lead, lead_viewed(desk, "user:ann", START + 9 * DAY), timeline, 1)
    account = drawn(100, draw_account, account_viewed(desk, "acme"))
    for shown in (lead, account):
        assert all(char.isprintable() or char == "\n" for char in shown)
        assert "\\x1b[2J" in shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "yes"), (1.5, "1.5"), (3, "3"), (["a", False], "a, no"), ("x" * 500, "x" * 119 + "…"), ("a\nb", "a\\nb")],
)
def test_values_as_text(value: object, text: str) -> None:
    """Short, and in one line."""
    assert escaped(value) == text
