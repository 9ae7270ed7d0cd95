"""Seeded faults at random moments: three supervised workers, each kind of store. The long run: python -m tests.lanes.chaos."""

from pathlib import Path

import pytest

from stream_app.local.kafka import KafkaServer
from tests.lanes.chaos import chaos


@pytest.mark.parametrize(("seed", "store"), [(1, "memory"), (2, "rocksdb")])
async def test_nothing_is_lost_repeated_or_reordered(
    kafka_server: KafkaServer, broker: str, tmp_path: Path, seed: int, store: str
) -> None:
    """Kills, stops, freezes, rebalances and broker failures while a backlog is worked off."""
    made = await chaos(kafka_server, tmp_path, seed=seed, faults=7, events=300_000, store=store)
    assert len(made.done) == 7
