"""Faults while real workers score a month: the result is the replay's. The long run: `make chaos`."""

import asyncio
from pathlib import Path

import pytest

from stream_app.local.kafka import KafkaServer
from tests.pipeline.chaos import FAULTS, chaos, prepare

pytestmark = pytest.mark.timeout(400)


def test_chaos_leaves_what_the_replay_says(kafka_server: KafkaServer, broker: str, tmp_path: Path) -> None:
    """Every kind of fault once, each provably mid-run, with poison at the head of every partition and clocks that jump."""
    made, wrong = asyncio.run(chaos(kafka_server, tmp_path, prepare(tmp_path, 1, 20_000), FAULTS, seed=1))
    assert tuple(made.done) == FAULTS
    assert wrong == []
