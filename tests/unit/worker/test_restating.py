"""A running system under another version of its model (S9 of the specification: "publishing restates every lead at once")."""

import random
from itertools import pairwise
from typing import Any

import pytest

from stream_app.engine.model.types import Model
from stream_app.engine.times import DAY, parse_time
from stream_app.worker.versions import VERSIONS
from tests.pipeline.desk import Desk
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


@pytest.mark.parametrize("seed", range(14))
def test_final_scores_are_those_of_a_replay_under_the_new_version(seed: int) -> None:
    """Whatever is restated when: by events, in the background, with restarts in between, over several versions."""
    chance = random.Random(seed)
    events = history(chance, 150)
    first = edited()
    desk, number, versions = Desk(first, partitions=PARTITIONS), 0, [first]
    publishing = sorted(chance.sample(range(20, 150), chance.choice([1, 1, 2, 3])))
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
