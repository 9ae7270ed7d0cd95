"""Connectors on a real broker, killed at every step: before a request takes effect, after it and before the answer, after
the answer and before the commit, before and after parking. At the end the vendor holds each transition's effect once, or
with at most one duplicate a kill, in order per lead; only the record that is always refused is parked, and it alone."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web

from tests.vendors.changes import transition
from tests.vendors.configs import hubspot_text, webhook_text
from tests.vendors.hubspot import HubSpotStandIn
from tests.vendors.process import Connected, ConnectProcess
from tests.vendors.stand_in import StandIn
from tests.vendors.webhook import Receiver

LEADS, EACH = 30, 12
STORY = [transition(f"email:l{lead}@x.example", seq) for seq in range(1, EACH + 1) for lead in range(LEADS)]
BAD = "email:bad"
STEPS = ("request", "effect", "answer", "later")


class Killer:
    """Kills the connector's process at the next moment of its plan, and starts it again."""

    def __init__(self, vendor: StandIn, process: ConnectProcess, seed: int, kills: int, upto: int) -> None:
        chance = random.Random(seed)
        moments = sorted(chance.sample(range(2, upto), kills))
        steps = [STEPS[number % len(STEPS)] for number in range(kills)]
        chance.shuffle(steps)
        self._plan = list(zip(moments, steps, strict=True))
        self._process, self._chance, self._vendor = process, chance, vendor
        self._busy = False
        self.kills: list[str] = []
        vendor.on_request, vendor.on_effect, vendor.on_answer = (
            self._at("request"),
            self._at("effect"),
            self._at("answer"),
        )

    def _at(self, step: str) -> Callable[[web.Request], Awaitable[None]]:
        async def see(request: web.Request) -> None:
            if self._busy or not self._plan or self._vendor.requests < self._plan[0][0]:
                return
            wanted = self._plan[0][1]
            if step != ("answer" if wanted == "later" else wanted):
                return
            self._busy = True
            if wanted == "later":
                await asyncio.sleep(self._chance.uniform(0.005, 0.08))
            self._plan.pop(0)
            self.kills.append(wanted)
            self._process.kill()
            self._process.start()
            self._busy = False

        return see

    async def finished(self, system: Connected) -> None:
        """All kills have been, and all is committed."""
        async with asyncio.timeout(240):
            while self._plan:
                await asyncio.sleep(0.05)
        await system.done(90)


async def test_a_webhook_is_killed_at_every_step(broker: str, tmp_path: Path) -> None:
    """Receivers that know ids see each change once; those that don't, at most one duplicate a kill."""
    async with Receiver() as receiver:
        receiver.refused = {BAD}
        text = webhook_text(receiver.hook, "retry: {base: 0.2, longest: 1, give_up: 0m}\nlimits: {parallel: 8}")
        system = await Connected(broker, tmp_path).create(text)
        await system.write([transition(BAD, 1), *STORY])
        with system.process() as process:
            killer = Killer(receiver, process, 1, 8, len(STORY) - 40)
            await killer.finished(system)
            assert process.stop() == 0, process.said()[-3000:]
        parked = await system.parked()
    assert sorted(set(killer.kills)) == sorted(STEPS)
    assert receiver.effects() == {f"email:l{lead}@x.example": list(range(1, EACH + 1)) for lead in range(LEADS)}
    assert max(receiver.times().values()) <= 1 + len(killer.kills)
    assert [one["key"] for one in parked.values()] == [f"lead|{BAD}"]


async def test_hubspot_is_killed_at_every_step(broker: str, tmp_path: Path) -> None:
    """Upserts say the same twice: each contact ends as its last transition says, having taken every one in order."""
    async with HubSpotStandIn(multi_status=False, requests=1_000_000) as vendor:
        text = hubspot_text(vendor.url, "retry: {base: 0.2, longest: 1, give_up: 1h}\nlimits: {batch: 5, parallel: 4}")
        system = await Connected(broker, tmp_path).create(text)
        await system.write([transition(BAD, 1), *STORY])
        with system.process() as process:
            killer = Killer(vendor, process, 3, 8, 60)
            await killer.finished(system)
            assert process.stop() == 0, process.said()[-3000:]
        parked = await system.parked()
    assert sorted(set(killer.kills)) == sorted(STEPS)
    assert [one["key"] for one in parked.values()] == [f"lead|{BAD}"]
    assert {one["lead_seq"] for one in vendor.contacts.values()} == {str(EACH)}
    assert len(vendor.contacts) == LEADS
    for lead in range(LEADS):
        mine = [int(properties["lead_seq"]) for who, _, properties in vendor.writes if who == f"l{lead}@x.example"]
        assert list(dict.fromkeys(mine)) == list(range(1, EACH + 1))


async def test_two_processes_share_and_one_is_killed(broker: str, tmp_path: Path) -> None:
    """The other takes its partitions over once it is missed; nothing is lost, and no lead's order changes."""
    async with Receiver() as receiver:
        receiver.slow = 0.02
        system = await Connected(broker, tmp_path).create(webhook_text(receiver.hook, "limits: {parallel: 4}"))
        with system.process("a") as one, system.process("b") as two:
            await one.ready_said()
            await two.ready_said()
            await system.write(STORY)
            while len(receiver.deliveries) < 60:
                await asyncio.sleep(0.01)
            assert len(receiver.deliveries) < len(STORY)
            one.kill()
            await system.done(60, two)
    assert receiver.effects() == {f"email:l{lead}@x.example": list(range(1, EACH + 1)) for lead in range(LEADS)}
    assert sum(count - 1 for count in receiver.times().values()) <= 8
