"""What a connector says of its work: counts in words, metrics, and log lines by which one change is followed.

The rule: a line about a change has its id and, of a transition, the id of the event that made it; nothing of the person,
but for what the vendor wrote, in which addresses are masked (`ops/logs`).
"""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from stream_app.connectors.contract import Again, Change, Kind, Outcome, Refused, Split
from stream_app.connectors.entry import Entry
from stream_app.connectors.ports import Meter
from stream_app.ops.correlation import correlated

log = logging.getLogger("stream_app.connectors")


def about(change: Change) -> dict[str, Any]:
    """The fields of a line about a change."""
    followed = correlated(change.document) if change.kind is Kind.transition else {}
    return {"kind": change.kind.value, "change_id": change.id, **followed}


class Telling:
    """See the module. `counts` is what was done, by word: delivered, parked, superseded, and why changes were skipped."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self.counts: Counter[str] = Counter()

    def answered(self, batch: Sequence[Entry], outcomes: Sequence[Outcome], ms: int) -> None:
        """A request was answered, after so long."""
        self.counts["requests"] += 1
        self._meter.request(ms / 1000)
        for entry, outcome in zip(batch, outcomes, strict=True):
            change = entry.item.change
            if isinstance(outcome, Again):
                self.counts[f"again: {outcome.fault}"] += 1
                self._meter.sent("retried")
                self._meter.failed(outcome.fault)
                log.info("not taken, by fault of the %s: %s", outcome.fault, outcome.reason, extra=about(change))
            elif isinstance(outcome, Refused):
                self._meter.failed("refused")
            elif isinstance(outcome, Split):
                self._meter.failed("split")
                log.debug("its batch was refused: %s", outcome.reason, extra=about(change))

    def delivered(self, entry: Entry, now: int) -> None:
        """The vendor has it."""
        change = entry.item.change
        self.counts["delivered"] += 1
        self._meter.sent("ok")
        if change.kind is Kind.transition and entry.since >= 0:
            self._meter.delay(max(0, now - entry.since) / 1000)
        if log.isEnabledFor(logging.DEBUG):
            log.debug("sent", extra=about(change))

    def parked(self, change: Change, reason: str) -> None:
        """It is safe, and waits for somebody."""
        self.counts["parked"] += 1
        self._meter.sent("parked")
        log.warning("parked %s: %s", change.id, reason, extra=about(change))
