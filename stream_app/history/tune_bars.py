"""The bars of a stage: the thresholds on scores in its `enter`, where they stand in a model's document, and the same
model with another threshold there."""

import copy
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from stream_app.engine.model.document import parse_document
from stream_app.engine.model.load import load_model
from stream_app.engine.model.problems import ModelError
from stream_app.engine.model.types import Model
from stream_app.engine.model.words import number_words
from stream_app.errors import KnownError

_OPERATORS = {"ge": "≥", "gt": ">"}
Key = str | int


@dataclass(frozen=True, slots=True)
class Bar:
    """A threshold: where it stands in the document, and what it is now."""

    keys: tuple[Key, ...]
    score: str
    operator: str
    value: float

    @property
    def path(self) -> str:
        """Where it stands, as messages say it: `ladders.lifecycle[2].enter.scores.total.ge`."""
        text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.keys)
        return text.removeprefix(".")

    @property
    def words(self) -> str:
        """`total ≥ 50`."""
        return f"{self.score} {_OPERATORS[self.operator]} {number_words(self.value)}"


def bar_of(model: Model, ladder: str, stage: str, score: str | None) -> Bar:
    """The threshold by which leads enter a stage. Raises `KnownError` where there is none, or more than one is meant."""
    document: Any = model.document
    stages = document["ladders"][ladder]
    place = next(index for index, one in enumerate(stages) if one["stage"] == stage)
    found = list(_bars(stages[place].get("enter", {}), ("ladders", ladder, place, "enter")))
    named = [bar for bar in found if score is None or bar.score == score]
    if len(named) == 1:
        return named[0]
    there = ", ".join(f"{bar.words} at {bar.path}" for bar in found) or "none"
    if not named:
        wanted = f"a threshold on {score}" if score is not None else "a threshold on a score (ge or gt)"
        raise KnownError(f"stage {ladder}.{stage}: its enter has not {wanted} (there are: {there})")
    raise KnownError(f"stage {ladder}.{stage}: which threshold? --score names one (there are: {there})")


def with_value(model: Model, bar: Bar, value: float) -> Model | None:
    """The model with another threshold; None where that is no valid model (its `hold` would not follow from it)."""
    document: Any = copy.deepcopy(model.document)
    place = document
    for key in bar.keys[:-1]:
        place = place[key]
    place[bar.keys[-1]] = int(value) if float(value).is_integer() else value
    try:
        return load_model(json.dumps(document), model.name)
    except ModelError:
        return None


def values_to_try(model: Model, bar: Bar, step: float) -> list[float]:
    """All thresholds in question, ascending: from the score's least to its greatest value, and a step above it."""
    card = model.lead
    bounds = {one.name: (one.low, one.high) for one in card.scores} | {
        one.name: (one.low, one.high) for one in card.combined
    }
    low, high = bounds.get(bar.score, (None, None))  # an account's score has bounds elsewhere
    least = low if low is not None else min(0.0, bar.value)
    most = high if high is not None else max(4 * abs(bar.value), 100.0)
    count = min(int((most - least) / step) + 1, _MOST)
    return [round(least + index * step, 9) for index in range(count)]


_MOST = 100_000
_NUMBER = re.compile(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?", re.ASCII)


def edited_line(text: str, keys: Sequence[Key], value: float) -> tuple[int, str]:
    """The line (and its number, from 1) of a model's text in which a threshold stands, with another value there."""
    node: Any = parse_document(text, "the model")
    for key in keys:
        node = node.value[key]
    line, start = text.splitlines()[node.line - 1], node.column - 1
    return node.line, line[:start] + _NUMBER.sub(f"{value:.12g}", line[start:], count=1)


def _bars(condition: Any, keys: tuple[Key, ...]) -> Iterator[Bar]:
    if not isinstance(condition, dict):
        return
    for name, tests in condition.items():
        if name == "scores":
            for score, test in tests.items():
                yield from _tests(score, test, (*keys, name, score))
        elif name in ("all", "any"):
            parts: Sequence[Any] = tests
            for index, part in enumerate(parts):
                yield from _bars(part, (*keys, name, index))


def _tests(score: str, test: Any, keys: tuple[Key, ...]) -> Iterator[Bar]:
    if isinstance(test, dict):
        for operator in _OPERATORS:
            if isinstance(test.get(operator), (int, float)):
                yield Bar((*keys, operator), score, operator, float(test[operator]))
