"""A lead's history against what a running system told: the same under every version, and where it is not, a note says so."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from stream_app.engine.times import DAY, parse_time
from stream_app.history.lead_rows import Row, rows_of
from stream_app.history.on_record import held_against
from stream_app.history.tracks import End, Past, Step, Version
from stream_app.worker.publications import Mode
from tests.pipeline.desk import Desk
from tests.pipeline.versions import EDITS, END, START, TOPICS, edited, history, replayed
from tests.subjects import activities, event
from tests.unit.history.test_lead_rows import AT, NEW, OLD, past_of

MODES: list[Mode] = ["emit", "restated", "hold"]
FIRST = Version(0, -1, OLD)


@pytest.mark.parametrize("seed", range(8))
def test_every_transition_of_a_running_system_comes_out(seed: int) -> None:
    """S9: whole documents, of every lead, over versions of all kinds, restarts in between; none is left over."""
    chance = random.Random(seed)
    told = [one for one in history(chance, 150) if "account_id" not in one]
    steps: list[Any] = list(told)
    numbers = chance.sample([0, 1, 2, 7, 8], 3)
    for number, place in enumerate(sorted(chance.sample(range(20, len(told)), 3)), 1):
        at = parse_time(told[place]["time"])
        steps.insert(place + number, Version(number, at, edited(*numbers[:number], plain=True), chance.choice(MODES)))
    desk = Desk(edited(plain=True), partitions=2)
    for step in steps:
        if isinstance(step, Version):
            desk.publish(step.model, step.number, step.at, step.mode)
        else:
            key = f"user:{step['user_id']}"
            desk.send(TOPICS[step["channel"]], step, key=key, timestamp=parse_time(step["time"]))
        if chance.random() < 0.3:
            desk.run(chance.choice([1, 5, 100]))
        if chance.random() < 0.05:
            desk.restart()
    desk.run()
    for days in (30, 37, 45):
        desk.advance(START + days * DAY)
    taken: list[Step] = [step if isinstance(step, Version) else activities([step])[0] for step in steps]
    record = desk.transitions()
    assert record
    for lead in desk.latest("lead-scores"):
        rows = rows_under(edited(plain=True), taken, lead)
        assert [move for row in rows for move in row.moves] == record.get(lead, [])
        checked = held_against(rows, record.get(lead, []), FIRST)
        assert checked == rows
        assert {word for row in checked for word in row.told} <= {"recorded"}
        assert not [note for row in checked for note in row.notes if "record" in note]


@pytest.mark.parametrize("seed", range(3))
def test_in_the_end_then_is_today(seed: int) -> None:
    """S9: after versions that restate, a lead scores what a replay under the last one says, its account's score included."""
    chance = random.Random(seed)
    told = history(chance, 40, leads=4, accounts=2)
    steps: list[Step] = list(activities(told))
    numbers = chance.sample(range(len(EDITS)), 3)
    for number, place in enumerate(sorted(chance.sample(range(15, 40), 2)), 1):
        at = parse_time(told[place]["time"])
        steps.insert(place + number, Version(number, at, edited(*numbers[: number + 1]), chance.choice(MODES)))
    world, _ = replayed(edited(*numbers), told)
    for lead in chance.sample(list(world.leads.values()), 2):
        end = rows_under(edited(), steps, lead.subject.key)[-1].sides
        record = world.score(lead)
        assert end.then is not None and end.today is not None
        assert end.then.scores == end.today.scores == record["scores"]
        assert end.then.bands == end.today.bands == record["bands"]


def rows_under(first: Any, steps: list[Step], lead: str) -> list[Row]:
    """The rows of a lead to the end, held against the last version."""

    def told() -> Iterator[Step]:
        yield from steps
        yield End(END)

    last = next(step for step in reversed(steps) if isinstance(step, Version))
    past = Past(Version(0, -1, first), last.model, told, len(steps), lead, frozenset({lead}), END, END)
    return list(rows_of(past))


def story() -> list[Row]:
    """A lead that rises on the first, falls by time, and rises again on the sixth."""
    return list(rows_of(past_of(NEW, NEW, list(activities([event("a", AT.format(1)), event("b", AT.format(6))])))))


def checked(**edits: Any) -> list[tuple[str, list[str], list[str]]]:
    """The story against its own record, but for edits of the record's second transition: what, told, notes."""
    rows = story()
    record = [move for row in rows for move in row.moves]
    record[1] = {**record[1], **edits}
    return [(row.what, row.told, row.notes) for row in held_against(rows, record, FIRST)]


def test_all_as_on_record() -> None:
    """Nothing to say."""
    expected: list[Any] = [("event", ["recorded"], []), ("decay", ["recorded"], [])]
    assert checked() == [*expected, ("event", ["recorded"], []), ("decay", ["recorded"], []), ("end", [], [])]


@pytest.mark.parametrize(
    ("edits", "note"),
    [
        ({"at": "2026-03-02T12:00:00Z"}, "l low is on record at 2026-03-02T12:00:00Z"),
        ({"model": {"id": "m", "version": "0123456789"}}, "l low is on record under m 012345"),
        ({"scores": {"after": {"s": 14.5}}}, "l low is on record with s 14.5, not 14.98"),
        (
            {"at": AT.format(3), "scores": {"after": {"s": 9}}},
            f"l low is on record at {AT.format(3)}; with s 9, not 14.98",
        ),
        ({"scores": {"after": {}}}, "l low is on record with s absent, not 14.98"),
    ],
)
def test_what_the_record_says_otherwise(edits: Any, note: str) -> None:
    """Another time, another version, another score."""
    assert checked(**edits)[1] == ("decay", ["recorded"], [note])


def test_what_is_on_one_side_only() -> None:
    """A transition without a record, and a record without a transition: both are there, each with its note."""
    found = checked(at="2026-03-03T18:00:00Z", id="another")
    assert found[1] == ("decay", ["missing"], ["not on record: l high → low"])
    note = f"on record under m {NEW.version[:6]}; the retained events do not make it"
    assert found[2] == ("record", ["recorded"], [note])


def test_a_record_without_any_event() -> None:
    """What is retained of nobody's events is told all the same."""
    record = [move for row in story() for move in row.moves]
    assert [row.what for row in held_against([], record, FIRST)] == ["record"] * 4
