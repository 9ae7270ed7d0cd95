"""What the demo knows so far: made from the records that the system publishes, read by the view and the summary.

The rule: pure. Records and times come in; nothing here reads Kafka, a clock or a terminal.
"""

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stream_app.engine.model.types import Model

Document = Mapping[str, Any]

_LATEST: Final = 200
_WINDOW_S: Final = 4.0
_HISTORY: Final = 60


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead as last published: its key, the model's headline score, grade and band, stages, and the rule that weighs most.

    `trend` is the headline's last change, 0 for the first record.
    """

    key: str
    revision: int
    score: float
    trend: float
    labels: tuple[str, ...]
    stages: tuple[tuple[str, str], ...]
    reasons: tuple[str, ...]


@dataclass(slots=True)
class Board:
    """The demo's state. Times are seconds since the demo was started."""

    model: Model
    headline: str
    sent: int = 0
    scored: int = 0
    lag: int | None = None
    first_transition: float | None = None
    begun: float = 0.0  # when the producers began
    told_to: int | None = None  # the time (ms since the epoch) that the producers have reached
    leads: dict[str, Lead] = field(default_factory=dict)
    accounts: set[str] = field(default_factory=set)
    latest: deque[Document] = field(default_factory=lambda: deque(maxlen=_LATEST))
    moves: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    speeds: deque[float] = field(default_factory=lambda: deque(maxlen=_HISTORY))
    _counts: deque[tuple[float, int]] = field(default_factory=deque)

    @classmethod
    def of(cls, model: Model) -> "Board":
        """An empty board for a model; its headline is the last combined score, else the first score that there is."""
        card = model.lead
        names = [combined.name for combined in reversed(card.combined)] + [score.name for score in card.scores]
        return cls(model, names[0] if names else "")

    @property
    def transitions(self) -> int:
        """How many there were."""
        return self.moves.total()

    @property
    def speed(self) -> float:
        """Events a second that the worker has scored lately."""
        if len(self._counts) < 2:
            return 0.0
        (first, low), (last, high) = self._counts[0], self._counts[-1]
        return (high - low) / (last - first) if last > first else 0.0

    def transition(self, document: Document, now: float) -> None:
        """Somebody moved."""
        if self.first_transition is None:
            self.first_transition = now
        self.moves[document["subject"], document["ladder"], document["direction"], document["to"]] += 1
        self.causes[document["cause"]["kind"]] += 1
        self.latest.append(document)

    def lead(self, key: str, document: Document | None) -> None:
        """A lead's score record, or its tombstone."""
        if document is None:
            self.leads.pop(key, None)
            return
        known = self.leads.get(key)
        if known is not None and known.revision >= document["revision"]:
            return
        score = float(document["scores"].get(self.headline, 0.0))
        self.leads[key] = Lead(
            key=key,
            revision=document["revision"],
            score=score,
            trend=score - known.score if known is not None else 0.0,
            labels=(*document["grades"].values(), *document["bands"].values()),
            stages=tuple(document["stages"].items()),
            reasons=tuple(reason["rule"] for reason in document["reasons"][:3]),
        )

    def account(self, key: str, document: Document | None) -> None:
        """An account's score record."""
        if document is not None:
            self.accounts.add(key)

    def dead_letter(self, code: str) -> None:
        """An event was refused."""
        self.refused[code] += 1

    def progress(self, scored: int, lag: int, now: float) -> None:
        """How far the workers have come: events scored, and records that wait."""
        self.scored, self.lag = scored, lag
        self._counts.append((now, scored))
        while now - self._counts[0][0] > _WINDOW_S:
            self._counts.popleft()
        self.speeds.append(self.speed)

    def top(self, count: int) -> list[Lead]:
        """The leads with the highest headline score, ties by key; without those whom only the CRM moves: they are decided."""
        closed = {
            (ladder.name, stage.name) for ladder in self.model.lead.ladders for stage in ladder.stages if stage.sticky
        }
        still_open = (lead for lead in self.leads.values() if closed.isdisjoint(lead.stages))
        return heapq.nsmallest(count, still_open, key=lambda lead: (-lead.score, lead.key))

    def stages(self) -> dict[str, dict[str, int]]:
        """Of each ladder of leads, how many stand on each of its stages, in order."""
        found = {ladder.name: {stage.name: 0 for stage in ladder.stages} for ladder in self.model.lead.ladders}
        for lead in self.leads.values():
            for ladder, stage in lead.stages:
                if ladder in found and stage in found[ladder]:
                    found[ladder][stage] += 1
        return found


def scores_that_decide(model: Model, document: Document) -> frozenset[str]:
    """The scores that a transition hung on: those named by what its stage is entered by, or, for a fall, was held by."""
    top: Any = model.document if document["subject"] == "lead" else model.document.get("account", {})
    stages: Iterable[Any] = top.get("ladders", {}).get(document["ladder"], ()) if isinstance(top, dict) else ()
    named = document["to"] if document["direction"] == "up" else document["from"]
    for stage in stages:
        if stage.get("stage") == named:
            condition = stage.get("enter") if document["direction"] == "up" else stage.get("hold", stage.get("enter"))
            return frozenset(_scores_in(condition))
    return frozenset()


def _scores_in(condition: Any) -> Iterable[str]:
    if isinstance(condition, list):
        for part in condition:
            yield from _scores_in(part)
    elif isinstance(condition, dict):
        for name, part in condition.items():
            if name == "scores" and isinstance(part, dict):
                yield from part
            else:
                yield from _scores_in(part)


def telling_change(model: Model, document: Document) -> tuple[str, float, float] | None:
    """The score that says most about a transition, before and after: of those that decided, the one that changed most."""
    before, after = document["scores"]["before"], document["scores"]["after"]
    deciding = scores_that_decide(model, document)
    changes = [(name, before.get(name, 0.0), value) for name, value in after.items() if name in deciding]
    if not changes:
        changes = [(name, before.get(name, 0.0), value) for name, value in after.items()]
    return max(changes, key=lambda change: abs(change[2] - change[1]), default=None)


def parts_of(model: Model, score: str) -> frozenset[str]:
    """The scores that make up a score: itself, and those that a combined one weighs."""
    combined = [*model.lead.combined, *model.account.combined]
    weighed = {name for one in combined if one.name == score for name, _ in one.weights}
    return frozenset({score, *weighed})
