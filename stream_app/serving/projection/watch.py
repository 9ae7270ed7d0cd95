"""What a projector counts while it works: plain numbers, read by whoever exports them (`ops/projector_metrics`).

The rule: counting costs next to nothing. Most is counted a batch; what is counted a record, is counted in one pass.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import orjson

from stream_app.ops.correlation import correlated
from stream_app.serving.projection.base import Generations, Place, Slice
from stream_app.serving.projection.changes import Brought, Change, Erased, Gone, Moved, Scored, Stated
from stream_app.streaming.stats import BATCH_BOUNDS, LATE_SECONDS, LATENCY_BOUNDS, TRANSACTION_BOUNDS, Tally

KINDS: Mapping[type[Change], str] = {
    Scored: "score",
    Gone: "score_removed",
    Moved: "transition",
    Erased: "erasure",
    Stated: "state",
    Brought: "member",
}
Why = Literal["unreachable", "gap", "gone", "shrunk"]
"""Why it had to look where to read on."""

_log = logging.getLogger(__name__)


class Watch:
    """See the module. Written by the projector's event loop; whole numbers and whole mappings may be read from any thread."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.taken: Counter[type[Change]] = Counter()
        self.older: Counter[type[Change]] = Counter()
        self.unreadable: Counter[str] = Counter()
        self.retries: Counter[Why] = Counter()
        self.batches = Tally(BATCH_BOUNDS)
        self.batch_times = Tally(TRANSACTION_BOUNDS)
        self.delays = Tally(LATENCY_BOUNDS)
        self.generations = Generations(None)
        self.trouble: str | None = None
        """Why nothing can be projected just now."""
        self.left: Mapping[Place, int] = {}
        """Offsets still to be projected, of each partition that is here."""
        self._newest: dict[Place, float] = {}
        self._moved_at = clock()

    # -- told by the projector ------------------------------------------------------------------------------------------

    def applied(
        self, slices: Sequence[Slice], older: Sequence[Change], times: Mapping[Place, Sequence[int]], seconds: float
    ) -> None:
        """The server took slices, `older` of whose changes it left out; the timestamps (ms) of their records, by place."""
        now = self._clock()
        self._moved_at = now
        self.taken.update([type(change) for one in slices for change in one.changes])
        for change in older:
            self.taken[type(change)] -= 1
            self.older[type(change)] += 1
        for place, stamps in times.items():
            self._newest[place] = stamps[-1] / 1000
            if now - self._newest[place] < LATE_SECONDS:
                self.delays.observe_all([max(0.0, now - at / 1000) for at in stamps if now - at / 1000 < LATE_SECONDS])
        if times:
            self.batches.observe(sum(map(len, times.values())))
            self.batch_times.observe(seconds)
        if _log.isEnabledFor(logging.DEBUG):
            _tell(slices, older)

    def stands(self, left: Mapping[Place, int]) -> None:
        """How much is left of the partitions that are here."""
        now = self._clock()
        self._newest = {place: self._newest.get(place, now) for place in left}  # of one that came, age begins now
        self.left = left
        if not any(left.values()):
            self._moved_at = now

    def looked(self, known: Generations) -> None:
        """The server answers."""
        self.generations, self.trouble = known, None

    def failed(self, why: Why, trouble: str | None = None) -> None:
        """Nothing could be projected."""
        self.retries[why] += 1
        self.trouble = trouble or self.trouble

    # -- asked by others ------------------------------------------------------------------------------------------------

    def delay_seconds(self) -> dict[str, float]:
        """By topic: the age of the newest projected record of the partition that is furthest behind; 0: of none."""
        now, newest, found = self._clock(), self._newest, dict[str, float]()
        for place, left in self.left.items():
            age = max(0.0, now - newest.get(place, now)) if left else 0.0
            found[place[0]] = max(found.get(place[0], 0.0), age)
        return found

    def left_by_topic(self) -> Counter[str]:
        """Offsets still to be projected."""
        found = Counter[str]()
        for (topic, _), left in self.left.items():
            found[topic] += left
        return found

    def stuck_seconds(self) -> float:
        """For how long there has been something to project and nothing was."""
        return max(0.0, self._clock() - self._moved_at) if any(self.left.values()) else 0.0

    def unready(self) -> str | None:
        """What it waits for before what it keeps is whole, or None."""
        if self.trouble is not None:
            return self.trouble
        if self.generations.ready:
            return None
        return f"the projection is being built: {sum(self.left.values())} offsets left"


def _tell(slices: Sequence[Slice], older: Sequence[Change]) -> None:
    passed = {id(change) for change in older}
    for one in slices:
        for change in one.changes:
            if isinstance(change, Moved) and id(change) not in passed:
                _log.debug("projected", extra=correlated(orjson.loads(change.value)))
