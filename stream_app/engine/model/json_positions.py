"""JSON as a tree of nodes that know their place. The text has been accepted by `json.loads` before."""

import json
import re
from bisect import bisect_right
from typing import Final

from stream_app.engine.model.node import Builder, Node
from stream_app.engine.model.problems import Problems

_SKIP: Final = re.compile(r"[\ufeff \t\r\n,:]*")
_DECODER: Final = json.JSONDecoder()


def read_json(text: str, problems: Problems) -> Node | None:
    """The tree of a JSON text that is known to be well-formed."""
    builder = Builder(problems)
    lines = [0] + [match.end() for match in re.finditer("\n", text)]
    at = _skip(text, 0)
    while at < len(text) and not builder.hopeless:
        line = bisect_right(lines, at)
        at = _skip(text, _one(builder, text, at, line, at - lines[line - 1] + 1))
    return builder.root


def _one(builder: Builder, text: str, at: int, line: int, column: int) -> int:
    """Feed the token at `at`; returns where it ends."""
    char = text[at]
    if char == "{":
        builder.start_mapping(line, column)
    elif char == "[":
        builder.start_list(line, column)
    elif char in "}]":
        builder.end()
    else:
        value, end = _DECODER.raw_decode(text, at)
        builder.scalar(value, value if isinstance(value, str) else text[at:end], line, column)
        return int(end)
    return at + 1


def _skip(text: str, at: int) -> int:
    match = _SKIP.match(text, at)
    return match.end() if match else at
