"""Faults in the middle of a backlog: afterwards every event is in the state once, and every message was sent once."""

import signal
from pathlib import Path

from tests.lanes.process import until
from tests.lanes.scenario import Scenario

SLOW = {"pause_us": 100}
SMALL = {"slice_records": 100, "transaction_records": 200, "buffer_records": 500}


async def test_killed_workers_lose_and_repeat_nothing(broker: str, tmp_path: Path) -> None:
    """SIGKILL of one worker after the other while they work off a backlog."""
    scenario = Scenario(broker, tmp_path)
    await scenario.create()
    await scenario.load(events=60_000, keys=3000)
    with (
        scenario.worker("a", SLOW, pacing=SMALL) as first,
        scenario.worker("b", SLOW, pacing=SMALL) as second,
    ):
        await first.ready()
        await second.ready()
        for round_, victim in enumerate((first, second)):
            before = await scenario.lag()

            async def moved(before: int = before) -> bool:
                return await scenario.lag() < before

            await until(moved, 20)
            assert await scenario.lag() > 0
            victim.kill()
            victim.start()
            await victim.ready(times=2)
            assert round_ or await scenario.lag() > 0
        await scenario.caught_up()
        assert [first.stop(), second.stop()] == [0, 0]
    await scenario.check()


async def test_chunks_that_are_lost_on_their_way_are_read_again(broker: str, tmp_path: Path) -> None:
    """Also the last ones, which nothing follows: every event is in the state once."""
    scenario = Scenario(broker, tmp_path, module="tests.lanes.lossy")
    await scenario.create()
    await scenario.load(events=6_000, keys=300)
    with scenario.worker("a", pacing=SMALL) as worker:
        await worker.ready()
        await scenario.caught_up()
        assert worker.stop() == 0
    assert "was read to" in worker.said() and "reading again" in worker.said()
    await scenario.check()


async def test_zombie_is_fenced(broker: str, tmp_path: Path) -> None:
    """A worker frozen for longer than its session ends when it wakes up, and counts nothing twice. Its store is its own."""
    scenario = Scenario(broker, tmp_path, store="rocksdb")
    await scenario.create()
    await scenario.load(events=60_000, keys=3000)
    with scenario.worker("a", SLOW, pacing=SMALL) as zombie, scenario.worker("b", SLOW, pacing=SMALL) as heir:
        await zombie.ready()
        await heir.ready()

        async def shared() -> bool:
            return len(zombie.assigned()) == len(heir.assigned()) == 2

        await until(shared, 20)
        zombie.send(signal.SIGSTOP)
        frozen = await scenario.lag()
        assert frozen > 0

        async def taken_over() -> bool:
            return len(heir.assigned()) == 4

        await until(taken_over, 20, heir.said)
        assert await scenario.lag() > 0
        zombie.send(signal.SIGCONT)
        assert zombie.wait(15) == 70
        assert "Fenced" in zombie.said(), zombie.said()[-3000:]
        await scenario.caught_up()
        assert heir.stop() == 0
    await scenario.check()
