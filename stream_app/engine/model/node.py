"""A document's tree: every node knows its line and column."""

from dataclasses import dataclass, field
from typing import Any, Final

from stream_app.engine.model.problems import Problems

MAX_DEPTH: Final = 40
MAX_NODES: Final = 200_000
MAX_NAME: Final = 256

ScalarValue = str | int | float | bool | None


@dataclass(slots=True)
class Node:
    """A scalar, a list of nodes, or a mapping from keys (as they were written) to nodes."""

    value: "ScalarValue | list[Node] | dict[str, Node]"
    line: int
    column: int
    keys: dict[str, tuple[int, int]] = field(default_factory=dict)  # where each key of a mapping stands

    def plain(self) -> Any:
        """The same as plain JSON values."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


class Builder:
    """Builds the tree from events in document order, within bounds."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.root: Node | None = None
        self.hopeless = False  # beyond a bound: reading on makes no sense
        self._open: list[Node] = []
        self._keys: list[str | None] = []  # for each open mapping, its latest key
        self._value_due: list[bool] = []  # for each open mapping, whether that key still waits for its value
        self._count = 0

    def problem(self, line: int, column: int, message: str) -> None:
        """Note a problem of the text itself."""
        self.problems.add(line, column, self._path(), message)

    def start_mapping(self, line: int, column: int) -> None:
        """A mapping opens."""
        self._start(Node({}, line, column))

    def start_list(self, line: int, column: int) -> None:
        """A list opens."""
        self._start(Node([], line, column))

    def end(self) -> None:
        """The innermost list or mapping closes."""
        self._open.pop()
        self._keys.pop()
        self._value_due.pop()

    def scalar(self, value: ScalarValue, text: str, line: int, column: int) -> None:
        """A scalar, or, where a mapping waits for one, a key: then `text` is what counts."""
        if self._awaits_key():
            self._key(text, line, column)
        else:
            self._attach(Node(value, line, column))

    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and not self._value_due[-1]

    def _start(self, node: Node) -> None:
        if self._awaits_key():
            self.problem(node.line, node.column, "a key must be a name, not a list or mapping")
            self.hopeless = True
        if len(self._open) >= MAX_DEPTH:
            self.problem(node.line, node.column, f"nested deeper than {MAX_DEPTH} levels")
            self.hopeless = True
        self._attach(node)
        self._open.append(node)
        self._keys.append(None)
        self._value_due.append(False)

    def _key(self, text: str, line: int, column: int) -> None:
        mapping = self._open[-1]
        self._keys[-1] = text
        if text in mapping.keys:
            first = mapping.keys[text][0]
            self.problem(line, column, f'the key "{text[:MAX_NAME]}" is there twice; first on line {first}')
        if len(text) > MAX_NAME or not _is_text(text):
            self.problem(line, column, f"a key must be text of at most {MAX_NAME} characters")
        mapping.keys.setdefault(text, (line, column))
        self._value_due[-1] = True

    def _attach(self, node: Node) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            self.problem(node.line, node.column, f"more than {MAX_NODES} values")
            self.hopeless = True
        if isinstance(node.value, str) and not _is_text(node.value):
            self.problem(node.line, node.column, "half of a surrogate pair is no text")
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif isinstance(parent.value, dict) and self._keys[-1] is not None:
            parent.value.setdefault(self._keys[-1], node)
            self._value_due[-1] = False

    def _path(self) -> str:
        path = ""
        innermost = len(self._open) - 1
        for depth, (node, key) in enumerate(zip(self._open, self._keys, strict=True)):
            if isinstance(node.value, list):
                path += f"[{len(node.value) - (depth < innermost)}]"  # the open child is in its parent already
            elif key is not None:
                path += f".{key}" if path else key
        return path


def _is_text(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)
