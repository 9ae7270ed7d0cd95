"""Back-pressure: what a lane holds in memory does not grow with the backlog, however slow the broker takes its results."""

import re
from pathlib import Path

from tests.lanes.process import WorkerProcess, until
from tests.lanes.quotas import slow_producers
from tests.lanes.scenario import Scenario

EVENTS = 400_000
MOST_MIB = 65
"""Twelve buffers of 4,000 records, and what 4 lanes have processed and not yet committed, took 40; without bounds it was 97."""


async def test_memory_is_bounded_with_a_slow_broker(broker: str, tmp_path: Path) -> None:
    """The broker takes 300 kB/s of what 400,000 events make: most of them wait there, and not in the worker."""
    scenario = Scenario(broker, tmp_path)
    await scenario.create()
    await scenario.load(events=EVENTS, keys=20_000)
    with scenario.worker("a") as worker:
        async with slow_producers(broker, 300_000):
            await worker.ready()
            before = resident_mib(worker)

            async def some_are_done() -> bool:
                return await scenario.lag() < 0.9 * EVENTS

            await until(some_are_done, 60, worker.said)
            grown = resident_mib(worker, peak=True) - before
            assert await scenario.lag() > EVENTS / 2, "the broker was not slow"
            assert grown < MOST_MIB
        await scenario.caught_up(120)
        assert resident_mib(worker, peak=True) - before < MOST_MIB
        assert worker.stop() == 0
    await scenario.check()


def resident_mib(worker: WorkerProcess, peak: bool = False) -> float:
    """A worker's resident memory, or its greatest so far."""
    assert worker.process is not None
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    found = re.search(rf"{'VmHWM' if peak else 'VmRSS'}:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024
