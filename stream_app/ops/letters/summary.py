"""Dead letters counted by reason and topic: memory grows with the kinds of them, not with their number."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from stream_app.ops.letters.letter import Letter, Place, letter_of, reason_of
from stream_app.ops.letters.reading import Reader
from stream_app.ops.letters.replayed import Replayed, read_replayed
from stream_app.topics import Manifest

MOST_KINDS = 10_000
"""Of reason and topic. Headers are anybody's who may write to the topic: what exceeds it is counted together."""
OTHERS = "(others)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which letters are meant. None is any; times in milliseconds; `pending` are those not sent again yet."""

    reason: str | None = None
    topic: str | None = None
    since: int | None = None
    pending: bool = False

    def takes(self, code: str, topic: str) -> bool:
        """Whether it takes letters of this reason and topic. A topic may be named with its system's prefix or without."""
        if self.reason is not None and code != self.reason:
            return False
        return self.topic is None or topic == self.topic

    def named(self, manifest: Manifest) -> "Filter":
        """The same with the topic's name on the broker."""
        known = {topic.base: topic.name for topic in manifest}
        topic = known.get(self.topic or "", self.topic)
        return Filter(reason=self.reason, topic=topic, since=self.since, pending=self.pending)


@dataclass(slots=True)
class Kind:
    """The letters of one reason and topic: how many, of them sent again, and when the first and last arrived (ms)."""

    code: str
    topic: str
    first: int
    last: int
    letters: int = 0
    replayed: int = 0


async def summarise(reader: Reader, manifest: Manifest, wanted: Filter) -> list[Kind]:
    """The kinds of letters there are, the most frequent first."""
    wanted = wanted.named(manifest)
    kinds: dict[tuple[str, str], Kind] = {}
    async for records, replayed in _chunks(reader, manifest, wanted):
        for record in records:
            code, topic = reason_of(record)
            if not wanted.takes(code, topic):
                continue
            again = Place(record.partition, record.offset) in replayed
            if again and wanted.pending:
                continue
            kind = kinds.get((code, topic)) or _new(kinds, code, topic, record.timestamp)
            kind.letters += 1
            kind.replayed += again
            kind.first, kind.last = min(kind.first, record.timestamp), max(kind.last, record.timestamp)
    return sorted(kinds.values(), key=lambda kind: (-kind.letters, kind.code, kind.topic))


def _new(kinds: dict[tuple[str, str], Kind], code: str, topic: str, time: int) -> Kind:
    if len(kinds) >= MOST_KINDS:
        code, topic = OTHERS, OTHERS
    return kinds.setdefault((code, topic), Kind(code, topic, time, time))


async def each(reader: Reader, manifest: Manifest, wanted: Filter) -> AsyncIterator[tuple[Letter, bool]]:
    """The letters themselves, those of a partition in order, and whether each has been sent again."""
    wanted = wanted.named(manifest)
    async for records, replayed in _chunks(reader, manifest, wanted):
        for record in records:
            if wanted.takes(*reason_of(record)):
                letter = letter_of(record)
                again = letter.place in replayed
                if not (again and wanted.pending):
                    yield letter, again


async def selected(reader: Reader, manifest: Manifest, wanted: Filter) -> AsyncIterator[Letter]:
    """The letters a filter takes, sent again or not."""
    wanted, topic = wanted.named(manifest), manifest["dead-letters"].name
    async for records in reader.records(topic, await reader.spans(topic, wanted.since), "reading"):
        for record in records:
            if wanted.takes(*reason_of(record)):
                yield letter_of(record)


async def _chunks(reader: Reader, manifest: Manifest, wanted: Filter) -> AsyncIterator[tuple[Sequence[Any], Replayed]]:
    topic = manifest["dead-letters"].name
    spans = await reader.spans(topic, wanted.since)
    replayed = await read_replayed(reader, manifest, spans)
    async for records in reader.records(topic, spans, "reading"):
        yield records, replayed
