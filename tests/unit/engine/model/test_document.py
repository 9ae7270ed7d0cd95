"""A model's text as a tree: YAML 1.2 and JSON, bounded."""

import json
import time
from typing import Any

import pytest

from stream_app.engine.model.document import MAX_BYTES, parse_document
from stream_app.engine.model.problems import ModelError


def plain(text: str) -> Any:
    """What a text says, as JSON values."""
    return parse_document(text, "m").plain()


def message(text: str) -> str:
    """What is wrong with a text."""
    with pytest.raises(ModelError) as caught:
        parse_document(text, "m")
    return str(caught.value)


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("on", "on"),
        ("no", "no"),
        ("yes", "yes"),
        ("true", True),
        ("TRUE", True),
        ("null", None),
        ("~", None),
        ("12", 12),
        ("-3", -3),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("2026-03-01", "2026-03-01"),
        ("10d", "10d"),
        ('"5"', "5"),
        ("'true'", "true"),
        ("|-\n  true", "true"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(scalar: str, value: object) -> None:
    """The core schema: `on` and `no` are strings, dates and sexagesimals are not guessed."""
    found = plain(f"a: {scalar}\n")["a"]
    assert (found, type(found)) == (value, type(value))


def test_keys_stay_as_they_were_written() -> None:
    """`on`, `1`, `0.5` and `true` as keys are text, as in JSON."""
    assert plain("{on: 1, 1: 2, 0.5: 3, true: 4, 0d: 5}") == {"on": 1, "1": 2, "0.5": 3, "true": 4, "0d": 5}


def test_json_is_read_as_json() -> None:
    """Escapes, surrogate pairs and tabs that YAML would trip over."""
    document: dict[str, Any] = {"a": '\U0001f600 \\ " / \n', "b": [1, 2.5, True, None, {"c": []}], "d": {}}
    text = json.dumps(document, indent="\t").replace("/", "\\/")
    assert plain(text) == document


def test_places_are_kept() -> None:
    """Line and column of every value, the same for both notations."""
    for text in ('{"a": {\n  "b": [1,\n 7]}}', "a:\n  b: [1,\n 7]"):
        root = parse_document(text, "m")
        assert isinstance(root.value, dict)
        inner = root.value["a"].value
        assert isinstance(inner, dict)
        seven = inner["b"].value[1]  # type: ignore[index]
        assert (seven.line, seven.column) == (3, 2)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", 'm:3:1: a: the key "a" is there twice; first on line 1'),
        ('{"a": {"b": 1, "b": 2}}', 'the key "b" is there twice'),
        ("a: &x 1", "an anchor (&x)"),
        ("a: *x", "an alias (*x)"),
        ("a: !!python/object/apply:os.system [x]", "tags are not read"),
        ("a: 1\n---\nb: 1", "a second document"),
        ("a: [1", "not YAML"),
        ("a: {b: ]", "not YAML"),
        ("? {x: y}\n: 1", "a key must be a name"),
        ("[" * 60, "nested deeper than 40 levels"),
        ('{"a":' * 60 + "1" + "}" * 60, "nested deeper than 40 levels"),
        ("[" * 100_000, "nested deeper"),
        ('a: "\\ud800"', "half of a surrogate pair"),
        ("", "the file is empty"),
        ("# nothing\n", "the file is empty"),
        ("a: \x00", "not YAML"),
        ("x" * (MAX_BYTES + 1), "at most 1048576 are read"),
    ],
)
def test_what_is_refused(text: str, expected: str) -> None:
    """Nothing in a file runs, repeats or goes deep; the message says where."""
    assert expected in message(text)


def test_a_billion_laughs_cost_nothing() -> None:
    """Aliases are refused, not expanded."""
    bomb = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10))
    started = time.perf_counter()
    assert "alias" in message(bomb)
    assert time.perf_counter() - started < 1


def test_a_list_of_everything_is_bounded() -> None:
    """So many values that no model has them."""
    assert "more than 200000 values" in message("[" + "1," * 200_001 + "1]")
