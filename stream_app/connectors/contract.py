"""What a destination is: it maps changes to items, takes batches of them, and says of each what came of it.

The rule: a destination knows its vendor and nothing of Kafka, order, retries or rates; the runner knows those and nothing
of any vendor. What comes back is one of four outcomes, whatever the vendor's words for it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

from stream_app.errors import KnownError


class Kind(StrEnum):
    """What happened."""

    transition = "transition"
    score = "score"
    erased = "erased"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a change was read: a topic (its name on the broker), a partition, an offset."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Change:
    """One record of `transitions`, `lead-scores` or `account-scores`.

    `id` is a UUID, the same whenever the record is read again: the transition's own, or one made of a score's key and
    revision. `key` is the lead's key or the account's id: changes of one key are sent in order. `at` is ms.
    """

    id: str
    kind: Kind
    subject: Literal["lead", "account"]
    key: str
    at: int
    document: Mapping[str, Any] = field(repr=False)
    place: Place


@dataclass(frozen=True, slots=True)
class Item:
    """A change as a vendor wants it. `target` names the vendor's record: no two items of a batch share one."""

    change: Change
    target: str
    body: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Skip:
    """A change that is not for this vendor; `why` is a word to count it by."""

    why: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """The vendor has it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The vendor will never take this record as it is: it is parked."""

    reason: str


class Fault(StrEnum):
    """Whose fault it is that something must be sent again."""

    record = "record"
    """Of this record alone, for now: it waits, others go on."""
    endpoint = "endpoint"
    """The vendor is down, slow or out of reach: counts towards the circuit breaker."""
    throttle = "throttle"
    """The vendor asks for less: everything waits, and it is no failed attempt."""


@dataclass(frozen=True, slots=True)
class Again:
    """Not now. `after` is how many seconds the vendor asks to wait, where it says."""

    reason: str
    fault: Fault
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """The vendor refused the batch and did not say for which record: its halves are to be sent by themselves."""

    reason: str


Outcome = Delivered | Refused | Again | Split


class Disabled(KnownError):
    """The vendor wants no more of it (HTTP 410 of a webhook): nothing is sent until an operator says `enable`."""


def root_of(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one that began it; what a vendor or operator must know before all others."""
    flat: list[BaseException] = []
    for error in errors.exceptions:
        flat.append(root_of(error) if isinstance(error, BaseExceptionGroup) else error)
    return next((error for error in flat if isinstance(error, Disabled)), flat[0])


Permit = Callable[[], Awaitable[None]]
"""Returns when one more request fits the vendor's rate."""


class Destination(Protocol):
    """One vendor. See the module."""

    absolute: bool
    """Whether an item sets values, so that a later one of the same lead makes an earlier one obsolete."""

    async def start(self) -> "Again | None":
        """Make ready: check or make what the vendor must have. `Again` where the vendor is away just now.

        May be called again after that. Raises `KnownError` for what an operator must mend.
        """

    def item(self, change: Change) -> Item | Skip | Refused:
        """Map a change. Pure."""

    async def send(self, items: Sequence[Item], permit: Permit) -> Sequence[Outcome]:
        """Send a batch; what came of each, in order. The first request's permit is taken already.

        Raises `Disabled`. Network errors are outcomes, not exceptions.
        """

    def pause(self) -> float:
        """Seconds to leave the vendor alone from now on, by what it told of its limits; 0: none."""

    def shown(self, item: Item) -> Any:
        """What would be sent, as JSON, without secrets: for `--dry-run`."""

    async def stop(self) -> None:
        """Let go of connections."""
