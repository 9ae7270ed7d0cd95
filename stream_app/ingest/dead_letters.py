"""Dead letters (formats.md, "A dead letter"): the original key, value and headers, and why they were refused.

The header names are those of Kafka Connect (`DeadLetterQueueReporter`), so that its tools read them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from stream_app.ingest.refusal import Refusal

_CONNECT = "__connect.errors."
CODE = "error.code"
POINTER = "error.pointer"
_LONGEST_MESSAGE = 1_000
_LONGEST_POINTER = 500


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the refused record was: its topic's name on the broker, partition and offset."""

    topic: str
    partition: int
    offset: int


def dead_letter_headers(
    refusal: Refusal,
    origin: Origin,
    *,
    headers: Sequence[tuple[str, bytes | None]] = (),
    stage: str = "VALUE_CONVERTER",
) -> list[tuple[str, bytes]]:
    """The headers of a dead letter; the caller sends them with the original key and value.

    `headers` are the original's: they come first, so that it can be sent again, less what an earlier refusal added.
    `stage` says where it was refused, in Kafka Connect's words: `VALUE_CONVERTER` for the parsing,
    `TRANSFORMATION` for the engine.
    """
    stated = {
        "topic": origin.topic,
        "partition": str(origin.partition),
        "offset": str(origin.offset),
        "stage": stage,
        "class.name": "stream_app.ingest.Refusal",
        "exception.message": _printable(refusal.message)[:_LONGEST_MESSAGE] or refusal.code,
    }
    found = [(name, value or b"") for name, value in original_headers(headers)]
    found += [(_CONNECT + name, value.encode()) for name, value in stated.items()]
    found.append((CODE, refusal.code.encode()))
    if refusal.pointer or refusal.code == "schema":
        found.append((POINTER, _printable(refusal.pointer)[:_LONGEST_POINTER].encode()))
    return found


def original_headers(headers: Sequence[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
    """The headers that the refused record had: a dead letter's, less those that say why it is one."""
    return [(name, value) for name, value in headers if not _is_ours(name)]


def _is_ours(name: str) -> bool:
    return name.startswith(_CONNECT) or name in (CODE, POINTER)


def _printable(text: str) -> str:
    """Control characters would forge lines in logs and terminals."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
