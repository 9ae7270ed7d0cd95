"""A dead letter as it lies in its topic, and the place by which people name it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from stream_app.errors import KnownError
from stream_app.ingest import dead_letters as names
from stream_app.ingest.dead_letters import Origin
from stream_app.ingest.envelopes import Headers

UNKNOWN = "unknown"
"""The reason of a letter that states none: no worker wrote it."""
REPLAY_OF = "dead-letters.replay-of"
"""The header of an event that was sent again: the place of its dead letter."""

_PLACE = re.compile(r"(\d{1,6}):(\d{1,18})", re.ASCII)


class Place(NamedTuple):
    """Where a letter lies in the dead-letters topic."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


def parse_place(text: str) -> Place:
    """A place as `list` prints it. Raises `KnownError`."""
    found = _PLACE.fullmatch(text)
    if found is None:
        raise KnownError(f"{text!r} is no place of a dead letter: PARTITION:OFFSET, such as 2:1041")
    return Place(int(found[1]), int(found[2]))


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. `headers` are the refused record's own; `origin` says where that lay, None if nobody knows.

    `arrived` is when it was refused, in milliseconds; `cut` the bytes of a value of which only the beginning is here.
    """

    place: Place
    arrived: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    origin: Origin | None
    code: str
    message: str
    pointer: str
    stage: str
    cut: int | None

    @property
    def topic(self) -> str:
        """The topic it was refused in."""
        return self.origin.topic if self.origin is not None else ""


def letter_of(record: Any) -> Letter:
    """The letter in a record of the dead-letters topic. Whatever the headers are, nothing is raised."""
    stated = _stated(record.headers)
    return Letter(
        place=Place(record.partition, record.offset),
        arrived=record.timestamp,
        key=record.key,
        value=record.value,
        headers=names.original_headers(record.headers),
        origin=_origin(stated),
        code=stated.get(names.CODE) or UNKNOWN,
        message=stated.get(names.MESSAGE, ""),
        pointer=stated.get(names.POINTER, ""),
        stage=stated.get(names.STAGE, ""),
        cut=_number(stated.get(names.CUT)),
    )


def reason_of(record: Any) -> tuple[str, str]:
    """Code and topic of a record of the dead-letters topic, for those who only count."""
    code = topic = ""
    for name, value in record.headers:
        if name == names.CODE:
            code = _text(value)
        elif name == names.TOPIC:
            topic = _text(value)
    return code or UNKNOWN, topic


def _stated(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    return {name: _text(value) for name, value in headers}


def _text(value: bytes | None) -> str:
    return (value or b"")[: names.LONGEST_MESSAGE * 4].decode("utf-8", "replace")


def _origin(stated: dict[str, str]) -> Origin | None:
    partition, offset = _number(stated.get(names.PARTITION)), _number(stated.get(names.OFFSET))
    topic = stated.get(names.TOPIC)
    if not topic or partition is None or offset is None:
        return None
    return Origin(topic, partition, offset, _number(stated.get(names.TIMESTAMP)))


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 19 else None
