"""A month of real touches through the broker and one worker, or several."""

import asyncio
from pathlib import Path

import pytest

from tests.pipeline.touchpoints import DATA, prove, replayed, write_events

pytestmark = [
    pytest.mark.skipif(not DATA.exists(), reason="the touchpoints are not there"),
    pytest.mark.timeout(400),
]


def test_workers_score_a_month_as_the_replay_does(broker: str, tmp_path: Path) -> None:
    """Final scores of all leads and accounts, and every lead's transitions, ids included."""
    events = tmp_path / "events.ndjson"
    write_events(events)
    expected = replayed(events)
    for workers in (1, 2, 3):
        asyncio.run(prove(broker, tmp_path, events, expected, workers))
