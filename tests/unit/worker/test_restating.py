"""A running system under another version of its model (S9 of the specification: "publishing restates every lead at once")."""

import random
import zlib
from itertools import pairwise
from typing import Any

import pytest

from stream_app.engine.model.load import load_model
from stream_app.engine.model.types import Model
from stream_app.engine.times import DAY, HOUR, MINUTE, parse_time
from stream_app.worker.composition import compose
from stream_app.worker.publications import Publication, publication, publication_bytes
from stream_app.worker.versions import LONGEST, VERSIONS
from tests.pipeline.desk import Desk, event
from tests.pipeline.models import TEXT
from tests.pipeline.tables import accounts_at, leads_at
from tests.pipeline.versions import EDITS, END, START, TOPICS, edited, history, parts, replayed

PARTITIONS = 3


def sent(desk: Desk, one: dict[str, Any]) -> None:
    """Send an event where it belongs."""
    key = f"user:{one['user_id']}" if "user_id" in one else one["account_id"]
    desk.send(TOPICS[one["channel"]], one, key=key, timestamp=parse_time(one["time"]))


def scores(desk: Desk, model: Model) -> dict[str, Any]:
    """The score records of leads and accounts at the end, as the tables have them under a model."""
    found: dict[str, Any] = {}
    scoring = desk.scoring.under(model)
    for (agent, _), lane in desk.lanes.items():
        at = leads_at if agent == "lead" else accounts_at
        found |= at(scoring, {key: entry for key, entry in lane.state.items() if not key.startswith(VERSIONS)}, END)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_final_scores_are_those_of_a_replay_under_the_new_version(seed: int) -> None:
    """Whatever is restated when: by events, in the background, with restarts in between, over several versions."""
    chance = random.Random(seed)
    events = history(chance, 110)
    first = edited()
    desk, number, versions = Desk(first, partitions=PARTITIONS), 0, [first]
    publishing = sorted(chance.sample(range(20, 110), chance.choice([1, 1, 2, 3])))
    for place, one in enumerate(events):
        if place in publishing:
            number += 1
            versions.append(edited(*chance.sample(range(len(EDITS)), 4)))
            desk.publish(versions[-1], number, parse_time(one["time"]), chance.choice(["emit", "restated", "hold"]))
        sent(desk, one)
        if chance.random() < 0.5:
            while chance.random() < 0.8 and desk.nibble(chance):
                pass
        if chance.random() < 0.05:
            desk.restart()
    desk.run(7)
    for days in (30, 37, 45):
        desk.advance(START + days * DAY, budget=4)
        if chance.random() < 0.5:
            desk.restart()
    last = versions[-1]
    world, _ = replayed(last, events)
    expected = {record.get("lead") or record["account_id"]: parts(record) for record in world.scores()}
    assert {key: parts(record) for key, record in scores(desk, last).items()} == expected
    published = {**desk.latest("lead-scores"), **desk.latest("account-scores")}
    assert {record["model"]["version"] for record in published.values()} == {last.version}
    check_paths(desk)
    assert {
        len([key for key, _ in lane.state.items() if key.startswith(VERSIONS)]) for lane in desk.lanes.values()
    } == {2}


def check_paths(desk: Desk) -> None:
    """Transitions are numbered without a gap, and no id comes twice."""
    for subject in ("lead", "account"):
        for made in desk.transitions(subject).values():
            for ladder in {one["ladder"] for one in made}:
                assert [one["seq"] for one in made if one["ladder"] == ladder] == [
                    number + 1 for number in range(sum(one["ladder"] == ladder for one in made))
                ]
            for one, other in pairwise(made):
                assert one["at"] <= other["at"]
    ids = [record.json()["id"] for record in desk.records("transitions")]
    assert len(ids) == len(set(ids))


# -- one lead, step by step ---------------------------------------------------------------------------------------------


def version(*edits: tuple[str, str]) -> Model:
    """The small model with edits of its text."""
    text = TEXT
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new)
    return load_model(text, "edited.yaml")


LOWER = ("total: {ge: 30}}}, hold: {scores: {total: {ge: 15}", "total: {ge: 9}}}, hold: {scores: {total: {ge: 5}")
DEARER = ("page_view}, points: 10", "page_view}, points: 40")


def visited(count: int = 1, at: int = START) -> Desk:
    """A desk at which Ann has viewed some pages, a minute apart."""
    desk = Desk(version(), partitions=1)
    for number in range(count):
        view(desk, number, at + number * MINUTE)
    desk.run()
    return desk


def view(desk: Desk, number: int, time: int, **more: Any) -> None:
    """Ann views a page."""
    desk.send("web-events", event(number, time, user="ann", **more), key="user:ann", timestamp=time)


