"""One dead letter told in full: where it came from, why it was refused, what is wrong with it now, what to do.

The only place that gives personal data away; it is asked for letter by letter.
"""

import base64
from dataclasses import dataclass
from typing import Any

from stream_app.engine.times import format_time
from stream_app.ingest import Refusal
from stream_app.ops.letters.drawing import Row, draw, escaped
from stream_app.ops.letters.fixes import carried
from stream_app.ops.letters.letter import Letter
from stream_app.ops.letters.verdict import NotSendableError, judge, remedy_of
from stream_app.topics import Manifest

_LONGEST_HEADER = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a worker would say of the record today; `code` is empty for an event that it would read."""

    code: str
    message: str
    pointer: str


def verdict_now(letter: Letter, manifest: Manifest, now: int) -> Verdict:
    """Read the letter's record as a worker does. `now` in milliseconds."""
    try:
        judge(letter, letter.value, manifest, now)
    except Refusal as refusal:
        return Verdict(refusal.code, refusal.message, refusal.pointer)
    except NotSendableError as error:
        return Verdict("not_sendable", str(error), "")
    return Verdict("", "", "")


def describe(letter: Letter, replayed: bool, now: Verdict) -> dict[str, Any]:
    """A letter as an object to be printed as JSON, its record included."""
    return {
        **outline(letter, replayed),
        "remedy": remedy_of(letter.code),
        "now": {"code": now.code, "message": now.message, "pointer": now.pointer} if now.code else None,
        "key": _carried(letter.key),
        "headers": [{"name": name, "value": _carried(value)} for name, value in letter.headers],
        "value": carried(letter.value),
    }


def outline(letter: Letter, replayed: bool) -> dict[str, Any]:
    """What may be said of a letter without personal data."""
    origin = letter.origin
    return {
        "place": str(letter.place),
        "arrived": _time(letter.arrived),
        "code": letter.code,
        "message": letter.message,
        "pointer": letter.pointer,
        "topic": letter.topic,
        "partition": origin.partition if origin else None,
        "offset": origin.offset if origin else None,
        "timestamp": origin.timestamp if origin else None,
        "bytes": letter.cut if letter.cut is not None else len(letter.value or b""),
        "replayed": replayed,
    }


def in_a_line(letter: Letter, replayed: bool) -> str:
    """The same as a line of a list: place, time, topic, reason, separated by tabs."""
    where = f" at {letter.pointer}" if letter.pointer else ""
    said = f"{letter.code}{where}: {letter.message}{' (replayed)' if replayed else ''}"
    return "\t".join((str(letter.place), _time(letter.arrived), escaped(letter.topic), escaped(said)))


def told(letter: Letter, replayed: bool, now: Verdict) -> list[Row]:
    """The same for a person at a terminal: every row is safe to print."""
    rows = [Row(f"dead letter {letter.place}, arrived {_time(letter.arrived)}{', sent again' if replayed else ''}")]
    origin = letter.origin
    if origin is not None:
        at = f", at {_time(origin.timestamp)}" if origin.timestamp is not None else ""
        rows.append(Row(f"from     {escaped(origin.topic)} {origin.partition}:{origin.offset}{at}"))
    rows.append(Row(f"key      {_shown(letter.key)}"))
    rows += [Row(f"header   {escaped(name[:_LONGEST_HEADER])}: {_shown(value)}") for name, value in letter.headers[:64]]
    where = f" at {letter.pointer}" if letter.pointer else ""
    rows.append(Row(f"reason   {escaped(letter.code)}{escaped(where)}: {escaped(letter.message)}", wrong=True))
    rows.append(Row(f"remedy   {remedy_of(letter.code)}"))
    if now.code != letter.code:
        again = (
            f"{now.code}: {now.message}" if now.code else "it can be read: replay sends it, and a worker judges it anew"
        )
        rows.append(Row(f"now      {escaped(again)}"))
    agrees = now.code == letter.code
    cut = f" (of {letter.cut:,}; not all of the record is here)" if letter.cut is not None else ""
    rows.append(Row(f"value    {len(letter.value or b''):,} bytes{cut}"))
    rows += draw(letter.value, now.message if agrees else letter.message, now.pointer if agrees else letter.pointer)
    return rows


def _carried(value: bytes | None) -> str | dict[str, str] | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def _shown(value: bytes | None) -> str:
    if value is None:
        return "(none)"
    text = value[: 4 * _LONGEST_HEADER].decode("utf-8", "backslashreplace")
    more = f"... ({len(value):,} bytes)" if len(text) > _LONGEST_HEADER or len(value) > 4 * _LONGEST_HEADER else ""
    return escaped(text[:_LONGEST_HEADER]) + more


def _time(milliseconds: int) -> str:
    """A record's timestamp is anybody's: not all of them are times."""
    return format_time(milliseconds) if 0 <= milliseconds <= 253_402_300_799_999 else f"{milliseconds} ms"
