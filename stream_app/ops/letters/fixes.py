"""Corrections of a refused record's value: fields set and removed by JSON pointer, a file of corrected letters, an editor.

Pointers lead into the record as it was sent, as a letter's own pointer does: of a CloudEvent into the whole envelope.
The framing of a schema registry (byte 0, four bytes of id) stays as it was.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import msgspec

from stream_app.errors import KnownError
from stream_app.ops.letters.letter import Letter, Place, parse_place

LONGEST_LINE = 16 * 1024 * 1024
_FRAME = 5
_DEEPEST = 64

Correct = Callable[[Letter], bytes | None]
"""A letter's corrected value. Raises `FixError` where it cannot be corrected like this."""


class FixError(Exception):
    """A correction that does not fit the letter: one line for people."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One field set to a value, or removed. `path` is the pointer's parts, unescaped."""

    pointer: str
    path: tuple[str, ...]
    value: Any = None
    remove: bool = False


def parse_set(text: str) -> Edit:
    """`/pointer=VALUE`: the value is JSON, or text where it is none. Raises `KnownError`."""
    pointer, equals, value = text.partition("=")
    if not equals:
        raise KnownError(f"--set {text}: expected /pointer=VALUE, such as /user_id=u-42")
    return Edit(pointer, parse_pointer(pointer, "--set"), _value(value, text))


def parse_remove(text: str) -> Edit:
    """`/pointer`. Raises `KnownError`."""
    return Edit(text, parse_pointer(text, "--remove"), remove=True)


def parse_pointer(text: str, option: str) -> tuple[str, ...]:
    """The parts of a JSON pointer (RFC 6901) that is not the whole document. Raises `KnownError`."""
    if not text.startswith("/"):
        raise KnownError(f"{option} {text}: a JSON pointer starts with /, such as /properties/path")
    parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/"))
    if len(parts) > _DEEPEST:
        raise KnownError(f"{option}: a pointer of {len(parts)} parts leads nowhere")
    return parts


def _value(text: str, whole: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        if text[:1] in ("{", "[", '"'):
            raise KnownError(f"--set {whole}: the value is no JSON") from None
        return text


def editing(edits: Sequence[Edit]) -> Correct:
    """Apply edits, one after the other."""

    def correct(letter: Letter) -> bytes | None:
        if not edits:
            return letter.value
        frame, raw = unframed(letter.value)
        try:
            document = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise FixError("it is no JSON: --set and --remove find no field in it (--edit, or --fix FILE)") from None
        for edit in edits:
            apply(document, edit)
        return frame + msgspec.json.encode(document)

    return correct


def unframed(value: bytes | None) -> tuple[bytes, bytes]:
    """A schema registry's framing, and what it frames."""
    raw = value or b""
    return (raw[:_FRAME], raw[_FRAME:]) if raw[:1] == b"\0" else (b"", raw)


def apply(document: Any, edit: Edit) -> None:
    """Change a document in place. Objects on the way that are not there are made. Raises `FixError`."""
    node = document
    for part in edit.path[:-1]:
        if isinstance(node, dict) and part not in node and not edit.remove:
            node[part] = {}
        node = _member(node, part, edit.pointer)
    last = edit.path[-1]
    if isinstance(node, dict):
        if not edit.remove:
            node[last] = edit.value
        elif last in node:
            del node[last]
        else:
            raise FixError(f"there is no {edit.pointer} to remove")
    elif isinstance(node, list):
        _change_list(node, last, edit)
    else:
        raise FixError(f"{edit.pointer} leads into a value that has no parts")


def _change_list(node: list[Any], last: str, edit: Edit) -> None:
    if last == "-" and not edit.remove:
        node.append(edit.value)
        return
    index = _index(node, last, edit.pointer)
    if edit.remove:
        del node[index]
    else:
        node[index] = edit.value


def _member(node: Any, part: str, pointer: str) -> Any:
    if isinstance(node, dict) and part in node:
        return node[part]
    if isinstance(node, list):
        return node[_index(node, part, pointer)]
    raise FixError(f"{pointer} leads nowhere")


def _index(node: list[Any], part: str, pointer: str) -> int:
    if part.isascii() and part.isdigit() and len(part) < 7 and int(part) < len(node):
        return int(part)
    raise FixError(f"{pointer}: there is no element {part[:20]}")


class _Line(msgspec.Struct):
    place: str
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    base64: str | msgspec.UnsetType = msgspec.UNSET


_line = msgspec.json.Decoder(_Line).decode


def read_fixes(file: BinaryIO, name: str) -> Iterator[tuple[Place, bytes]]:
    """Places and corrected values of a file as `list --values` writes it. Raises `KnownError` with file and line.

    Of each line only `place` and one of `event` (JSON), `text` and `base64` count.
    """
    number = 0
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        where = f"{name}, line {number}"
        if len(raw) > LONGEST_LINE:
            raise KnownError(f"{where} is longer than {LONGEST_LINE} bytes")
        if raw.strip():
            yield _fix(raw, where)


def _fix(raw: bytes, where: str) -> tuple[Place, bytes]:
    try:
        line = _line(raw)
        stated = [one for one in (line.event, line.text, line.base64) if one is not msgspec.UNSET]
        if len(stated) != 1:
            raise KnownError(f"{where}: expected one of event, text and base64")
        if isinstance(line.event, msgspec.Raw):
            value = bytes(line.event)
        elif isinstance(line.text, str):
            value = line.text.encode()
        else:
            value = base64.b64decode(str(line.base64), validate=True)
        return parse_place(line.place), value
    except (msgspec.DecodeError, UnicodeError, binascii.Error, RecursionError) as error:
        raise KnownError(f"{where}: {error}") from None
    except KnownError as error:
        text = str(error)
        raise KnownError(text if text.startswith(where) else f"{where}: {text}") from None


def carried(value: bytes | None) -> dict[str, Any]:
    """A value as a line of `list --values` carries it: as JSON where it is some, else as text, else as base64."""
    if value is None:
        return {"event": None}
    try:
        text = value.decode()
        json.loads(text, parse_constant=_refuse)
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}
    except (ValueError, RecursionError):
        return {"text": text}
    return {"event": msgspec.Raw(_on_one_line(value))}


def _on_one_line(value: bytes) -> bytes:
    return msgspec.json.format(value, indent=-1)


def _refuse(constant: str) -> Any:
    raise ValueError(constant)
