"""Text patterns in linear time: `regex` (RE2) and `glob`.

A model comes from outside, so a pattern must never be able to take exponential time or unbounded memory: RE2 gives the
first, `MAX_PATTERN` and `MAX_PROGRAM_BYTES` the second.
"""

from collections.abc import Callable

import re2

MAX_PATTERN = 1_000
MAX_PROGRAM_BYTES = 1 << 20
_GLOB_SPECIAL = frozenset("*?[")


def compile_regex(pattern: str, case: bool) -> Callable[[str], bool]:
    """A function that says whether `pattern` occurs anywhere in a text; folds case unless `case`.

    Raises `ValueError` (with RE2's own words) for a pattern that is too long, too big or no regular expression.
    """
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"longer than {MAX_PATTERN} characters")
    return _searcher(_compile(pattern, case))


def compile_glob(pattern: str, case: bool) -> Callable[[str], bool]:
    """A function that says whether `pattern` matches a whole text.

    `*` is any run of characters (`/` included), `?` any one, `[abc]`, `[a-z]`, `[!a]` one of a set, as in a shell.
    Raises `ValueError` for a pattern that is too long or has a bad set.
    """
    if len(pattern) > MAX_PATTERN:
        raise ValueError(f"longer than {MAX_PATTERN} characters")
    folded = pattern if case else pattern.casefold()
    match = _plain_glob(folded) or _general_glob(folded)
    if case:
        return match
    return lambda text: match(text.casefold())


def _plain_glob(pattern: str) -> Callable[[str], bool] | None:
    """The shapes most globs have, without a regular expression: `x`, `x*`, `*x`, `*x*`."""
    core = pattern.strip("*")
    if _GLOB_SPECIAL & set(core):
        return None
    before, after = pattern.startswith("*"), pattern.endswith("*")
    if not core:
        return (lambda text: True) if before else (lambda text: not text)
    if before and after:
        return lambda text: core in text
    if before:
        return lambda text: text.endswith(core)
    if after:
        return lambda text: text.startswith(core)
    return lambda text: text == core


def _general_glob(pattern: str) -> Callable[[str], bool]:
    # Not `$`: in RE2 it would do, but `\z` says plainly that a trailing line break is part of the value.
    return _searcher(_compile(r"\A" + _translate(pattern) + r"\z", case=True, dot_all=True))


def _searcher(expression: "re2._Regexp[str]") -> Callable[[str], bool]:
    search = expression.search

    def found(text: str) -> bool:
        try:
            return search(text) is not None
        except UnicodeEncodeError:  # half of a surrogate pair: no text, so it matches nothing
            return False

    return found


def _translate(pattern: str) -> str:
    """A glob as an RE2 expression."""
    parts: list[str] = []
    at = 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "*":
            parts.append(".*")
        elif char == "?":
            parts.append(".")
        elif char == "[" and (end := _set_end(pattern, at)) > 0:
            parts.append(_translate_set(pattern[at:end]))
            at = end + 1
        else:
            parts.append(re2.escape(char))
    return "".join(parts)


def _set_end(pattern: str, start: int) -> int:
    """Where the set that opened before `start` closes; -1 if it does not, and its bracket is then a plain character."""
    first = start + 1 if pattern[start : start + 1] == "!" else start
    return pattern.find("]", first + 1)


def _translate_set(body: str) -> str:
    negated = body.startswith("!")
    inner = body[1:] if negated else body
    escaped = "".join(char if char == "-" else re2.escape(char) for char in inner)
    return f"[{'^' if negated else ''}{escaped}]"


def _compile(pattern: str, case: bool, dot_all: bool = False) -> "re2._Regexp[str]":
    options = re2.Options()
    options.case_sensitive = case
    options.dot_nl = dot_all
    options.max_mem = MAX_PROGRAM_BYTES
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(_words(error)) from error


def _words(error: re2.error) -> str:
    reason = error.args[0] if error.args else "not a regular expression"
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
