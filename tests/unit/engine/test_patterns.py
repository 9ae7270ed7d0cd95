"""Patterns in linear time."""

import time

import pytest

from stream_app.engine.patterns import MAX_PATTERN, compile_glob, compile_regex


def test_no_pattern_takes_exponential_time() -> None:
    """The classic traps of backtracking engines end at once."""
    text = "a" * 4_000 + "!"
    started = time.perf_counter()
    assert compile_regex("^(a+)+$", False)(text) is False
    assert compile_glob("*a" * 40 + "b", False)(text) is False
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "pattern", ["(", "a{1000}{1000}", "(?=x)", r"(a)\1", "x" * (MAX_PATTERN + 1), "((a{100}){100}){100}"]
)
def test_what_cannot_be_bounded_is_refused(pattern: str) -> None:
    """Too long, too big, look-ahead, back-references: a `ValueError` that says why."""
    with pytest.raises(ValueError, match=r".+"):
        compile_regex(pattern, False)


def test_a_glob_is_bounded() -> None:
    """A glob has the same bound."""
    with pytest.raises(ValueError, match="longer than"):
        compile_glob("*" * (MAX_PATTERN + 1), False)
