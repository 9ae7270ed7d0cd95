"""What passes between the transport and a lane.

The rule: a chunk holds every record there is from its start to its end, so a lane that goes from end to start misses none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from stream_app.streaming.processor import InputRecord


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records of one topic's partition as fetched: all there are from `start` up to, not including, `end`."""

    topic: str
    partition: int
    start: int
    end: int
    records: Sequence[InputRecord]


class Inputs(Protocol):
    """What a lane must know of the consumer."""

    def ended(self, topic: str, partition: int, position: int) -> bool:
        """Whether everything readable has been handed over, and that is everything below `position`."""

    def fetched_to(self, topic: str, partition: int) -> int | None:
        """The offset up to which the partition was read, markers and aborted records included."""

    def handed_to(self, topic: str, partition: int) -> int | None:
        """The offset up to which chunks were sent on their way to the lane."""

    def fresh(self, topic: str, partition: int) -> bool:
        """Whether the broker said within the last moments where the end is."""
