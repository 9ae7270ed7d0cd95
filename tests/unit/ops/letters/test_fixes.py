"""Corrections of a refused record."""

from io import BytesIO
from typing import Any

import msgspec
import pytest

from stream_app.errors import KnownError
from stream_app.ops.letters.fixes import FixError, editing, parse_remove, parse_set, read_fixes
from stream_app.ops.letters.letter import Letter, Place, parse_place


def letter(value: bytes | None) -> Letter:
    """A letter with a value."""
    return Letter(Place(0, 0), 0, None, value, [], None, "schema", "", "", "", None)


@pytest.mark.parametrize(
    ("sets", "removals", "expected"),
    [
        (["/a=2"], [], {"a": 2, "b": [1, 2]}),
        (["/a=two"], [], {"a": "two", "b": [1, 2]}),
        (['/a="2"'], [], {"a": "2", "b": [1, 2]}),
        (["/a=x=y"], [], {"a": "x=y", "b": [1, 2]}),
        (["/a="], [], {"a": "", "b": [1, 2]}),
        (["/c/d={}"], [], {"a": 1, "b": [1, 2], "c": {"d": {}}}),
        (["/b/0=null", "/b/-=3"], [], {"a": 1, "b": [None, 2, 3]}),
        (["/x~1y~0=1"], [], {"a": 1, "b": [1, 2], "x/y~": 1}),
        ([], ["/a", "/b/1"], {"b": [1]}),
    ],
)
def test_fields_are_set_and_removed(sets: list[str], removals: list[str], expected: Any) -> None:
    """By JSON pointer; a value is JSON, or text where it is none; objects on the way are made."""
    correct = editing([*map(parse_set, sets), *map(parse_remove, removals)])
    assert msgspec.json.decode(correct(letter(b'{"a": 1, "b": [1, 2]}')) or b"") == expected


def test_without_corrections_the_bytes_stay() -> None:
    """Blanks and all; the framing of a schema registry too, where there are some."""
    assert editing([])(letter(b'{ "a":1}')) == b'{ "a":1}'
    assert editing([])(letter(None)) is None
    assert editing([parse_set("/a=2")])(letter(b'\0\0\0\0\7{"a":1}')) == b'\0\0\0\0\7{"a":2}'


@pytest.mark.parametrize(
    ("value", "removal"),
    [
        (b"nonsense", "/a"),
        (b"1", "/a"),
        (b"{}", "/a"),
        (b"[1]", "/1"),
        (b"[1]", "/x"),
        (b'{"a":1}', "/a/b"),
        (None, "/a"),
    ],
)
def test_a_correction_that_does_not_fit_is_said(value: bytes | None, removal: str) -> None:
    """The letter is left, the others go on."""
    with pytest.raises(FixError):
        editing([parse_remove(removal)])(letter(value))


@pytest.mark.parametrize("text", ["a=1", "/a", "=1", '/a={"b"', "/a=[", '/a="x'])
def test_bad_options_are_wrong_usage(text: str) -> None:
    """Before anything is read."""
    with pytest.raises(KnownError):
        parse_set(text)


@pytest.mark.parametrize("text", ["", "1", "1:", ":1", "-1:2", "1:2:3", "a:b", "1:" + "9" * 30, "\u0661:1"])
def test_bad_places_are_wrong_usage(text: str) -> None:
    """As `list` never writes them."""
    with pytest.raises(KnownError):
        parse_place(text)


def test_a_file_of_corrections() -> None:
    """A line a letter; JSON, text or bytes; other fields of the list are passed over."""
    file = BytesIO(
        b'{"place": "0:1", "code": "schema", "event": {"a":  1}}\n\n'
        b'{"place": "1:2", "text": "x\\u00e9"}\n{"place": "1:3", "base64": "//4="}\n'
    )
    assert list(read_fixes(file, "f")) == [
        (Place(0, 1), b'{"a":  1}'),
        (Place(1, 2), "xé".encode()),
        (Place(1, 3), b"\xff\xfe"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense",
        b"{}",
        b'{"place": "0:1"}',
        b'{"place": "0:1", "event": 1, "text": ""}',
        b'{"place": "x", "event": 1}',
        b'{"place": "0:1", "base64": "?"}',
        b'{"place": "0:1", "text": "\\ud800"}',
        b'{"place": "0:1", "event": ' + b"[" * 100_000,
    ],
)
def test_a_bad_line_is_named(line: bytes) -> None:
    """The file and the line."""
    with pytest.raises(KnownError, match=r"^f, line 2: [^:]"):
        list(read_fixes(BytesIO(b'{"place": "0:0", "event": 1}\n' + line), "f"))
