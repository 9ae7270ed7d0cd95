"""Which events are of a condemned source."""

from typing import Any

import pytest

from stream_app.engine.activity import Activity
from stream_app.ingest.condemned import MOST, Condemned, Kind, Quarantine

AT = 1_000_000


def event(time: int = AT, facts: dict[str, Any] | None = None, **properties: Any) -> Activity:
    """An event with some properties."""
    return Activity(event_id="e", type="t", time=time, user_id="u", properties=properties, facts=facts or {})


@pytest.mark.parametrize(
    ("kind", "value", "of", "not_of"),
    [
        ("ip", "203.0.113.7", {"ip": "203.0.113.7"}, {"ip": "203.0.113.70"}),
        ("ip", "203.0.113.0/24", {"ip_address": " 203.0.113.255 "}, {"ip": "203.0.114.1"}),
        ("ip", "203.0.113.0/24", {"ip": "::ffff:203.0.113.9"}, {"ip": "no address"}),
        ("ip", "2001:db8::/32", {"ip": "2001:db8::1"}, {"ip": "203.0.113.7"}),
        ("user_agent", "LinkCheck", {"user_agent": "acme linkcheck/2"}, {"user_agent": "Mozilla"}),
        ("campaign", "Spring", {"utm_campaign": "spring"}, {"campaign": "spring-2"}),
        ("campaign", "7", {"campaign_id": 7}, {"campaign_id": 77}),
        ("source", "bought-list", {"source": "Bought-List"}, {"source": "list"}),
        ("property", "form=contest", {"form": "contest"}, {"form": ["contest"]}),
        ("property", "robot=true", {"robot": True}, {"robot": "1"}),
    ],
)
def test_what_names_a_source(kind: Kind, value: str, of: dict[str, Any], not_of: dict[str, Any]) -> None:
    """An address or network, a part of the user agent, the whole of everything else; case does not matter."""
    source = Condemned(kind, value)
    quarantine = Quarantine([source])
    assert (quarantine.of(event(**of)), quarantine.of(event(**not_of)), quarantine.of(event())) == (source, None, None)


def test_a_source_may_be_a_fact() -> None:
    """`source` is a fact like any other, as stated by the producer."""
    source = Condemned("source", "fair")
    assert Quarantine([source]).of(event(facts={"source": "Fair"})) == source


def test_times_bound_what_is_condemned() -> None:
    """From `since` on, and before `before`; by the event's own time."""
    quarantine = Quarantine([Condemned("ip", "203.0.113.7", since=AT, before=AT + 10)])
    times = [AT - 1, AT, AT + 9, AT + 10]
    assert [quarantine.of(event(time, ip="203.0.113.7")) is not None for time in times] == [False, True, True, False]


@pytest.mark.parametrize(
    "source",
    [
        Condemned("ip", "203.0.113"),
        Condemned("ip", "203.0.113.0/99"),
        Condemned("campaign", "  "),
        Condemned("source", "x" * 501),
        Condemned("property", "form"),
        Condemned("property", "=contest"),
    ],
)
def test_what_names_no_source(source: Condemned) -> None:
    """It is refused before anything is built."""
    with pytest.raises(ValueError, match=source.kind):
        Quarantine([source])


def test_their_number_is_bounded() -> None:
    """Each is held against every event."""
    with pytest.raises(ValueError, match="at most"):
        Quarantine([Condemned("campaign", str(number)) for number in range(MOST + 1)])


def test_they_are_told_in_words() -> None:
    """As transitions and dead letters name them."""
    assert str(Condemned("user_agent", "bot", since=0)) == "user agent bot since 1970-01-01T00:00:00Z"
