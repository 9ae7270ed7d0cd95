"""A lead's history over a takeover against the workers' own tables: what is known of a lead is the same."""

import random
from typing import Any

import pytest

from stream_app.engine.model.load import load_model
from stream_app.engine.times import format_time, parse_time
from stream_app.history.lead_rows import rows_of
from stream_app.history.tracks import Past, Step, Version
from stream_app.ingest.condemned import Condemned
from stream_app.publishing.generation import Generation, Purpose
from tests.pipeline.desk import Desk
from tests.pipeline.succession import beside, settle, take_over, takeover_of
from tests.pipeline.tables import leads_at
from tests.pipeline.versions import END, TOPICS, edited_text, history, rebuilt_text
from tests.subjects import activities
from tests.unit.history.test_lead_rows import past_of

NETWORK = Condemned("ip", "203.0.113.0/24")


@pytest.mark.parametrize("purpose", ["rebuild", "quarantine"])
@pytest.mark.parametrize("seed", range(3))
def test_the_workers_table_says_the_same_in_the_end(seed: int, purpose: Purpose) -> None:
    """S405: all scores of all leads, those included whom condemned events alone had made known."""
    chance = random.Random(seed)
    told = [one for one in history(chance, 110) if "user_id" in one]
    for one in told:
        if one["user_id"] == "u1" or chance.random() < 0.2:
            one["properties"] = {"ip": "203.0.113.9"}
    first = load_model(edited_text(plain=True), "first.yaml")
    rebuilt, condemned = purpose == "rebuild", [NETWORK] if purpose == "quarantine" else []
    second = load_model(rebuilt_text(chance, plain=True), "second.yaml") if rebuilt else first
    place = chance.randrange(30, 80)
    desk = Desk(first, partitions=2)
    for one in told[:place]:
        send(desk, one)
    desk.run()
    side = beside(desk, second, condemned=condemned)
    side.run()
    settle(side)
    at = max(parse_time(one["time"]) for one in told[:place])
    take_over(desk, side, takeover_of(side, second, 1, at=at, condemned=condemned))
    for one in told[place:]:
        send(desk, one)
    desk.run()
    generation = Generation(1, "m", second.version, purpose, 0, "ann", publication=1, condemned=condemned)
    version = Version(1, at, second, generation=generation)
    steps: list[Step] = [*activities(told[:place]), version, *activities(told[place:])]
    scoring = desk.scoring.under(second)
    entries = {
        key: entry
        for unit, lane in desk.lanes.items()
        if unit[0] == "lead"
        for key, entry in lane.state.items()
        if key.startswith(b"user:")
    }
    found = leads_at(scoring, entries, END)
    assert "user:u1" in found
    for lead, record in found.items():
        past = past_of(first, second, steps, lead, until=format_time(END))
        end = end_of(Past(**{**vars(past), "condemned": condemned}))
        assert end.then.scores == record["scores"], lead
        assert end.today.scores == record["scores"], lead


def end_of(past: Past) -> Any:
    """Both sides of the last row."""
    (row,) = [row for row in rows_of(past) if row.what == "end"]
    return row.sides


def send(desk: Desk, one: dict[str, Any]) -> None:
    """Send a lead's event where it belongs."""
    desk.send(TOPICS[one["channel"]], one, key=f"user:{one['user_id']}", timestamp=parse_time(one["time"]))
