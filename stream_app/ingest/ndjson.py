"""Events in files, one a line (NDJSON): the same acceptance as for records, with line numbers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from stream_app.engine.activity import Activity
from stream_app.errors import KnownError
from stream_app.ingest.events import parse_event
from stream_app.ingest.refusal import Refusal

LONGEST_LINE = 1024 * 1024


class FileError(KnownError):
    """A file that is no NDJSON file at all."""


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line that is not blank: its number from 1, its bytes without the line's end, and what became of it."""

    number: int
    raw: bytes
    event: Activity | Refusal

    def __str__(self) -> str:
        return f"line {self.number}" + (f": {self.event}" if isinstance(self.event, Refusal) else "")


def read_events(file: BinaryIO, name: str, *, channel: str | None = None) -> Iterator[EventLine]:
    """The lines of a file, in constant memory. Blank lines are passed over.

    `channel` is what an event gets that names none. Raises `FileError` for a line longer than a mebibyte, which is
    no line; `name` is the file's in that message.
    """
    number = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise FileError(f"{name}: line {number} is longer than {LONGEST_LINE} bytes: this is no NDJSON file")
        raw = line.strip()
        if raw:
            yield EventLine(number, raw, _parse(raw, channel))


def _parse(raw: bytes, channel: str | None) -> Activity | Refusal:
    try:
        return parse_event(raw, channel=channel)
    except Refusal as refusal:
        return refusal
