"""docs/live-models.md: its commands, run one after the other on a running system, do what the page says."""

import os
import shutil
import sys
from pathlib import Path

from tests.pipeline.page import commands_of, shell
from tests.pipeline.system import System

PARTITIONS = 2
DIFFERENT = "model diff now.yaml next.yaml"
"""The one command that ends with 1: the models differ."""


async def test_the_way_from_a_wish_to_a_published_change_and_back(
    broker: str, repository: Path, tmp_path: Path
) -> None:
    """S225: a change of rules takes effect on running workers, scores are computed anew, and it is told who changed what."""
    shutil.copytree(repository / "examples", tmp_path / "examples")
    commands = commands_of(repository / "docs" / "live-models.md")
    model = tmp_path / "examples" / "what-if-model.yaml"
    system = await System(broker, tmp_path, model, clock="wall", partitions=PARTITIONS).create()
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "KAFKA_BROKER": broker,
        "STREAM_APP_TOPIC_PREFIX": system.manifest.prefix,
    }
    code, _, err = await shell("python examples/history.py > history.ndjson", tmp_path, environment)
    assert code == 0, err
    await system.produce(tmp_path / "history.ndjson")
    said: dict[str, str] = {}
    with system.worker("w") as worker:
        await worker.ready()
        await system.caught_up(60, worker.said)
        for command in commands:
            code, out, err = await shell(command, tmp_path, environment)
            assert code == (1 if command.endswith(DIFFERENT) else 0), f"{command}: {out}{err}"
            said[command] = out + err  # of a command that comes twice, what it said last
        assert worker.stop() == 0, worker.said()[-2000:]
    listed = said["stream-app model list"]
    assert "4 of 4 lanes have" in listed and "all is restated" in listed
    assert said["stream-app model diff now.yaml live.json"] == "the same version\n"
    shown = next(text for command, text in said.items() if command.startswith("stream-app lead show"))
    assert "nora.ahmed.1@kestrel.example" in shown
    history = said["stream-app lead history nora.ahmed.1@kestrel.example"]
    assert "version 2 goes live by ann: pricing counts" in history and "31 ≠ 40" in history, history
    assert "2 of 2 transitions are on record" in history, history
