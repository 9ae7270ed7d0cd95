"""What is known of one lead or one account (scoring.md sections 2, 6 and 7): buckets and latest values, no history.

`Subject` is what both have; `LeadState` and `AccountState` add their own. The encoded form is MessagePack, versioned
(`encoding.py`). Derived values (`view`, `card`) are caches: they can be computed from the rest at any time.
"""

from typing import Any

from stream_app.engine.activity import Value
from stream_app.engine.held import Sifted
from stream_app.engine.seen import SeenIds
from stream_app.engine.trackers.data import Data

NEVER = -1

# The latest value of a fact: (time, event id, value); the greater (time, event id) wins.
Cell = tuple[int, str, Value | None]


class LadderState:
    """Where a subject stands on one ladder. `left` holds when each stage was last left, for its cooldown."""

    def __init__(self, stage: str, entered: int) -> None:
        self.stage = stage
        self.entered = entered
        self.seq = 0
        self.moved = NEVER  # time of the last move
        self.obeyed = NEVER  # time of the latest `stage_set` obeyed
        self.left: dict[str, int] = {}

    def copy(self) -> "LadderState":
        """An independent copy."""
        twin = LadderState(self.stage, self.entered)
        twin.seq, twin.moved, twin.obeyed, twin.left = self.seq, self.moved, self.obeyed, dict(self.left)
        return twin


class Subject:
    """What leads and accounts have in common.

    `clock`, `first` (the first activity's time) and `latest` (the latest event's) are milliseconds, -1 before any event.
    `data` holds the trackers' data by the plan's positions, `foreign` what other versions of the model counted.
    `marks` are latest values that are not the producer's facts: `email`, `account_id`, `suppressed`, `owner`,
    `disqualified`.
    """

    def __init__(self, key: str, trackers: int) -> None:
        self.key = key
        self.clock = NEVER
        self.first = NEVER
        self.latest = NEVER
        self.seen = SeenIds()
        self.facts: dict[str, Cell] = {}
        self.marks: dict[str, Cell] = {}
        self.data: list[Data | None] = [None] * trackers
        self.foreign: dict[int, bytes] = {}
        self.sifted: Sifted | None = None  # what machines did of it; None: nothing that is known
        self.ladders: dict[str, LadderState] = {}
        self.settled = True  # False after a `stage_set`, which stands until the next boundary or event
        self.revision = 0
        self.published: list[Any] | None = None  # what the last score record said, to see whether it changed
        self.account: tuple[str, dict[str, Any]] | None = (
            None  # in a worker: what a lead sees of its account, by its id
        )
        # In a worker, of a lead (worker/linking.py): the keys known to be its aliases (False: given back, on its way),
        # how many links were refused as conflicts, and up to when its former life was erased.
        self.links: dict[str, bool] = {}
        self.conflicts = 0
        self.erased_at = NEVER

    def fact(self, name: str) -> Value | None:
        """The latest value of a fact, None if it has none."""
        cell = self.facts.get(name)
        return None if cell is None else cell[2]

    def mark(self, name: str) -> Value | None:
        """The latest value of a mark, None if it has none."""
        cell = self.marks.get(name)
        return None if cell is None else cell[2]


def put(cells: dict[str, Cell], name: str, cell: Cell) -> bool:
    """Keep the later of two values by (time, event id); whether the value that stands has changed."""
    known = cells.get(name)
    if known is not None and (known[0], known[1]) >= (cell[0], cell[1]):
        return False
    cells[name] = cell
    return known is None or known[2] != cell[2] or type(known[2]) is not type(cell[2])