def in_force(desk: Desk, to: int) -> None:
    """Let the lanes take up what was published, and restate all in the background."""
    desk.run()
    desk.advance(to)


def told(desk: Desk) -> list[tuple[str, str, str, int, bool]]:
    """Ann's transitions: from, to, cause, seq, restated."""
    moves = desk.transitions().get("user:ann", [])
    return [(one["from"], one["to"], one["cause"]["kind"], one["seq"], one["restated"]) for one in moves]


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("emit", [("known", "mql", "model", 1, False)]),
        ("restated", [("known", "mql", "model", 1, True)]),
        ("hold", []),
    ],
)
def test_the_publisher_says_what_becomes_of_transitions(mode: Any, expected: list[Any]) -> None:
    """S9: emitted, emitted with `restated: true`, or held back. One that is held back takes no number, so that the next
    has the number that its readers expect; where the lead stands, its score record says."""
    desk = visited()
    desk.publish(version(LOWER), 1, START + HOUR, mode)
    in_force(desk, START + HOUR)
    assert told(desk) == expected
    record = desk.latest("lead-scores")["user:ann"]
    assert (record["stages"], record["seq"]) == ({"lifecycle": "mql"}, {"lifecycle": len(expected)})
    for number in range(9):
        view(desk, 10 + number, START + 2 * HOUR + number)
    desk.run()
    assert told(desk) == [*expected, ("mql", "sql", "activity", len(expected) + 1, False)]


def test_a_transition_of_a_version_names_both() -> None:
    """Its scores before are those under the version before, at the time from which the new one is in force."""
    desk = visited()
    desk.publish(version(DEARER), 1, START + 2 * HOUR)
    in_force(desk, START + 2 * HOUR)
    (made,) = desk.transitions()["user:ann"]
    assert made["model"]["version"] == version(DEARER).version
    assert made["at"] == "2026-03-02T11:20:00Z"
    assert made["scores"]["before"]["interest"] == pytest.approx(10 * 0.5 ** (2 / 48))
    assert made["scores"]["after"]["interest"] == pytest.approx(40 * 0.5 ** (2 / 48))
    assert (made["from"], made["to"], made["cause"]) == ("known", "mql", {"kind": "model"})


def test_an_event_finds_its_lead_restated() -> None:
    """A lead that is touched before its turn is restated first, then sees the event."""
    desk = visited()
    desk.publish(version(LOWER), 1, START + HOUR)
    for number in range(9):
        view(desk, 10 + number, START + HOUR + 1 + number)
    desk.run()
    assert told(desk) == [("known", "mql", "model", 1, False), ("mql", "sql", "activity", 2, False)]


def test_what_came_before_was_scored_by_the_version_before() -> None:
    """Records of one slice before and after the message: each by the version in force at its place."""
    desk = visited()
    view(desk, 1, START + HOUR, type="open_door")
    desk.publish(version(LOWER), 1, START + HOUR + 1)
    desk.run()
    records = [record.json() for record in desk.records("lead-scores")]
    assert [one["model"]["version"] for one in records] == [version().version] * 2 + [version(LOWER).version]


def test_a_stage_that_is_no_more() -> None:
    """Whoever is on it goes to the start, and on from there; both moves are told."""
    desk = visited(4)
    assert told(desk) == [("known", "mql", "activity", 1, False)]
    desk.publish(version(("{stage: mql,", "{stage: engaged,")), 1, START + HOUR)
    in_force(desk, START + HOUR)
    assert told(desk)[1:] == [("mql", "known", "model", 2, False), ("known", "engaged", "model", 3, False)]


def test_what_is_counted_anew_counts_from_then_on() -> None:
    """S9: another selector starts empty; rolled back, what was counted before is still known."""
    desk = visited(4)
    other = version(("type: page_view}, points: 10", "type: visit}, points: 10"))
    desk.publish(other, 1, START + HOUR)
    in_force(desk, START + HOUR)
    assert desk.latest("lead-scores")["user:ann"]["scores"]["interest"] == 0
    view(desk, 10, START + HOUR + MINUTE, type="visit")
    desk.run()
    assert desk.latest("lead-scores")["user:ann"]["scores"]["interest"] == 10
    desk.publish(version(), 2, START + HOUR + 2 * MINUTE)
    in_force(desk, START + HOUR + 2 * MINUTE)
    assert 39 < desk.latest("lead-scores")["user:ann"]["scores"]["interest"] < 40


def test_a_stage_set_of_the_crm_stands_over_a_new_version() -> None:
    """It stands until the next boundary or event, whatever version is published meanwhile."""
    desk = visited()
    at = START + MINUTE
    desk.send(
        "crm-events",
        event(1, at, user="ann", type="stage_set", properties={"stage": "mql"}),
        key="user:ann",
        timestamp=at,
    )
    desk.publish(version(DEARER), 1, at)
    in_force(desk, at)
    assert told(desk) == [("known", "mql", "crm", 1, False)]


