"""A projector whose server freezes: lag and no progress, until it answers again."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from stream_app.local.valkey import ValkeyServer
from tests.conftest import start_or_skip
from tests.integration.test_metrics import get, port_of, read, value
from tests.integration.test_projector_metrics import answers
from tests.lanes.process import until
from tests.pipeline.system import CommandProcess
from tests.projection.feeding import new_topics, output, send
from tests.projection.records import score_document


@pytest.fixture
def frozen(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A server of the test's own, which may be frozen."""
    server = ValkeyServer(tmp_path / "valkey", persist=False)
    start_or_skip(server)
    yield server
    server.kill()


async def test_lag_without_progress(broker: str, frozen: ValkeyServer, tmp_path: Path) -> None:
    """`/livez` says what is left and why; a frozen server without anything to project is no death."""
    manifest = await new_topics(broker)
    await send(broker, manifest, output(manifest, "lead-scores", "user:a", score_document("user:a", 1, 1)))
    words = ["--bootstrap", broker, "--prefix", manifest.prefix, "--redis", frozen.url, "--metrics-port", "0"]
    with CommandProcess(tmp_path, "projector", ["projector", *words]) as projector:
        port = await port_of(projector)
        await until(answers(port, "/readyz", 200), 30, projector.said)
        assert frozen.process is not None
        os.kill(frozen.process.pid, signal.SIGSTOP)
        try:
            await until(answers(port, "/readyz", 503), 60, projector.said)
            assert (await asyncio.to_thread(get, port, "/livez")) == (200, "ok\n")
            await send(broker, manifest, output(manifest, "lead-scores", "user:b", score_document("user:b", 1, 1)))
            await until(answers(port, "/livez", 503), 60, projector.said)
            why = get(port, "/livez")[1]
            assert "offsets are left and none was projected for 3" in why
            assert "Redis: TimeoutError" in why
            assert value(read(port), "leadscorer_projection_delay_seconds") > 0
        finally:
            os.kill(frozen.process.pid, signal.SIGCONT)
        await until(answers(port, "/livez", 200), 60, projector.said)
        await until(answers(port, "/readyz", 200), 60, projector.said)
        assert projector.stop() == 0, projector.said()[-3000:]
