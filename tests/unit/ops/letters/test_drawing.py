"""What is wrong with a record, marked where it is."""

import pytest

from stream_app.ops.letters.drawing import MOST_ROWS, WIDEST, draw

EVENT = b'{"event_id":"e1","time":"yesterday","properties":{"a/b":[1,{},3],"a":1,"a":2},"user_id":"u"}'


def drawing(value: bytes | None, message: str, pointer: str = "") -> str:
    """The rows, one a line."""
    return "\n".join(row.text for row in draw(value, message, pointer))


def marked(value: bytes | None, message: str, pointer: str = "") -> list[str]:
    """The line that is wrong, and the mark under it."""
    rows = draw(value, message, pointer)
    (at,) = (number for number, row in enumerate(rows) if row.wrong)
    return [rows[at - 1].text, rows[at].text]


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/time", ['  "time": "yesterday",', "          ^^^^^^^^^^^ bad"]),
        ("/properties/a~1b/1", ["      {},", "      ^^ bad"]),
        ("/properties/a", ['    "a": 2', "         ^ bad"]),
        ("/properties", ['  "properties": {', "                ^ bad"]),
        ("/email", ["{", "^ bad: email"]),
        ("/properties/a~1b/7", ['    "a/b": [', "           ^ bad: 7"]),
        ("", ["{", "^ bad"]),
    ],
)
def test_the_pointers_place_is_marked(pointer: str, expected: list[str]) -> None:
    """A value under its carets; what is missing under its parent; of a name given twice the last."""
    assert marked(EVENT, "bad", pointer) == expected


def test_a_whole_event() -> None:
    """Laid out, its own words kept."""
    assert drawing(b'{"a":1e5,"b":[]}', "unknown field", "/b").splitlines() == [
        "{",
        '  "a": 1e5,',
        '  "b": []',
        "       ^^ unknown field",
        "}",
    ]


@pytest.mark.parametrize(
    ("value", "message", "expected"),
    [
        (b"nonsense", "JSON is malformed: invalid character (byte 4)", ["nonsense", "    ^ JSON is malformed: "]),
        (b'{\n "a": \x07 }', "bad (byte 8)", [' "a": \\x07 }', "      ^ bad (byte 8)"]),
        (b'{"a":', "Input data was truncated", ['{"a":', "     ^ Input data was truncated"]),
        (b"\xff\xfe\x00ab", "bad (byte 1)", ["00000000  ff fe 00 61 62", "             ^^ bad"]),
        (None, "the record has no value", ["(no value)", "^ the record has no value"]),
    ],
)
def test_what_is_no_json_is_marked_at_its_byte(value: bytes | None, message: str, expected: list[str]) -> None:
    """Text as it is, bytes as a dump."""
    line, mark = marked(value, message)
    assert line.startswith(expected[0])
    assert mark.startswith(expected[1])


@pytest.mark.parametrize(
    "value",
    [
        b'{"a": "\x7f\xc2\x9b31m\xe2\x80\xae"}',
        b"\x1b]0;title\x07\x1b[2J",
        b'{"\xe2\x80\xae": 1}',
        b"x" * 5_000_000,
        b"[" * 100_000,
        b'{"a":' * 30 + b"1" + b"}" * 30,
        b"[" + b"0," * 100_000 + b"0]",
        b'{"a":"' + b"x" * 100_000 + b'"}',
        b"\xff" * 1_000_000,
        b"\n" * 1_000_000,
    ],
    ids=["json", "escapes", "names", "large", "deep", "nested", "long", "wide", "binary", "lines"],
)
def test_a_terminal_is_safe(value: bytes) -> None:
    """No control characters, no thousands of rows, no endless ones."""
    rows = draw(value, "bad\x1b[31m", "/a\x1b")
    assert all(row.text.isprintable() for row in rows)
    assert len(rows) <= MOST_ROWS + 10
    assert max(len(row.text) for row in rows) < 12 * WIDEST


def test_the_wrong_row_is_among_those_that_are_drawn() -> None:
    """Of a long event its beginning, and what is around the place."""
    value = b'{"properties":{' + b",".join(b'"p%d":%d' % (n, n) for n in range(1_000)) + b"}}"
    assert marked(value, "bad", "/properties/p777") == ['    "p777": 777,', "            ^^^ bad"]
