"""What is wrong with a model: each problem with its place, what was expected and what was found."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches

MAX_PROBLEMS = 200
_SHOWN = 60
# What other tools call things that a spelling check would not find.
_ALSO_CALLED = {
    "gte": "ge",
    "lte": "le",
    "equals": "eq",
    ">=": "ge",
    "<=": "le",
    ">": "gt",
    "<": "lt",
    "=": "eq",
    "==": "eq",
    "!=": "ne",
    "nin": "not_in",
    "startswith": "prefix",
    "endswith": "suffix",
    "matches": "regex",
    "and": "all",
    "or": "any",
    "event": "type",
    "tz": "timezone",
    "name": "id",
    "value": "points",
}


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong at one place. `line` and `column` count from 1; `path` is such as `rules[3].limit.per`."""

    line: int
    column: int
    path: str
    message: str
    source: str = ""

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}:{self.column}"
        return f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"

    def as_json(self) -> dict[str, object]:
        """The same as a JSON object."""
        return {
            "file": self.source,
            "line": self.line,
            "column": self.column,
            "path": self.path,
            "message": self.message,
        }


class ModelError(ValueError):
    """A model that can't be used. `problems` holds everything that is wrong with it, in the file's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(slots=True)
class Problems:
    """Collects problems of one source, at most `MAX_PROBLEMS` of them."""

    source: str
    found: list[Problem] = field(default_factory=list)

    def add(self, line: int, column: int, path: str, message: str) -> None:
        """Note a problem; the same thing said twice of one place is noted once."""
        problem = Problem(line, column, path, message, self.source)
        if len(self.found) < MAX_PROBLEMS and problem not in self.found:
            self.found.append(problem)

    def raise_any(self) -> None:
        """Raise `ModelError` if there are any."""
        if self.found:
            raise ModelError(self.found)


def suggestion(name: str, known: Iterable[str]) -> str:
    """` (did you mean "x"?)` for the known name nearest to `name`, else nothing."""
    options = sorted(known)
    also = _ALSO_CALLED.get(name.casefold())
    near = [also] if also in options else get_close_matches(name, options, n=1, cutoff=0.6)
    if not near:
        folded = {option.casefold(): option for option in options}
        near = [folded[name.casefold()]] if name.casefold() in folded else []
    return f' (did you mean "{near[0]}"?)' if near else ""


def listed(names: Iterable[str], word: str = "or") -> str:
    """`a, b or c`."""
    items = list(names)
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} {word} {items[-1]}"


def shown(value: object) -> str:
    """A value as a message shows it: short, in the file's terms."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    text = text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
    return f'"{text}"' if isinstance(value, str) else text
