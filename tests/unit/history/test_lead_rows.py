"""A lead's history as rows: one at each moment that matters, as it was scored then and as one model scores it today."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream_app.engine.activity import Activity
from stream_app.engine.model.types import Model
from stream_app.engine.times import format_time, parse_time
from stream_app.history.lead_rows import Row, rows_of
from stream_app.history.tracks import End, Past, Step, Version
from stream_app.runtime.world import World
from tests.subjects import Json, activities, event, model_of, random_story

few = settings(max_examples=max(40, settings().max_examples // 10), suppress_health_check=list(HealthCheck))
SEEDS = st.integers(0, 2**32 - 1)
DOCUMENT = """
model: m
scores: {s: {}}
rules:
  - {id: large, kind: fact, score: s, when: {size: {ge: 100}}, points: 30}
  - {id: view, kind: activity, score: s, on: {type: view}, points: POINTS, decay: {half_life: 1d}}
ladders:
  l:
    - {stage: low}
    - {stage: high, enter: {scores: {s: {ge: 30}}}, hold: {scores: {s: {ge: 15}}}}
"""
OLD, NEW = (model_of(DOCUMENT.replace("POINTS", points)) for points in ("20", "40"))
SMALL = model_of(DOCUMENT.replace("POINTS", "20").replace("size:", "no_size:"))
AT = "2026-03-0{}T10:00:00Z"


def past_of(
    first: Model,
    today: Model,
    steps: list[Step],
    lead: str = "user:u",
    keys: tuple[str, ...] = (),
    until: str = AT.format(9),
) -> Past:
    """What there is to be scored, the end included."""
    end = End(parse_time(until))

    def told() -> Iterator[Step]:
        yield from steps
        yield end

    follow = frozenset({lead, *keys})
    return Past(Version(0, -1, first), today, told, len(steps), lead, follow, end.at, end.at)


def events(*told: Json) -> list[Activity]:
    """Events as they are taken."""
    return activities(told)


def drawn(rows: list[Row]) -> list[str]:
    """Rows in a line each: when, what, what was scored then and today, and the moves of both."""
    lines = []
    for row in rows:
        then, today = row.sides
        scores = "/".join("-" if side is None else f"{side.scores['s']} {side.stages['l']}" for side in (then, today))
        moves = "/".join(",".join(move["to"] for move in made) for made in (row.moves, row.today))
        lines.append(f"{format_time(row.at)[8:16]} {row.what} {scores} {moves}".removesuffix(" /"))
    return lines


def test_a_version_in_the_middle() -> None:
    """V1 counts 20 points a view, V2 from the 5th on 40; today is V2.

    1st 10:00  view      then 20, today 40: high
    2nd 10:00  view      then 30: high; today 60
    3rd 10:00            then 15 holds; just after that it does not: falls
    5th 10:00  V2        then as today; both have fallen, 60 halved thrice is 7.5
    6th 10:00  view      both 44
    """
    steps: list[Step] = [
        *events(event("a", AT.format(1)), event("b", AT.format(2))),
        Version(1, parse_time(AT.format(5)), NEW),
        *events(event("c", AT.format(6))),
    ]
    assert drawn(list(rows_of(past_of(OLD, NEW, steps)))) == [
        "01T10:00 event 20 low/40 high /high",
        "02T10:00 event 30 high/60 high high/",
        "03T11:00 decay 15 low/29 high low/",
        "04T11:00 decay 7 low/15 low /low",
        "05T10:00 version 8 low/8 low",
        "06T10:00 event 44 high/44 high high/high",
        "08T00:00 decay 15 low/15 low low/low",
        "09T10:00 end 5 low/5 low",
    ]


@pytest.mark.parametrize(
    ("mode", "made", "notes"),
    [
        ("emit", [("high", False)], []),
        ("restated", [("high", True)], []),
        ("hold", [], ["held back: what this version moved was told to nobody"]),
    ],
)
def test_what_a_version_moves_is_told_as_its_publisher_said(mode: Any, made: list[Any], notes: list[str]) -> None:
    """Sent, sent as restated, or held back; the lead stands where the version says all the same."""
    steps: list[Step] = [*events(event("a", AT.format(1))), Version(1, parse_time("2026-03-01T11:00:00Z"), NEW, mode)]
    row = next(row for row in rows_of(past_of(OLD, NEW, steps)) if row.what == "version")
    assert row.sides.then is not None and row.sides.then.stages == {"l": "high"}
    assert ([(move["to"], move["restated"]) for move in row.moves], row.notes) == (made, notes)


def test_a_version_that_the_clock_has_not_reached_restates_at_the_leads_own() -> None:
    """A system whose time passes only with the events: nobody fades meanwhile."""
    steps: list[Step] = [*events(event("a", AT.format(1))), Version(1, parse_time(AT.format(8)), NEW)]
    rows = list(rows_of(past_of(OLD, NEW, steps, until=AT.format(1))))
    assert drawn(rows)[1:] == ["08T10:00 version 40 high/40 high high/", "01T10:00 end 40 high/40 high"]
    assert rows[1].moves[0]["at"] == AT.format(1)


def test_a_person_under_all_its_keys() -> None:
    """Each row under the key that the person had then; what a freed key does later is not the person's."""
    steps: list[Step] = [
        *events(
            event("a", AT.format(1), anonymous_id="d"),
            event("b", AT.format(2), anonymous_id="d", email="ann@acme.example"),
            event("c", AT.format(3), email="ann@acme.example", user_id="ann"),
            event("d", AT.format(4), "unlink", channel="crm", user_id="ann", anonymous_id="d"),
            event("e", AT.format(5), anonymous_id="d"),
            event("f", AT.format(6), "hello", user_id="ann"),
        )
    ]
    keys = ("email:ann@acme.example", "anon:d")
    rows = list(rows_of(past_of(OLD, OLD, steps, "user:ann", keys)))
    assert [(row.event.event_id, row.lead, row.joined) for row in rows if row.event is not None] == [
        ("a", "anon:d", []),
        ("b", "email:ann@acme.example", ["anon:d"]),
        ("c", "user:ann", ["email:ann@acme.example"]),
    ]


