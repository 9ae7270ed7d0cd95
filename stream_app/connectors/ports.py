"""What the runner stands on: where records come from, and where parked ones lie."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from stream_app.connectors.contract import Change, Kind, Place
from stream_app.connectors.ledger import Partition
from stream_app.connectors.parked import Index, Parked

Row = tuple[Place, bytes | None, bytes | None, int]
"""Place, key, value and timestamp (ms, of the commit) of a record."""


class Polled(NamedTuple):
    """Records, the ledger's epoch in which they were read, and how far each partition is read with them."""

    epoch: int
    rows: Sequence[Row]
    positions: Mapping[Partition, int]


class Source(Protocol):
    """Where records come from, and offsets go."""

    async def poll(self) -> Polled:
        """The next records; waits a little for them."""

    def hold(self, kinds: frozenset[Kind]) -> None:
        """Read no more of these kinds for now."""

    async def commit(self, commits: dict[Partition, tuple[int, str]]) -> bool:
        """Commit offsets; False where the partitions are no longer ours."""


class Ward(Protocol):
    """The parked queue, as the runner uses it: see `parking.Parking`."""

    index: Index

    async def poll(self, timeout_ms: int) -> list[Parked]: ...
    async def park(self, change: Change, reason: str, now: int) -> None: ...
    async def remove(self, identities: Iterable[str]) -> None: ...
    async def obsolete(self, records: Iterable[Parked], by: str) -> None: ...
    async def disable(self, reason: str | None) -> None: ...


class Meter(Protocol):
    """Where the runner counts."""

    def request(self, seconds: float) -> None:
        """A request took so long."""

    def sent(self, result: str) -> None:
        """A change was answered: ok, retried or parked."""

    def failed(self, kind: str) -> None:
        """A change was not taken: a `Fault`, refused or split."""

    def delay(self, seconds: float) -> None:
        """From a transition's commit to the vendor's yes."""


class Unmetered:
    """Nobody asks."""

    def request(self, seconds: float) -> None:
        """As `Meter`."""

    def sent(self, result: str) -> None:
        """As `Meter`."""

    def failed(self, kind: str) -> None:
        """As `Meter`."""

    def delay(self, seconds: float) -> None:
        """As `Meter`."""
