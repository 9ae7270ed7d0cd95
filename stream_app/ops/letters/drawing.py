"""A refused record's value, drawn for a terminal with what is wrong marked.

The rule kept here: whatever the bytes are, what is drawn is printable, short and quickly made. Control characters, those
that turn text around included, are written as escapes; a value that is too large or too deep is drawn in part.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

import msgspec

from stream_app.ops.letters.fixes import unframed

MOST_ROWS = 160
WIDEST = 160
_DRAWN_AS_JSON = 256 * 1024
_DEEPEST = 40
_NEAR = 20  # rows before and after the wrong one
_AROUND = 60  # characters before and after a wrong byte
_HEX = 16

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NAME = re.compile(r'("(?:[^"\\]|\\.)*"): ')
_BYTE = re.compile(r"\(byte (\d{1,9})\)", re.ASCII)
_STEPS = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}


class Row(NamedTuple):
    """A line to print; `wrong` for the marked part and what is said of it."""

    text: str
    wrong: bool = False


def escaped(text: str) -> str:
    """Text in which nothing moves a cursor, rings a bell or runs backwards."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(ord(char)) for char in text)


def _escape(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def draw(value: bytes | None, message: str, pointer: str) -> list[Row]:
    """The value's rows: JSON laid out, other text as it is, bytes as a hex dump; `message` stands at what is wrong."""
    if value is None:
        return [Row("(no value)"), Row(f"^ {escaped(message)}", wrong=True)]
    frame, raw = unframed(value)
    head = [Row(f"(framing of a schema registry: {frame.hex(' ')})")] if frame else []
    try:
        laid_out = _laid_out(raw)
        rows = _text(raw, message) if laid_out is None else _json(laid_out, message, pointer)
    except UnicodeDecodeError:
        rows = _dump(raw, message)
    return head + _window(rows)


def _laid_out(raw: bytes) -> list[str] | None:
    """The lines of a JSON text, its own words kept; None where it is none that can be drawn."""
    if len(raw) > _DRAWN_AS_JSON or _depth(raw) > _DEEPEST:
        return None
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
        return msgspec.json.format(raw, indent=2).decode().split("\n")
    except UnicodeDecodeError:
        raise
    except (msgspec.DecodeError, RecursionError):
        return None


def _depth(raw: bytes) -> int:
    return max(accumulate(_STEPS.get(byte, 0) for byte in _STRING.sub(b"", raw)), default=0)


# -- JSON -----------------------------------------------------------------------------------------------------------------


def _json(lines: Sequence[str], message: str, pointer: str) -> list[Row]:
    parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
    at, missing = locate(lines, parts)
    said = f"{message}: {missing}" if missing else message
    rows = [Row(_clipped(escaped(line))) for line in lines]
    column, width = _span(lines[at])
    indent, marked = len(escaped(lines[at][:column])), len(escaped(lines[at][column : column + width]))
    if indent >= WIDEST:
        indent = 0
    carets = "^" * max(1, min(marked, WIDEST - indent))
    return [*rows[: at + 1], Row(f"{' ' * indent}{carets} {escaped(said)}", wrong=True), *rows[at + 1 :]]


def locate(lines: Sequence[str], parts: Sequence[str]) -> tuple[int, str]:
    """The line of a pointer's place in a text laid out with two spaces a level, and what is missing there.

    Where a part is not there, the line is that of the nearest parent. Of a name given twice the last counts.
    """
    at = 0
    for depth, part in enumerate(parts):
        found = _child(lines, at, depth, part)
        if found is None:
            return at, part
        at = found
    return at, ""


def _child(lines: Sequence[str], at: int, depth: int, part: str) -> int | None:
    indent = " " * (2 * (depth + 1))
    is_list, count = lines[at].endswith("["), 0
    if not is_list and not lines[at].endswith("{"):
        return None
    found = None
    for number in range(at + 1, len(lines)):
        line = lines[number]
        if not line.startswith(indent):
            break
        start = line[len(indent) : len(indent) + 1]
        if start in (" ", "}", "]"):
            continue
        if is_list:
            if str(count) == part:
                return number
            count += 1
        elif _name_of(line[len(indent) :]) == part:
            found = number
    return found


def _name_of(text: str) -> str | None:
    name = _NAME.match(text)
    if name is None:
        return None
    try:
        return msgspec.json.decode(name[1], type=str)
    except msgspec.DecodeError:
        return None


def _span(line: str) -> tuple[int, int]:
    """Column and width of a line's value."""
    indent = len(line) - len(line.lstrip(" "))
    name = _NAME.match(line, indent)
    start = name.end() if name is not None else indent
    return start, max(1, len(line.rstrip(",")) - start)


# -- what is no JSON ------------------------------------------------------------------------------------------------------


def _place_of(message: str, raw: bytes) -> int | None:
    """The byte that a decoder's message names."""
    if message.endswith("truncated"):
        return len(raw)
    found = _BYTE.search(message)
    return min(int(found[1]), len(raw)) if found is not None else None


def _text(raw: bytes, message: str) -> list[Row]:
    text = raw.decode()
    place = _place_of(message, raw)
    if place is None:
        shown = text[: WIDEST * 8]
        rest = [Row(f"... {len(text) - len(shown):,} characters more")] if len(shown) < len(text) else []
        return [*(Row(_clipped(escaped(line))) for line in shown.split("\n")), *rest, Row(escaped(message), wrong=True)]
    before = raw[:place].decode("utf-8", "replace")
    line = before.count("\n") + 1
    start = before.rsplit("\n", 1)[-1][-_AROUND:]
    after = raw[place:].decode("utf-8", "replace").split("\n", 1)[0][:_AROUND]
    caret = " " * len(escaped(start)) + "^ " + escaped(message)
    return [Row(f"line {line:,} of {len(raw):,} bytes:"), Row(escaped(start + after)), Row(caret, wrong=True)]


def _dump(raw: bytes, message: str) -> list[Row]:
    place = _place_of(message, raw) or 0
    first = max(0, place // _HEX - 4)
    rows = [Row(f"{len(raw):,} bytes that are no text:")]
    for number in range(first, min(first + 12, (len(raw) + _HEX - 1) // _HEX)):
        part = raw[number * _HEX : (number + 1) * _HEX]
        letters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        rows.append(Row(f"{number * _HEX:08x}  {part.hex(' '):<{3 * _HEX}} {letters}"))
        if number == place // _HEX:
            rows.append(Row(" " * (10 + 3 * (place % _HEX)) + "^^ " + escaped(message), wrong=True))
    return rows


def _clipped(line: str) -> str:
    return line if len(line) <= WIDEST else f"{line[:WIDEST]}... ({len(line) - WIDEST:,} characters more)"


def _window(rows: Sequence[Row]) -> list[Row]:
    """At most so many rows, those around the wrong one among them."""
    if len(rows) <= MOST_ROWS:
        return list(rows)
    wrong = next((number for number, row in enumerate(rows) if row.wrong), 0)
    head = range(_NEAR)
    near = range(max(0, wrong - _NEAR), min(len(rows), wrong + _NEAR))
    return list(_kept(rows, sorted({*head, *near})))


def _kept(rows: Sequence[Row], numbers: Iterable[int]) -> Iterable[Row]:
    last = -1
    for number in numbers:
        if number > last + 1:
            yield Row(f"... {number - last - 1:,} lines")
        yield rows[number]
        last = number
    if last + 1 < len(rows):
        yield Row(f"... {len(rows) - last - 1:,} lines")
