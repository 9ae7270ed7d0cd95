"""What a lane asks of the scoring in it: synchronous, deterministic, without Kafka.

The rule: whatever a processor changes or says, it says through `drain`; the lane makes the drained effects and the
positions of the records they came from one transaction. A processor never sees a failure: when a transaction fails, the
process ends, and the next one starts from the last committed state.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

Headers = Sequence[tuple[str, bytes]]


class InputRecord(Protocol):
    """A record as it lies in Kafka; `timestamp` in ms since the epoch. aiokafka's ConsumerRecord is one."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


OWN: Final = -1
"""As the partition of an output: the one with the lane's number, counted round where the topic has fewer."""


class Output(NamedTuple):
    """A record to be sent. Without a partition, Kafka's default partitioner (murmur2 of the key) decides.

    Give the lane's own partition where the key is in its place: it is right whatever partitioner the producer used, and
    costs no hash. Without a timestamp, the time of sending.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int | None = None
    partition: int | None = None


class Effects(NamedTuple):
    """What came of the records since the last drain.

    `changes` are (key, new value or None for deleted); of several for a key the last counts. Keys must not start with a
    zero byte, which marks the lane's own records in the changelog. `caused`: timestamps (ms) of the records that made a lead
    move, one a transition, from which its latency is told.
    """

    changes: Iterable[tuple[bytes, bytes | None]]
    outputs: Sequence[Output]
    caused: Sequence[int] = ()


class StateReader(Protocol):
    """The state of one partition, drained changes included, committed or not."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every key and value, in no order; not to be mixed with changes."""


NO_BOUNDS: Final[Mapping[str, int]] = {}
NOTHING_MORE: Final = 0
"""As a bound: nothing more is taken of the topic, wherever it stands."""


class Processor(Protocol):
    """One agent's work on one partition.

    `bounds` are topics of which nothing is taken from an offset on; no timer fires in a lane that stands there. `reopen`
    asks for the lane to be opened anew, from its table, once what was drained is committed.
    """

    @property
    def bounds(self) -> Mapping[str, int]:
        """See the class. The same object for as long as they are the same."""
        return NO_BOUNDS

    @property
    def reopen(self) -> bool:
        """See the class."""
        return False

    def restore(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """A slice of the recovered state, before any record: for timers and counts. Each key comes once."""

    def process(self, records: Sequence[InputRecord]) -> int:
        """Take records in merged order, and say how many: fewer only with `reopen`. Effects accumulate until drained."""

    def bounded(self) -> bool:
        """The lane stands at all bounds; whether anything came of it. Said again and again for as long as it does."""
        return False

    def advance(self, to_ms: int, budget: int) -> bool:
        """Let time pass to `to_ms`, with at most about `budget` changes; True when more is due by then.

        A time before one it has been advanced to changes nothing.
        """

    def reached(self) -> int:
        """The greatest time to which any event has brought it, in ms; -1 before any. What is refused brings it nowhere."""

    def next_due(self) -> int | None:
        """The earliest time at which something changes by itself, or None."""

    def drain(self) -> Effects:
        """Hand over the effects since the last drain and forget them. The lane puts the changes into the state."""


ProcessorFactory = Callable[[str, int, StateReader], Processor]
"""(agent name, partition, the partition's state) -> a processor."""

Clock = Callable[[], int]
"""The present in ms since the epoch."""


class Migration(Protocol):
    """What a lane must do with its table before it takes any record, with the table of another lane at hand.

    `source` is that one's changelog: of the same partition, complete, and written no more. After a kill on the way it is
    done again from the start.
    """

    source: str

    def steps(self, state: StateReader, source: StateReader) -> Iterator[Effects]:
        """Changes of the lane's table, each to be a transaction. `state` shows them at once."""

    def inputs(self, own: Mapping[str, int], source: Mapping[str, int]) -> Mapping[str, int]:
        """Where the lane's inputs go on afterwards, given how far its own table and the source have read them."""

    def last(self, own: Mapping[str, int]) -> Effects:
        """What is committed together with the new positions, and says that it is done."""


MigrationFactory = Callable[[str, int, StateReader], Migration | None]
"""(agent name, partition, the partition's recovered state) -> what must be done with it, if anything."""


def nothing_to_migrate(_agent: str, _partition: int, _state: StateReader) -> None:
    """The migrations of a worker that has none."""
