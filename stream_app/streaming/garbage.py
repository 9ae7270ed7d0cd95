"""Python's cyclic garbage collector, kept off the leads.

The rule: every object is looked at once, while it is young, and what survives that is left to reference counting. Leads
at hand are millions of objects that live long and hold no cycles; a full collection would walk them all for nothing,
again and again, and stop the lanes for hundreds of milliseconds each time (40 % of a worker's time while its leads
grow in number; docs/benchmarks.md). What does make cycles, tasks and connections, is short-lived, or ends with a
rebalance: after one, `collect_everything` looks at all.
"""

import gc
from typing import Final

_YOUNG: Final = 100_000  # net allocations between two looks at young objects


def collect_young_only() -> None:
    """Set the collector for the life of a worker process."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 1_000, 1_000)
    if _leave_survivors not in gc.callbacks:
        gc.callbacks.append(_leave_survivors)


def collect_everything() -> None:
    """Look at all objects, survivors included: takes about a second for each ten million of them."""
    gc.unfreeze()
    gc.collect()


def _leave_survivors(phase: str, _info: dict[str, int]) -> None:
    if phase == "stop":
        gc.freeze()