# -- what is refused, and what is left -----------------------------------------------------------------------------------


def forged(desk: Desk, value: bytes) -> None:
    """A message to both lanes that no publisher wrote."""
    for base in ("lead-inbox", "account-inbox"):
        desk.send(
            base, value, key="model", timestamp=START + HOUR, headers=[("stream-app.kind", b"model")], partition=0
        )


def _bad() -> list[bytes]:
    good = publication(version(LOWER), 1, "emit", START)
    return [
        b"\xff",
        b"",
        publication_bytes(Publication(1, good.version, "emit", START, b"no zlib")),
        publication_bytes(Publication(1, good.version, "emit", START, good.document[:-9])),
        publication_bytes(Publication(1, "0" * 64, "emit", START, good.document)),
        publication_bytes(Publication(1, good.version, "emit", START, publication_of_nothing())),
    ]


def publication_of_nothing() -> bytes:
    """A compressed document that is no model."""
    return zlib.compress(b'{"model": "x"}')


@pytest.mark.parametrize("value", _bad())
def test_a_bad_version_is_a_dead_letter(value: bytes) -> None:
    """Whatever the publisher let through: the lane refuses it, counts it, and goes on with the last good version."""
    desk = visited()
    forged(desk, value)
    in_force(desk, START + HOUR)
    assert len(list(desk.records("dead-letters"))) == 2
    assert desk.counts()["schema"] == 2
    desk.publish(version(LOWER), 1, START + HOUR)
    in_force(desk, START + HOUR)
    assert told(desk) == [("known", "mql", "model", 1, False)]


def test_a_version_that_came_already_changes_nothing() -> None:
    """A message whose number is not greater than that of the version in force is passed over."""
    desk = visited()
    desk.publish(version(LOWER), 3, START + HOUR)
    desk.publish(version(DEARER), 3, START + HOUR)
    desk.publish(version(DEARER), 2, START + HOUR)
    in_force(desk, START + HOUR)
    assert desk.latest("lead-scores")["user:ann"]["model"]["version"] == version(LOWER).version


def test_more_versions_than_a_lane_keeps() -> None:
    """Of a long chain that nobody had time for, the last is in force in the end, and nothing is left of the others."""
    desk = Desk(version(), partitions=1)
    view(desk, 0, START)
    desk.run()
    for number in range(1, LONGEST + 4):
        desk.publish(version(("points: 20}", f"points: {20 + number}}}")), number, START + number)
    lane = desk.lanes["lead", 0]
    while desk._bite(lane, 1):
        assert len([key for key, _ in lane.state.items() if key.startswith(VERSIONS)]) <= LONGEST + 1
        desk.restart()
        lane = desk.lanes["lead", 0]
    in_force(desk, START + HOUR)
    record = desk.latest("lead-scores")["user:ann"]
    assert record["model"]["version"] == version(("points: 20}", f"points: {20 + LONGEST + 3}}}")).version
    assert len([key for key, _ in lane.state.items() if key.startswith(VERSIONS)]) == 2


def test_a_worker_started_with_another_file() -> None:
    """Where nothing was published the file counts: leads that stand under another one are restated, and say so."""
    desk = visited()
    desk.scoring = compose(version(LOWER), desk.manifest)
    desk.restart()
    desk.advance(START + HOUR)
    assert told(desk) == [("known", "mql", "model", 1, True)]


def test_a_published_version_outlives_the_file() -> None:
    """A worker that is started with another file goes on with what was published."""
    desk = visited()
    desk.publish(version(LOWER), 1, START + HOUR)
    in_force(desk, START + HOUR)
    desk.scoring = compose(version(DEARER), desk.manifest)
    desk.restart()
    view(desk, 7, START + 2 * HOUR)
    desk.run()
    assert desk.latest("lead-scores")["user:ann"]["model"]["version"] == version(LOWER).version


def test_lanes_report_which_version_they_have() -> None:
    """Each lane says so on the topic of models: when it takes a version up, and when all of its leads have it."""
    desk = visited()
    desk.publish(version(LOWER), 1, START + HOUR)
    in_force(desk, START + HOUR)
    reports = [(record.key, record.json()) for record in desk.records("scoring-models")]
    assert [(key, one["number"], one["left"], one["of"]) for key, one in reports if key == b"lane:lead-0"] == [
        (b"lane:lead-0", 1, 1, 1),
        (b"lane:lead-0", 1, 0, 1),
    ]
    assert {one["version"] for _, one in reports} == {version(LOWER).version}
