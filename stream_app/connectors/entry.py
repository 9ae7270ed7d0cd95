"""What waits on a desk, and what comes off it."""

from dataclasses import dataclass, field

from stream_app.connectors.contract import Fault, Item
from stream_app.connectors.pace import BreakerSettings, Rate
from stream_app.connectors.retry import Retry


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """`batch` items a request, `parallel` requests at a time; `drift` in seconds between scores of one lead."""

    batch: int
    parallel: int
    rate: Rate
    retry: Retry
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    drift: float = 0.0


@dataclass(eq=False, slots=True)
class Entry:
    """An item on its way. `parked` is the id under which it was parked before, if it was; `since` when it was committed (ms)."""

    item: Item
    parked: str | None = None
    since: int = -1
    due: int = 0
    limit: int = 1 << 30
    attempts: int = 0
    first: int = -1
    fault: Fault | None = None
    reason: str = ""
    flying: bool = False

    @property
    def key(self) -> str:
        """Whose order it keeps."""
        return f"{self.item.change.subject}|{self.item.change.key}"


@dataclass(slots=True)
class Settled:
    """What became of a batch: entries that are done, and those to park with the reason."""

    done: list[Entry] = field(default_factory=list)
    parked: list[tuple[Entry, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
