"""Dead letters (formats.md, "A dead letter"): the original key, value and headers, and why they were refused.

The header names are those of Kafka Connect (`DeadLetterQueueReporter`), so that its tools read them; it names no code,
no pointer and no time, so those are `error.*`. The rule kept here: whatever came, the letter can be written. Messages and
pointers are short and printable, and the whole is no larger than the topic takes (a compressed batch can hold a record
many times its own size); what had to be cut off lies where the letter says it came from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stream_app.ingest.refusal import Refusal

CONNECT = "__connect.errors."
TOPIC = CONNECT + "topic"
PARTITION = CONNECT + "partition"
OFFSET = CONNECT + "offset"
STAGE = CONNECT + "stage"
CLASS = CONNECT + "class.name"
EXCEPTION = CONNECT + "exception.class.name"
MESSAGE = CONNECT + "exception.message"
CODE = "error.code"
POINTER = "error.pointer"
TIMESTAMP = "error.timestamp"
"""The original record's timestamp in milliseconds: the letter's own is the time of its arrival."""
CUT = "error.cut"
"""How many bytes the original value had, where the letter holds only its beginning (and no headers of the original)."""

LONGEST_MESSAGE = 1_000
LONGEST_POINTER = 500
LARGEST_LETTER = 8 * 1024 * 1024 - 64 * 1024
"""Bytes of key, value and headers: what `max.message.bytes` of the topic takes, less what the rest needs."""
KEPT_OF_TOO_LARGE = 64 * 1024

PARSING = "VALUE_CONVERTER"
SCORING = "TRANSFORMATION"
_AT_WORK = {PARSING: b"stream_app.ingest.parse_event", SCORING: b"stream_app.engine.admission.verdict"}
_REFUSAL = b"stream_app.ingest.Refusal"
_ADDED = frozenset({CODE, POINTER, TIMESTAMP, CUT})


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the refused record was: its topic's name on the broker, partition and offset; and its timestamp in ms."""

    topic: str
    partition: int
    offset: int
    timestamp: int | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """A letter's key, value and headers, ready to be sent."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]


def dead_letter_headers(
    refusal: Refusal,
    origin: Origin,
    *,
    headers: Sequence[tuple[str, bytes | None]] = (),
    stage: str = PARSING,
) -> list[tuple[str, bytes]]:
    """The headers of a dead letter; the caller sends them with the original key and value.

    `headers` are the original's: they come first, so that it can be sent again, less what an earlier refusal added.
    `stage` says where it was refused, in Kafka Connect's words: `VALUE_CONVERTER` for the parsing,
    `TRANSFORMATION` for the engine.
    """
    found = [(name, value or b"") for name, value in original_headers(headers)] if headers else []
    found += (
        (TOPIC, origin.topic.encode()),
        (PARTITION, b"%d" % origin.partition),
        (OFFSET, b"%d" % origin.offset),
        (STAGE, stage.encode()),
        (CLASS, _AT_WORK.get(stage, _REFUSAL)),
        (EXCEPTION, _REFUSAL),
        (MESSAGE, (_printable(refusal.message, LONGEST_MESSAGE) or refusal.code).encode()),
        (CODE, refusal.code.encode()),
    )
    if origin.timestamp is not None:
        found.append((TIMESTAMP, b"%d" % origin.timestamp))
    if refusal.pointer or refusal.code == "schema":
        found.append((POINTER, _printable(refusal.pointer, LONGEST_POINTER).encode()))
    return found


def dead_letter_content(
    refusal: Refusal,
    origin: Origin,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]] = (),
    stage: str = PARSING,
) -> Content:
    """A whole dead letter: the original bytes, or their beginning where they are more than the topic takes."""
    size = len(key or b"") + len(value or b"")
    if headers:
        size += sum(len(name) + len(content or b"") for name, content in headers)
    if size <= LARGEST_LETTER:
        return Content(key, value, dead_letter_headers(refusal, origin, headers=headers, stage=stage))
    stated = dead_letter_headers(refusal, origin, stage=stage)
    stated.append((CUT, b"%d" % len(value or b"")))
    return Content(_beginning(key), _beginning(value), stated)


def original_headers(headers: Sequence[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
    """The headers that the refused record had: a dead letter's, less those that say why it is one."""
    return [(name, value) for name, value in headers if not (name.startswith(CONNECT) or name in _ADDED)]


def _beginning(raw: bytes | None) -> bytes | None:
    return None if raw is None else raw[:KEPT_OF_TOO_LARGE]


def _printable(text: str, longest: int) -> str:
    """Control characters would forge lines in logs and terminals."""
    text = text[:longest]
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
