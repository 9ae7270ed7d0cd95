"""A place in a model's document that knows its path, and reads what should stand there.

Every method that meets something else notes a problem and returns a harmless stand-in, so that one reading finds every
problem.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar

from stream_app.engine.model.node import Node
from stream_app.engine.model.problems import Problems, listed, shown, suggestion
from stream_app.engine.times import DAY, format_duration, parse_duration

MAX_NUMBER: Final = 1e12
MAX_TEXT: Final = 4_096
MAX_NAME: Final = 128
LONGEST: Final = 36_500 * DAY

_L = TypeVar("_L", bound=str)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A node, its path, and where to note problems."""

    node: Node
    path: str
    problems: Problems

    def problem(self, message: str) -> None:
        """Note a problem here."""
        self.problems.add(self.node.line, self.node.column, self.path, message)

    def expected(self, what: str) -> None:
        """Note that something else stands here."""
        self.problem(f"expected {what}, found {shown(self.node.value)}")

    def key_problem(self, key: str, message: str) -> None:
        """Note a problem of one of this mapping's keys."""
        line, column = self.node.keys.get(key, (self.node.line, self.node.column))
        self.problems.add(line, column, self._below(key), message)

    # -- what is there -------------------------------------------------------------------------------------------

    def has(self, key: str) -> bool:
        """Whether this is a mapping with that key."""
        return isinstance(self.node.value, dict) and key in self.node.value

    def get(self, key: str) -> "Cursor | None":
        """The value of a key, if it is there."""
        if not isinstance(self.node.value, dict) or key not in self.node.value:
            return None
        return Cursor(self.node.value[key], self._below(key), self.problems)

    def need(self, key: str, what: str) -> "Cursor | None":
        """The value of a key that must be there."""
        found = self.get(key)
        if found is None and isinstance(self.node.value, dict):
            self.problem(f'the key "{key}" is missing; expected {what}')
        return found

    def entries(self, what: str, most: int, empty: bool = False) -> "list[tuple[str, Cursor]]":
        """The keys and values of a mapping from names the model chooses."""
        if not isinstance(self.node.value, dict):
            self.expected(what)
            return []
        if not self.node.value and not empty:
            self.problem(f"expected {what}, found an empty mapping")
        if len(self.node.value) > most:
            self.problem(f"expected at most {most} entries, found {len(self.node.value)}")
            return []
        return [(key, Cursor(node, self._below(key), self.problems)) for key, node in self.node.value.items()]

    def items(self, what: str, most: int, empty: bool = False) -> "list[Cursor]":
        """The items of a list."""
        if not isinstance(self.node.value, list):
            self.expected(what)
            return []
        if not self.node.value and not empty:
            self.problem(f"expected {what}, found an empty list")
        if len(self.node.value) > most:
            self.problem(f"expected at most {most} items, found {len(self.node.value)}")
            return []
        return [Cursor(node, f"{self.path}[{at}]", self.problems) for at, node in enumerate(self.node.value)]

    def keys(self, known: Iterable[str], what: str) -> bool:
        """Check that this is a mapping with no other keys than `known`; says whether it is a mapping."""
        if not isinstance(self.node.value, dict):
            self.expected(what)
            return False
        known = tuple(known)
        for key in self.node.value:
            if key not in known:
                hint = suggestion(key, known) or f"; expected {listed(sorted(known))}"
                self.key_problem(key, f'unknown key "{key}"{hint}')
        return True

    # -- scalars -------------------------------------------------------------------------------------------------

    def text(self, what: str = "a text", most: int = MAX_TEXT) -> str:
        """A text that is not empty."""
        value = self.node.value
        if not isinstance(value, str) or not value.strip():
            self.expected(what)
            return ""
        if len(value) > most:
            self.problem(f"expected {what} of at most {most} characters, found {len(value)}")
            return value[:most]
        return value

    def name(self, what: str) -> str:
        """A name that the model gives something: a text without control characters or `|`, at most 128 long."""
        name = self.text(what, MAX_NAME)
        if problem := name_problem(name):
            self.problem(f"expected {what}, found {shown(name)}: {problem}")
        return name

    def number(self, what: str = "a number", low: float = -MAX_NUMBER, high: float = MAX_NUMBER) -> float:
        """A finite number within bounds; integers stay integers."""
        value = self.node.value
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            self.expected(what)
            return 0
        if not low <= value <= high:
            self.problem(f"expected {what} from {low:g} to {high:g}, found {shown(value)}")
            return 0
        return value

    def integer(self, what: str, low: int, high: int) -> int:
        """A whole number within bounds."""
        value = self.node.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.expected(f"{what} from {low} to {high}")
            return low
        return value

    def boolean(self) -> bool:
        """`true` or `false`."""
        if not isinstance(self.node.value, bool):
            self.expected("true or false")
            return False
        return self.node.value

    def duration(self, what: str, low: int = 0, high: int = LONGEST) -> int:
        """Milliseconds of a duration such as `10d` within bounds."""
        value = self.node.value
        try:
            found = parse_duration(value) if isinstance(value, str) else None
        except ValueError:
            found = None
        if found is None:
            self.expected(f"{what} such as 30m, 12h, 10d or 2w")
            return max(low, DAY)
        if not low <= found <= high:
            bounds = (
                f"from {format_duration(low)} to {format_duration(high)}" if low else f"up to {format_duration(high)}"
            )
            self.problem(f"expected {what} {bounds}, found {value}")
            return low or DAY
        return found

    def choice(self, options: Iterable[_L], what: str) -> _L:
        """One of a few words."""
        words = tuple(options)
        if isinstance(self.node.value, str) and self.node.value in words:
            return next(word for word in words if word == self.node.value)
        hint = suggestion(self.node.value, words) if isinstance(self.node.value, str) else ""
        self.problem(f"expected {what}: {listed(words)}; found {shown(self.node.value)}{hint}")
        return words[0]

    def known(self, names: Iterable[str], what: str) -> str:
        """The name of something that the model declares elsewhere."""
        names = tuple(names)
        name = self.text(f"the name of {what}", MAX_NAME)
        if name and name not in names:
            self.problem(unknown(name, names, what))
        return name

    def _below(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key


def unknown(name: str, names: Iterable[str], what: str) -> str:
    """The words for a name that nothing has."""
    names = tuple(names)
    hint = suggestion(name, names)
    if not hint:
        hint = f"; there is {listed(names[:8], 'and')}" if names else "; there is none"
    return f"unknown {what} {shown(name)}{hint}"


def name_problem(name: str) -> str:
    """Why `name` can't be a name, or nothing."""
    if any(not char.isprintable() for char in name):
        return "it has a control character"
    if "|" in name:
        return 'it has a "|"'
    return "it begins or ends with a space" if name != name.strip() else ""


def sweep(node: Node, path: str, problems: Problems) -> Iterator[Node]:
    """Every scalar of the document; numbers that JSON can't carry exactly are noted on the way."""
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            yield from sweep(child, f"{path}.{key}" if path else key, problems)
    elif isinstance(node.value, list):
        for at, child in enumerate(node.value):
            yield from sweep(child, f"{path}[{at}]", problems)
    else:
        value = node.value
        if isinstance(value, (int, float)) and not (math.isfinite(value) and abs(value) <= MAX_NUMBER):
            problems.add(node.line, node.column, path, f"expected a number up to {MAX_NUMBER:g}, found {shown(value)}")
        yield node
