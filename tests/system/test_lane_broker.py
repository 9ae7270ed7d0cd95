"""What a worker does when its broker goes away."""

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
