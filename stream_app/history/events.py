"""Events in files: NDJSON, one a line, each read as the worker would read it from a topic (formats.md)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stream_app.engine.activity import Activity
from stream_app.ingest import Refusal, parse_event


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file: its number from 1, its bytes, and the activity it states or why it states none."""

    number: int
    raw: bytes
    activity: Activity | None
    refusal: Refusal | None


def read_lines(lines: Iterable[bytes]) -> Iterator[Line]:
    """Every line that is not blank. An event that names no channel has none (formats.md)."""
    for number, raw in enumerate(lines, start=1):
        text = raw.strip()
        if not text:
            continue
        try:
            yield Line(number, text, parse_event(text, channel=None), None)
        except Refusal as refusal:
            yield Line(number, text, None, refusal)
