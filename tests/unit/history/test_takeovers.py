"""A lead's history over generations: what took the live tables' place, and what condemned sources had sent."""

import random
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.engine.activity import Activity
from stream_app.engine.times import format_time, parse_time
from stream_app.history.lead_rows import Row, moment_of, rows_of
from stream_app.history.tracks import Past, Step, Version
from stream_app.ingest.condemned import Condemned, Quarantine
from stream_app.publishing.generation import Generation, Purpose
from stream_app.runtime.world import World
from stream_app.worker.publications import Mode
from tests.subjects import Json, activities, event, model_of, random_story
from tests.unit.history.test_lead_rows import AT, DOCUMENT, SEEDS, drawn, events, few, past_of

TWENTY = DOCUMENT.replace("POINTS", "20").replace("1d}", "90d}")
FREE = model_of(TWENTY)
LIMITED = model_of(TWENTY.replace("points: 20,", "points: 20, limit: {times: 1, per: day},"))
RAISED = model_of(TWENTY.replace("points: 20,", "points: 31,"))
NETWORK = Condemned("ip", "203.0.113.0/24")
BOT: Json = {"properties": {"ip": "203.0.113.7"}}
NOON = "2026-03-0{}T12:00:00Z"


def went_live(
    number: int,
    day: int,
    purpose: Purpose,
    model: Any = FREE,
    mode: Mode = "emit",
    condemned: tuple[Condemned, ...] = (),
    added: tuple[Condemned, ...] = (),
    released: tuple[Condemned, ...] = (),
) -> Version:
    """A generation of a model that takes the live one's place at ten o'clock of a day."""
    generation = Generation(
        number,
        "m",
        model.version,
        purpose,
        0,
        "ann",
        "a note",
        publication=number,
        status="finished",
        condemned=list(condemned),
        added=list(added),
        released=list(released),
    )
    return Version(number, parse_time(AT.format(day)), model, mode, "ann", "a note", generation)


def without(past: Past, *condemned: Condemned) -> Past:
    """The same past, with sources that count for nothing now."""
    return replace(past, condemned=condemned)


def moves(rows: list[Row]) -> list[Any]:
    """What moved then: by which cause, for what, from where to where, as which number."""
    return [
        (move["cause"]["kind"], move["cause"].get("reason"), move["from"], move["to"], move["seq"], move["restated"])
        for row in rows
        for move in row.moves
    ]


def test_a_rebuild_counts_anew_and_stages_go_on() -> None:
    """Two views of a day count 40: high. From the 3rd on views count once a day, from the first one on: 20 hold what is held,
    though a lead that begins with them does not come that far."""
    steps: list[Step] = [
        *events(event("a", AT.format(1)), event("b", NOON.format(1))),
        went_live(1, 3, "rebuild", LIMITED),
        *events(event("c", AT.format(4))),
    ]
    rows = list(rows_of(past_of(FREE, LIMITED, steps, until=AT.format(5))))
    assert drawn(rows) == [
        "01T10:00 event 20 low/20 low",
        "01T12:00 event 40 high/20 low high/",
        "03T10:00 version 20 high/20 low",
        "04T10:00 event 40 high/40 high /high",
        "05T10:00 end 39 high/39 high",
    ]
    assert moves(rows) == [("activity", None, "low", "high", 1, False)]


@pytest.mark.parametrize(("mode", "made"), [("emit", 1), ("restated", 1), ("hold", 0)])
def test_a_shadow_that_is_promoted_moves_leads_as_its_publisher_said(mode: Mode, made: int) -> None:
    """A lead goes on from where it was under the version: one transition of cause `model`, at that time."""
    steps: list[Step] = [*events(event("a", AT.format(1))), went_live(1, 3, "shadow", RAISED, mode)]
    rows = list(rows_of(past_of(FREE, RAISED, steps, until=AT.format(4))))
    assert drawn(rows)[1].startswith("03T10:00 version 31 high/31 high")
    assert moves(rows) == [("model", None, "low", "high", 1, mode == "restated")][:made]
    assert [move["at"] for row in rows for move in row.moves] == [AT.format(3)][:made]


def test_a_quarantine_takes_back_what_a_source_told() -> None:
    """Who is known by it alone stays, without points; what comes after it is refused, and told in one row."""
    steps: list[Step] = [
        *events(event("a", AT.format(1), **BOT), event("b", NOON.format(1), **BOT)),
        went_live(1, 2, "quarantine", condemned=(NETWORK,), added=(NETWORK,)),
        *events(*(event(f"c{number}", AT.format(3 + number), **BOT) for number in range(3))),
    ]
    past = without(past_of(FREE, FREE, steps), NETWORK)
    rows = list(rows_of(past))
    assert drawn(rows) == [
        "01T10:00 event 20 low/0 low",
        "01T12:00 event 40 high/0 low high/",
        "02T10:00 version 0 low/0 low low/",
        "03T10:00 event 0 low/0 low",
        "09T10:00 end 0 low/0 low",
    ]
    assert moves(rows)[1:] == [("model", "quarantine: ip 203.0.113.0/24", "high", "low", 2, False)]
    assert [(row.quarantined, row.notes) for row in rows if row.notes] == [
        ("since", ["quarantined since: ip 203.0.113.0/24"]),
        ("since", ["quarantined since: ip 203.0.113.0/24"]),
        ("then", ["refused, quarantined: ip 203.0.113.0/24", f"2 more were refused, the last at {AT.format(5)}"]),
    ]
    (one,) = moment_of(past, parse_time(AT.format(4)))
    assert one.sides.then is not None and one.sides.then.scores == {"s": 0}


