"""A request as an endpoint sees it: its path and parameters, decoded, bounded and known, and who asks."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import unquote

from starlette.datastructures import QueryParams
from starlette.requests import Request

from stream_app.engine.times import parse_time
from stream_app.serving.api.problems import Problem, bad_parameter

LONGEST_NAME = 512
"""Characters of a key, an owner, an account id."""
PAGE, LARGEST_PAGE = 50, 500

Value = TypeVar("Value")


@dataclass(frozen=True)
class Asked:
    """See the module."""

    request: Request
    now: int

    @property
    def params(self) -> QueryParams:
        """The query's parameters."""
        return self.request.query_params

    def path(self, name: str) -> str:
        """A part of the path. Raises `Problem`."""
        raw = self.request.path_params[name]
        try:
            text = unquote(raw, errors="strict")
        except UnicodeDecodeError:
            raise bad_parameter(name, "not UTF-8") from None
        return _checked(name, text)

    def text(self, name: str) -> str | None:
        """A parameter, None where it is absent. Raises `Problem`."""
        text = self.params.get(name)
        return None if text is None else _checked(name, text)

    def limit(self) -> int:
        """How many are wanted."""
        return self._read("limit", _limit, PAGE)

    def time(self) -> int | None:
        """The parameter `at` in milliseconds; None where it is absent. Raises `Problem`."""
        text = self.params.get("at")
        if text is None:
            return None
        if text == "now":
            return self.now
        try:
            return parse_time(text)
        except ValueError as error:
            raise bad_parameter("at", str(error)) from None

    def only(self, known: Collection[str]) -> None:
        """Refuse parameters that there are not, and any that is given twice. Raises `Problem`."""
        for name, _ in self.params.multi_items():
            if name not in known:
                raise Problem(
                    400, "bad-parameter", "A parameter is wrong", f"there are {', '.join(sorted(known)) or 'none'} here"
                )
            if len(self.params.getlist(name)) > 1:
                raise bad_parameter(name, "given more than once")

    def _read(self, name: str, read: Callable[[str], Value], default: Value) -> Value:
        text = self.params.get(name)
        return default if text is None else read(text)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 4 and 1 <= int(text) <= LARGEST_PAGE):
        raise bad_parameter("limit", f"expected a number from 1 to {LARGEST_PAGE}")
    return int(text)


def _checked(name: str, text: str) -> str:
    if not text or len(text) > LONGEST_NAME:
        raise bad_parameter(name, f"expected 1 to {LONGEST_NAME} characters")
    if any(ord(letter) < 32 for letter in text):
        raise bad_parameter(name, "control characters")
    return text
