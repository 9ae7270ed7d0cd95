"""When a worker ends itself, and when not."""

import asyncio
import signal
from pathlib import Path

from stream_app.local.kafka import KafkaServer
from tests.lanes.scenario import Scenario


async def test_lag_without_progress_ends_the_process(kafka_server: KafkaServer, broker: str, tmp_path: Path) -> None:
    """A broker that answers nothing any more: code 70 after a while, so that the supervisor can try anew."""
    scenario = Scenario(broker, tmp_path)
    await scenario.create()
    await scenario.load(events=40_000, keys=100)
    limits = {"no_progress": 3.0, "session_timeout": 2.0}
    with scenario.worker("a", {"pause_us": 200}, limits=limits, pacing={"transaction_records": 100}) as worker:
        await worker.ready()
        assert kafka_server.process is not None
        kafka_server.stop()
        try:
            assert worker.wait(20) == 70
        finally:
            kafka_server.start()
        assert "made no progress for 4 s" in worker.said() or "failed" in worker.said()


async def test_a_worker_without_work_stays(broker: str, tmp_path: Path) -> None:
    """Nothing to read is no reason to end; nor is being frozen as a whole for less than the session."""
    scenario = Scenario(broker, tmp_path)
    await scenario.create()
    limits = {"no_progress": 2.0, "stall": 1.0, "session_timeout": 6.0}
    with scenario.worker("a", limits=limits) as worker:
        await worker.ready()
        worker.send(signal.SIGSTOP)
        await asyncio.sleep(2)
        worker.send(signal.SIGCONT)
        await asyncio.sleep(2)
        assert worker.running, worker.said()[-2000:]
        await scenario.load(events=100, keys=5)
        await scenario.caught_up()
        assert worker.stop() == 0
    await scenario.check_counts()
