"""A model's text as a tree of nodes that know their place: YAML 1.2 (core schema) or JSON.

Read from the parser's events, not through a loader, so that size, depth and count are bounded before anything is built,
no tag, anchor or alias does anything, a key stays the text it was written as (`on`, `1`, `0d`), and no date is guessed.
"""

import json
import math
import re
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from stream_app.engine.model.json_positions import read_json
from stream_app.engine.model.node import Builder, Node
from stream_app.engine.model.problems import ModelError, Problem, Problems

MAX_BYTES: Final = 1 << 20

# YAML 1.2.2, section 10.3.2 (core schema).
_NULL: Final = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE: Final = frozenset(("true", "True", "TRUE"))
_FALSE: Final = frozenset(("false", "False", "FALSE"))
_INT: Final = re.compile(r"[-+]?[0-9]{1,40}", re.ASCII)
_OCTAL: Final = re.compile(r"0o[0-7]{1,40}", re.ASCII)
_HEX: Final = re.compile(r"0x[0-9a-fA-F]{1,40}", re.ASCII)
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_INFINITE: Final = re.compile(r"([-+]?)\.(inf|Inf|INF)")
_INDEX: Final = re.compile(r"\[(\d{1,9})\]\.?")
_NAN: Final = frozenset((".nan", ".NaN", ".NAN"))


def parse_document(text: str, source: str) -> Node:
    """The tree of a YAML or JSON document. Raises `ModelError` if it is none, or too large, too deep or too long."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        raise ModelError([Problem(1, 1, "", f"the file has {size} bytes; at most {MAX_BYTES} are read", source)])
    problems = Problems(source)
    root = read_json(text, problems) if _is_json(text) else _read_yaml(text, problems)
    problems.raise_any()
    if root is None:
        raise ModelError([Problem(1, 1, "", "the file is empty; expected a model", source)])
    return root


def line_of(root: Node, path: str) -> int:
    """The line of a path such as `ladders.lifecycle[2]`, or of as much of it as there is; names with dots are tried whole."""
    node, rest = root, path
    while rest:
        following: Node | None = None
        if isinstance(node.value, list) and (match := _INDEX.match(rest)) and int(match[1]) < len(node.value):
            following, rest = node.value[int(match[1])], rest[match.end() :]
        elif isinstance(node.value, dict):
            key = max((key for key in node.value if _starts(rest, key)), key=len, default=None)
            if key is not None:
                following, rest = node.value[key], rest[len(key) :].removeprefix(".")
        if following is None:
            break
        node = following
    return node.line


def _starts(path: str, key: str) -> bool:
    return path.startswith(key) and path[len(key) : len(key) + 1] in ("", ".", "[")


def _is_json(text: str) -> bool:
    if not text.lstrip("\ufeff \t\r\n").startswith(("{", "[")):
        return False
    try:
        json.loads(text.lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return False  # flow YAML looks alike; what is neither gets YAML's message
    return True


def _read_yaml(text: str, problems: Problems) -> Node | None:
    loader = YAML(typ="safe", pure=True)
    loader.version = (1, 2)
    builder = Builder(problems)
    documents = 0
    try:
        for event in loader.parse(text):
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    builder.problem(*_place(event), "a second document; a file holds one model")
                    break
            _feed(builder, event)
            if problems.found and builder.hopeless:
                break
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        words = str(error.problem or error.context or "it can't be read")
        problems.add(mark.line + 1 if mark else 1, mark.column + 1 if mark else 1, "", f"not YAML: {words}")
    except (YAMLError, ValueError, OverflowError) as error:
        problems.add(1, 1, "", f"not YAML: {str(error).splitlines()[0]}")
    return builder.root


def _feed(builder: Builder, event: Event) -> None:
    line, column = _place(event)
    if isinstance(event, AliasEvent):
        builder.problem(line, column, f"an alias (*{event.anchor}): anchors and aliases are not read; write it out")
        builder.scalar(None, "", line, column)
        return
    if isinstance(event, (ScalarEvent, MappingStartEvent, SequenceStartEvent)):
        if getattr(event, "anchor", None):
            builder.problem(line, column, f"an anchor (&{event.anchor}): anchors and aliases are not read")
        if tag := _explicit_tag(event):
            builder.problem(line, column, f"a tag ({tag}): tags are not read")
    if isinstance(event, ScalarEvent):
        text = str(event.value)
        builder.scalar(_resolve(text) if event.style in (None, "") else text, text, line, column)
    elif isinstance(event, MappingStartEvent):
        builder.start_mapping(line, column)
    elif isinstance(event, SequenceStartEvent):
        builder.start_list(line, column)
    elif isinstance(event, (MappingEndEvent, SequenceEndEvent)):
        builder.end()


def _explicit_tag(event: Event) -> str:
    tag = getattr(event, "tag", None)
    if tag is None or str(tag) in ("", "None", "!"):
        return ""
    return str(tag)[:60]


def _place(event: Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)


def _resolve(text: str) -> str | int | float | bool | None:
    """A plain scalar by YAML 1.2's core schema."""
    if text in _NULL:
        return None
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    if text[0] not in "+-.0123456789":
        return text
    return _number(text)


def _number(text: str) -> str | int | float:
    if _INT.fullmatch(text):
        return int(text)
    if _OCTAL.fullmatch(text):
        return int(text, 0)
    if _HEX.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    if infinite := _INFINITE.fullmatch(text):
        return -math.inf if infinite[1] == "-" else math.inf
    return math.nan if text in _NAN else text
