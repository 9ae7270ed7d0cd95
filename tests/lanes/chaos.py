"""Faults at random moments of a backlog's working-off, in the manner of Kafka Streams' EosTestDriver.

    python -m tests.lanes.chaos --seed 1 --faults 12 [--store rocksdb] [--sabotage]

Workers run under a supervisor that starts them again. Each fault is drawn from a seeded list and lands while there is lag
(asserted). Afterwards every event must be in the state once and in order, every message sent once and in order.
`--sabotage` runs the workers with the transaction taken out, to see that the check can fail.
"""

import argparse
import asyncio
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from stream_app.local.kafka import KafkaServer
from tests.lanes.process import WorkerProcess, until
from tests.lanes.scenario import Scenario

FAULTS = (
    "kill",
    "kill",
    "stop",
    "freeze",
    "join and leave",
    "kill while recovering",
    "kill and wipe the data",
    "broker restart",
    "broker kill",
)
SMALL = {"slice_records": 100, "transaction_records": 200, "buffer_records": 500}
PAUSE_US = 150


class Chaos:
    """Some supervised workers and a broker, and what can happen to them."""

    def __init__(self, scenario: Scenario, server: KafkaServer, chance: random.Random, workers: int) -> None:
        self.scenario, self.server, self.chance = scenario, server, chance
        self.workers = [self.worker(f"w{number}") for number in range(workers)]
        self.starts: Counter[str] = Counter()
        self.done: list[str] = []

    def worker(self, name: str) -> WorkerProcess:
        """A worker that works slowly enough to be hit."""
        return self.scenario.worker(
            name, {"pause_us": PAUSE_US}, pacing=SMALL, limits={"session_timeout": 2.0, "transaction_timeout": 5.0}
        )

    def keep_running(self) -> None:
        """What a supervisor does."""
        for worker in self.workers:
            if not worker.running:
                self.starts[worker.log.stem] += 1
                worker.start()

    async def sleep(self, seconds: float) -> None:
        """Let time pass, supervised."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.keep_running()
            await asyncio.sleep(0.1)

    async def fault(self, kind: str) -> None:
        """Do it, while there is lag."""
        lag = await self.scenario.lag()
        assert lag > 0, f"the backlog was gone before {kind}: make it longer"
        self.done.append(kind)
        print(f"lag {lag}: {kind}", file=sys.stderr, flush=True)
        victim = self.chance.choice(self.workers)
        if kind == "kill":
            victim.kill()
        elif kind == "stop":
            if victim.running:
                victim.send(signal.SIGTERM)
        elif kind == "freeze":
            victim.send(signal.SIGSTOP)
            await self.sleep(4)
            victim.send(signal.SIGCONT)
        elif kind == "join and leave":
            with self.worker("guest") as guest:
                await self.sleep(4)
                guest.stop(within=12) if guest.running else None
        elif kind == "kill while recovering":
            victim.kill()
            await self.sleep(2.2)
            victim.kill()
        elif kind == "kill and wipe the data":
            for worker in self.workers:
                worker.kill()
            shutil.rmtree(self.scenario.directory / "data", ignore_errors=True)
        elif kind == "broker restart":
            self.server.stop()
            self.server.start()
        elif kind == "broker kill":
            self.server.kill()
            self.server.start()

    async def run(self, faults: int) -> None:
        """Faults one after the other, then the end of the backlog, then the check."""
        try:
            self.keep_running()
            await self.sleep(5)
            for _ in range(faults):
                await self.fault(self.chance.choice(FAULTS))
                await self.sleep(self.chance.uniform(0.5, 4))
            print(f"lag {await self.scenario.lag()}: no more faults", file=sys.stderr, flush=True)

            async def none_left() -> bool:
                self.keep_running()
                return await self.scenario.lag() == 0

            await until(none_left, 240)
            for worker in self.workers:
                worker.stop(within=12)
        finally:
            for worker in self.workers:
                worker.kill()
        await self.scenario.check()


async def chaos(
    server: KafkaServer, directory: Path, *, seed: int, faults: int, events: int, store: str, sabotage: bool = False
) -> Chaos:
    """One run; AssertionError when something was lost, repeated or out of order."""
    scenario = Scenario(server.bootstrap, directory, name=f"chaos{seed}{store}", store=store)
    if sabotage:
        scenario.module, scenario.group = "tests.lanes.sabotage", f"{scenario.name}-shadow"
    await scenario.create()
    await scenario.load(events=events, keys=3000, seed=seed)
    made = Chaos(scenario, server, random.Random(seed), workers=3)
    await made.run(faults)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", type=int, default=12)
    parser.add_argument("--events", type=int, default=400_000)
    parser.add_argument("--store", default="memory")
    parser.add_argument("--sabotage", action="store_true")
    options = vars(parser.parse_args())
    with tempfile.TemporaryDirectory() as directory:
        server = KafkaServer(Path(directory) / "kafka", heap="512m")
        server.start()
        try:
            made = asyncio.run(chaos(server, Path(directory), **options))
            print(f"right after {len(made.done)} faults {dict(Counter(made.done))}, starts {dict(made.starts)}")
        finally:
            server.kill()


if __name__ == "__main__":
    main()
