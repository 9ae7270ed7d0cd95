"""Several topics of one partition, as one stream in the order of record timestamps.

The rule (as in Kafka Streams, KIP-695): the oldest record at the head of any topic goes next; of equal ones that of the
earlier topic in the manifest, then of the lower offset. While a topic's buffer is empty and it is not known to have been
read to its end, nothing goes. A topic's own order is never changed: a record behind a younger one of its topic is late.
So the order depends on what lies in the topics alone, not on the sizes of the chunks it comes in. A topic that stands at
a bound has nothing to give, and nobody waits for it.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from stream_app.streaming.processor import InputRecord

Ended = Callable[[int], bool]
"""Whether the topic with this number has been read to its end (asked only while its buffer is empty)."""


class Merge:
    """Buffers of the topics of one lane. Pure: no clock, no I/O."""

    def __init__(self, topics: int) -> None:
        self._buffers: list[deque[InputRecord]] = [deque() for _ in range(topics)]
        self._bounds: Mapping[int, int] = {}

    def bound(self, bounds: Mapping[int, int]) -> None:
        """Give nothing more, from an offset on, of the topics with these numbers; of all others what there is."""
        self._bounds = bounds

    def at_bound(self, topic: int, position: int) -> bool:
        """Whether a topic, of which `position` is the next offset, stands at its bound."""
        bound = self._bounds.get(topic)
        return bound is not None and position >= bound

    def give_back(self, records: Sequence[InputRecord], number_of: Mapping[str, int]) -> None:
        """Put the last of what was taken back to where it came from; `number_of` are the topics' numbers."""
        for record in reversed(records):
            self._buffers[number_of[record.topic]].appendleft(record)

    def offer(self, topic: int, records: Iterable[InputRecord]) -> None:
        """Append records of a topic, which follow those offered before."""
        self._buffers[topic].extend(records)

    def buffered(self, topic: int) -> int:
        """How many records of a topic wait."""
        return len(self._buffers[topic])

    def head(self, topic: int) -> InputRecord | None:
        """A topic's next record."""
        buffer = self._buffers[topic]
        return buffer[0] if buffer else None

    def empty(self) -> bool:
        """Whether no record waits."""
        return not any(self._buffers)

    def clear(self) -> None:
        """Forget what waits: it will be read again."""
        for buffer in self._buffers:
            buffer.clear()

    def take(self, limit: int, ended: Ended) -> list[InputRecord]:
        """Up to `limit` records in order: as many as can be told without waiting."""
        taken: list[InputRecord] = []
        buffers = self._buffers
        for number, buffer in enumerate(buffers):
            if not buffer and not ended(number):
                return taken
        while len(taken) < limit:
            first, rival = self._oldest_two()
            if first is None:
                break
            self._run(first, rival, limit, taken)
            if not buffers[first] and not ended(first):
                break
        return taken

    def _shut(self, topic: int) -> bool:
        """Whether the head of a topic's buffer is at its bound or behind it."""
        return topic in self._bounds and self._buffers[topic][0].offset >= self._bounds[topic]

    def _oldest_two(self) -> tuple[int | None, tuple[int, int] | None]:
        """The topic whose head goes next, and the (timestamp, topic) that ends its run, if any other topic waits."""
        best: tuple[int, int] | None = None
        second: tuple[int, int] | None = None
        for number, buffer in enumerate(self._buffers):
            if not buffer or (self._bounds and self._shut(number)):
                continue
            head = (buffer[0].timestamp, number)
            if best is None or head < best:
                best, second = head, best
            elif second is None or head < second:
                second = head
        return (best[1] if best else None), second

    def _run(self, topic: int, rival: tuple[int, int] | None, limit: int, taken: list[InputRecord]) -> None:
        """Move records of one topic while they come before its rival's head."""
        buffer = self._buffers[topic]
        pop = buffer.popleft
        room = min(limit - len(taken), len(buffer))
        if topic in self._bounds:
            room = min(room, sum(record.offset < self._bounds[topic] for record in islice(buffer, room)))
        if rival is None:
            taken.extend([pop() for _ in range(room)])
            return
        timestamp, other = rival
        bound = timestamp + 1 if topic < other else timestamp
        append = taken.append
        while room and buffer[0].timestamp < bound:
            append(pop())
            room -= 1
