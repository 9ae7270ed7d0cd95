"""Python's cyclic garbage collector, run by hand.

The rule: reference counting frees what the lanes make, and cycles are looked for every ten minutes and after partitions have
gone, not while events come in. Leads at hand are millions of objects that live long and hold no cycles; left to itself
the collector walks them again and again (40 % of a worker's time while its leads grow in number, docs/benchmarks.md), for
nothing: a lane at work leaves no cycles. Connections and failed requests do, and are few.
"""

import asyncio
import gc
import logging
import time
from typing import NoReturn

log = logging.getLogger(__name__)

SWEEP_SECONDS = 600.0


def collect_by_hand() -> None:
    """Take over from the collector for the life of a worker process; what is there now is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.disable()


def sweep() -> int:
    """Free what only cycles hold; how many objects it was. Takes about a second for ten million objects."""
    began = time.monotonic()
    freed = gc.collect()
    log.info("garbage: freed %d objects in %.0f ms", freed, 1000 * (time.monotonic() - began))
    return freed


async def sweep_for_ever(seconds: float = SWEEP_SECONDS) -> NoReturn:
    """Sweep every so many seconds."""
    while True:
        await asyncio.sleep(seconds)
        sweep()
