"""Who has which partition, and when: handovers, static members, timers over restarts."""

import signal
from pathlib import Path

from aiokafka import AIOKafkaProducer

from tests.lanes.process import until
from tests.lanes.scenario import Scenario

SLOW = {"pause_us": 100}
SMALL = {"slice_records": 100, "transaction_records": 200, "buffer_records": 500}


async def test_partitions_are_handed_over(broker: str, tmp_path: Path) -> None:
    """A worker joins in the middle, and another leaves on SIGTERM in the middle, within ten seconds and with code 0."""
    scenario = Scenario(broker, tmp_path)
    await scenario.create()
    await scenario.load(events=60_000, keys=3000)
    with scenario.worker("a", SLOW, pacing=SMALL) as first:
        await first.ready()
        with scenario.worker("b", SLOW, pacing=SMALL) as second:
            await second.ready()
            assert await scenario.lag() > 0
            assert first.stop(within=10) == 0
            assert await scenario.lag() > 0
            assert "reading again" not in first.said() + second.said()
            await scenario.caught_up()
            assert second.stop() == 0
    await scenario.check()


async def test_static_member_restarts_without_a_rebalance(broker: str, tmp_path: Path) -> None:
    """A member with a name that is back within its session time-out gets its partitions; the other one notices nothing."""
    scenario = Scenario(broker, tmp_path)
    await scenario.create()
    long = {"limits": {"session_timeout": 20.0}}
    with scenario.worker("a", instance="one", **long) as first, scenario.worker("b", instance="two", **long) as second:
        await first.ready()
        await second.ready()

        async def shared() -> bool:
            return len(first.assigned()) == len(second.assigned()) == 2

        await until(shared, 20)
        seen = second.said().count("assigned:")
        first.send(signal.SIGKILL)
        first.wait(5)
        first.start()
        await first.ready(times=2)
        await scenario.load(events=500, keys=20)
        await scenario.caught_up()
        assert second.said().count("assigned:") == seen
        assert [first.stop(), second.stop()] == [0, 0]
    await scenario.check_counts()


async def test_timers_fire_once_and_in_time(broker: str, tmp_path: Path) -> None:
    """With the wall clock a key falls due within two seconds of its time, once, over a restart too."""
    scenario = Scenario(broker, tmp_path)
    await scenario.create()
    rest = {"rest_ms": 3000, "every": 1000}
    with scenario.worker("a", rest, clock="wall") as worker:
        await worker.ready()
        async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
            sent = await producer.send_and_wait(scenario.topic("web"), b"x", b"user:1", partition=1)
        await scenario.caught_up()
        assert await scenario.told() == {}

        async def fired() -> bool:
            return bool(await scenario.told())

        await until(fired, 8)
        assert worker.stop() == 0
    with scenario.worker("b", rest, clock="wall") as worker:
        await worker.ready()
        await scenario.load(events=10, keys=1)
        await scenario.caught_up()
        assert worker.stop() == 0
    told = await scenario.told()
    assert told[b"user:1"] == [{"due": sent.timestamp + 3000}]
