"""Cycles are looked for when told to, and not by themselves. In a process of its own: the collector's settings are global."""

import subprocess
import sys

PROGRAM = """
import asyncio, gc, weakref
from stream_app.streaming.garbage import collect_by_hand, sweep, sweep_for_ever

class Node:
    def __init__(self) -> None:
        self.me = self

def forgotten() -> weakref.ref[Node]:
    return weakref.ref(Node())

def make(number: int) -> list[list[int]]:
    return [[index] for index in range(number)]

async def swept(cycle: weakref.ref[Node]) -> bool:
    task = asyncio.create_task(sweep_for_ever(0.001))
    async with asyncio.timeout(30):
        while cycle() is not None:
            await asyncio.sleep(0.001)
    return not task.done()

collect_by_hand()
cycle = forgotten()
kept = make(300_000)
print("left alone:", cycle() is not None)
sweep()
print("swept:", cycle() is None)
print("swept in time:", asyncio.run(swept(forgotten())))
"""


def test_cycles_are_swept_by_hand_and_in_time_only() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout.splitlines() == ["left alone: True", "swept: True", "swept in time: True"]
