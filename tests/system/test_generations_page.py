"""docs/generations.md: its commands, run one after the other on a running system, do what the page says."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.pipeline.page import commands_of, shell
from tests.pipeline.system import System

PARTITIONS = 2
pytestmark = pytest.mark.timeout(300)


async def test_a_shadow_a_rebuild_and_a_quarantine(broker: str, repository: Path, tmp_path: Path) -> None:
    """S375, S376, S405: a model is watched live before it counts, another is applied to the past, and an MQL that rested on a
    scanner is withdrawn with that reason."""
    shutil.copytree(repository / "examples", tmp_path / "examples")
    model = tmp_path / "examples" / "what-if-model.yaml"
    system = await System(broker, tmp_path, model, clock="wall", partitions=PARTITIONS).create()
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "KAFKA_BROKER": broker,
        "STREAM_APP_TOPIC_PREFIX": system.manifest.prefix,
        "STREAM_APP_GROUP": system.group,
    }
    code, _, err = await shell("python examples/history.py > history.ndjson", tmp_path, environment)
    assert code == 0, err
    await system.produce(tmp_path / "history.ndjson")
    said: dict[str, str] = {}
    with system.worker("w") as worker:
        await worker.ready()
        await system.caught_up(60, worker.said)
        for command in commands_of(repository / "docs" / "generations.md"):
            code, out, err = await shell(command, tmp_path, environment)
            assert code == 0, f"{command}: {out}{err}"
            said[command] = out + err
        assert worker.stop() == 0, worker.said()[-2000:]
    compared = said["stream-app model compare --wait 60"]
    assert "0 only live, 0 only beside" in compared, compared
    assert "takes the live one's place, as publication 2" in said["stream-app model promote"]
    *risen, last = (await system.transitions())["email:bot@scanned.example"]
    assert [one["to"] for one in risen] == ["mql"]
    assert (last["from"], last["to"], last["direction"]) == ("mql", "known", "down")
    assert last["cause"] == {"kind": "model", "reason": "quarantine: ip 203.0.113.0/24"}
    record = (await system.latest("lead-scores"))["email:bot@scanned.example"]
    assert record["scores"] == {"interest": 0, "fit": 0, "total": 0}
    assert len(await system.records("transitions")) == len(
        {one["id"] for some in (await moves(system)) for one in some}
    )


async def moves(system: System) -> list[list[dict[str, object]]]:
    """All transitions."""
    return [*(await system.transitions()).values(), *(await system.transitions("account")).values()]
