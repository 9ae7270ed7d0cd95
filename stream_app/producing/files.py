"""A file of events to Kafka: all of it checked first, then sent, in constant memory."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from stream_app.engine.activity import Activity
from stream_app.errors import KnownError
from stream_app.ingest import Refusal
from stream_app.ingest.ndjson import EventLine, read_events
from stream_app.producing.sender import EventSender
from stream_app.topics import Manifest

Progress = Callable[[str, int, int], None]
"""Told what is done (`checking`, `sending`), the bytes so far and the bytes in all."""

_PROGRESS_EVERY = 2_000


class EventFileError(KnownError):
    """A line that is no event: the message names the file, the line and the field."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What the check found: lines that are events, and lines that are not."""

    good: int
    bad: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent: events by topic, and the seconds it took."""

    by_topic: dict[str, int]
    seconds: float

    @property
    def events(self) -> int:
        """All events."""
        return sum(self.by_topic.values())


class EventFile:
    """A file of events that can be read twice: a copy is kept, on disk, of what is not (standard input)."""

    def __init__(self, file: BinaryIO, name: str, channel: str | None, size: int) -> None:
        self.name = name
        self._file = file
        self._channel = channel
        self._size = size

    def check(self, skipped: BinaryIO | None, progress: Progress) -> Checked:
        """Read every line. A bad one is written to `skipped`; without it, raise `EventFileError` at the end."""
        good = bad = 0
        first: EventLine | None = None
        for line in self._lines("checking", progress):
            if not isinstance(line.event, Refusal):
                good += 1
                continue
            bad += 1
            first = first or line
            if skipped is not None:
                skipped.write(line.raw + b"\n")
        if first is not None and skipped is None:
            more = f" (and {bad - 1} more lines)" if bad > 1 else ""
            raise EventFileError(f"{self.name}, {first}{more}; --skip-invalid FILE sends the others")
        return Checked(good, bad)

    def lines(self) -> Iterator[EventLine]:
        """Every line that is not blank, from the beginning: for who sends at a pace of their own."""
        return self._lines("reading", lambda _what, _done, _total: None)

    async def send(self, checked: Checked, sender: EventSender, manifest: Manifest, progress: Progress) -> Sent:
        """Send every good line to its topic, in the file's order, and wait until Kafka has acknowledged them all.

        Raises `ProduceError` where Kafka does not, and `EventFileError` where the file is no longer what was checked.
        """
        start = time.monotonic()
        by_topic: Counter[str] = Counter()
        for line in self._lines("sending", progress):
            if isinstance(line.event, Activity):
                topic = await sender.send(line.event, self._value(line, manifest))
                by_topic[topic.name] += 1
        await sender.flush()
        if by_topic.total() != checked.good:
            raise EventFileError(f"{self.name}: changed while it was read: sent {by_topic.total()} of {checked.good}")
        return Sent(dict(sorted(by_topic.items())), time.monotonic() - start)

    def _lines(self, what: str, progress: Progress) -> Iterator[EventLine]:
        self._file.seek(0)
        done = 0
        for count, line in enumerate(read_events(self._file, self.name, channel=self._channel)):
            done += len(line.raw) + 1
            if count % _PROGRESS_EVERY == 0:
                progress(what, done, self._size)
            if isinstance(line.event, Activity) and line.event.channel is None:
                refusal = Refusal(
                    "schema", "no channel, which decides the topic: name it, or give --channel", "/channel"
                )
                line = EventLine(line.number, line.raw, refusal)
            yield line
        progress(what, self._size, self._size)

    def _value(self, line: EventLine, manifest: Manifest) -> bytes:
        """The record's value: the line, or, where `--channel` says other than the topic, with the channel put in."""
        assert isinstance(line.event, Activity)
        event = line.event
        topic = manifest.topic_of(channel=event.channel, about_account=event.is_account_event)
        if event.channel == topic.channel or event.channel != self._channel:
            return line.raw
        members = msgspec.json.decode(line.raw, type=dict[str, msgspec.Raw])
        return msgspec.json.encode({**members, "channel": event.channel})


@contextmanager
def open_events(path: str, channel: str | None, stdin: BinaryIO) -> Iterator[EventFile]:
    """The file at `path`, or standard input for `-`. Raises `KnownError` where it cannot be read."""
    if path == "-":
        with tempfile.TemporaryFile() as copy:
            while block := stdin.read(1 << 20):
                copy.write(block)
            yield EventFile(copy, "standard input", channel, copy.tell())
        return
    with _opened(path) as file:
        if not file.seekable():
            raise EventFileError(f"{path}: cannot be read twice; pipe it in, as -")
        yield EventFile(file, path, channel, Path(path).stat().st_size)


def _opened(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise EventFileError(f"{path}: {error.strerror}") from None