def test_after_a_quarantine_everybody_is_scored_from_the_first_event_on() -> None:
    """Once a day: an edit that counts from the 2nd on, and from the first event on once all is rebuilt, named by a condemned
    event or not; nobody makes a transition who stands as it stood."""
    told = events(
        *(event(f"a{number}", AT.format(1), user_id="u") for number in range(2)),
        *(event(f"b{number}", AT.format(1), user_id="v") for number in range(2)),
        event("bot", NOON.format(1), user_id="v", **BOT),
    )
    steps: list[Step] = [
        *told,
        Version(1, parse_time(AT.format(2)), LIMITED),
        went_live(2, 3, "quarantine", LIMITED, condemned=(NETWORK,), added=(NETWORK,)),
    ]
    ends = []
    for lead in ("user:u", "user:v"):
        past = without(past_of(FREE, LIMITED, steps, lead, until=AT.format(4)), NETWORK)
        rows = list(rows_of(past))
        ends.append((drawn(rows)[-1], moves(rows)[1:]))
    edit = [("model", None, "high", "low", 2, False)]
    assert ends == [("04T10:00 end 20 low/20 low", edit), ("04T10:00 end 20 low/20 low", edit)]


def test_what_is_released_counts_again() -> None:
    """A lead that was refused altogether is known from the release on; a key that a refused event had linked is linked."""
    steps: list[Step] = [
        *events(event("a", AT.format(1), anonymous_id="d")),
        went_live(1, 2, "quarantine", condemned=(NETWORK,), added=(NETWORK,)),
        *events(event("b", AT.format(3), user_id="u", anonymous_id="d", **BOT)),
        went_live(2, 4, "rebuild", released=(NETWORK,)),
        *events(event("c", AT.format(5), user_id="u", **BOT)),
    ]
    rows = list(rows_of(past_of(FREE, FREE, steps, keys=("anon:d",))))
    assert [(row.lead, row.what, row.joined) for row in rows if row.what == "version"][-1] == (
        "user:u",
        "version",
        ["anon:d"],
    )
    assert drawn(rows)[-1] == "09T10:00 end 57 high/57 high"
    (after,) = [row for row in rows if row.event is not None and row.event.event_id == "c"]
    assert after.notes == [] and after.sides.then == after.sides.today


@few
@given(SEEDS, st.booleans(), st.booleans(), st.booleans())
def test_after_a_takeover_scores_are_those_of_the_replay(
    seed: int, accounts: bool, rebuilt: bool, refusing: bool
) -> None:
    """S405: of all events under the version, but for the condemned ones, whenever it was; and today's are the same."""
    document, told, until = random_story(seed, accounts=accounts)
    chance = random.Random(seed)
    for one in told:
        if chance.random() < 0.3:
            one["properties"] = {**one.get("properties", {}), "ip": "203.0.113.7"}
    model, taken = model_of(document), activities(told)
    condemned = (NETWORK,) if refusing or not rebuilt else ()
    purpose: Purpose = "rebuild" if rebuilt else "quarantine"
    place = chance.randrange(len(taken) + 1)
    version = went_live(1, 1, purpose, model, condemned=condemned, added=() if rebuilt else condemned)
    at = max([0, *(one.time for one in taken[:place])])
    steps: list[Step] = [*taken[:place], _at(version, at), *taken[place:]]
    world = replay_of(model, taken, condemned, until)
    for lead in sorted(world.leads):
        keys = tuple(key for key in world.aliases if world.resolve(key) == lead)
        rows = list(rows_of(without(past_of(model, model, steps, lead, keys, format_time(until)), *condemned)))
        record = world.score(world.leads[lead])
        (end,) = [row for row in rows if row.what == "end" and row.lead == lead]
        assert end.sides.then is not None and end.sides.today is not None
        assert end.sides.then.scores == end.sides.today.scores == record["scores"]
        made = [move for row in rows for move in row.moves if move["lead"] == lead]
        made.sort(key=lambda move: (move["ladder"], move["seq"]))
        for one, following in pairwise(made):
            if one["ladder"] == following["ladder"]:
                assert (following["seq"], following["from"]) == (one["seq"] + 1, one["to"])


def _at(version: Version, at: int) -> Version:
    return Version(version.number, at, version.model, version.mode, "ann", "", version.generation)


def replay_of(model: Any, taken: list[Activity], condemned: tuple[Condemned, ...], until: int) -> World:
    """The offline replay without what is condemned."""
    world, quarantine = World(model), Quarantine(condemned)
    for activity in taken:
        if quarantine.of(activity) is None:
            world.apply(activity, until)
    world.tick(until)
    return world