def test_an_event_that_came_late_has_a_note() -> None:
    """It counts at the clock, which never goes back."""
    steps: list[Step] = [*events(event("a", AT.format(3)), event("b", AT.format(2)))]
    (late,) = [row for row in rows_of(past_of(OLD, NEW, steps)) if row.notes]
    assert (format_time(late.at), late.notes) == (AT.format(3), [f"came late: it is of {AT.format(2)}"])


def test_another_of_the_account_moves_a_lead() -> None:
    """Its event is a row, as another's."""
    other: Json = {"channel": "web", "account_id": "acme", "account_facts": {"size": 500}}
    steps: list[Step] = [
        *events(
            event("a", AT.format(1), user_id="u", account_id="acme"),
            event("b", AT.format(1), "identify", user_id="v", **other),
        )
    ]
    rows = [row for row in rows_of(past_of(OLD, SMALL, steps)) if row.event is not None]
    assert [(row.event and row.event.event_id, row.own, row.differs) for row in rows] == [
        ("a", True, []),
        ("b", False, ["s", "l"]),
    ]
    assert [move["cause"] for move in rows[1].moves] == [{"kind": "fact", "event_id": "b"}]


class Linked(World):
    """A world that knows how many transitions there were when each key last became an alias: before, it was another's."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self.linked: dict[str, int] = {}

    def _link(self, key: str, others: list[str]) -> None:
        self.linked |= dict.fromkeys(others, len(self.transitions))
        super()._link(key, others)


@few
@given(SEEDS, st.booleans())
def test_one_version_throughout_is_the_replay(seed: int, accounts: bool) -> None:
    """Then is today, at every row; and both are the replay's scores there, and its transitions in all."""
    document, told, until = random_story(seed, accounts=accounts)
    model, taken = model_of(document), activities(told)
    world = Linked(model)
    for activity in taken:
        world.apply(activity, until)
    world.tick(until)
    for lead in sorted(world.leads):
        keys = tuple(key for key in world.aliases if world.resolve(key) == lead)
        past = past_of(model, model, list(taken), lead, keys, format_time(until))
        rows = list(rows_of(past))
        assert [row.sides.then for row in rows] == [row.sides.today for row in rows]
        assert all(row.moves == row.today for row in rows)
        made = [move for row in rows for move in row.moves if move["lead"] == lead]
        mine = world.transitions[world.linked.get(lead, 0) :]
        expected = [move for move in mine if move["lead"] == lead]
        assert sorted(made, key=_numbered) == sorted(expected, key=_numbered)
        for row in rows:
            if row.event is not None:
                check_scores(model, taken, until, row)


def _numbered(move: Json) -> Any:
    return move["ladder"], move["seq"]


def check_scores(model: Model, taken: list[Activity], until: int, row: Row) -> None:
    """What a row of an event says is what a replay up to it says."""
    world = World(model)
    for activity in taken:
        world.apply(activity, until)
        if activity is row.event:
            break
    side = row.sides.then
    assert side is not None
    record = world.score(world.leads[row.lead])
    assert (side.scores, side.grades, side.bands, side.stages) == tuple(
        record[name] for name in ("scores", "grades", "bands", "stages")
    )
    assert record["at"] == format_time(row.at)
