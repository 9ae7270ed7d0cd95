"""Whatever a model file holds, loading ends with a model or a `ModelError`, and lint with findings."""

import copy
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream_app.engine.model.lint import lint
from stream_app.engine.model.load import load_model
from stream_app.engine.model.problems import ModelError
from stream_app.engine.model.types import Model
from stream_app.engine.model.words import condition_words, rule_words
from stream_app.modelfiles import model_text, ready_models

WEIRD: list[Any] = [
    None, True, False, 0, -1, 1e308, 2**63, "", " ", "x", "account.score", "account.", "1h", "999999999w", "0d", [], {},
    [[]], {"": {}}, {"all": []}, {"any": [{}]}, {"not": {}}, {"ge": 5}, {"regex": "("}, {"between": [2, 1]}, ["a", 1, None],
    {"half_life": "0m"}, {"steps": {}}, "\U0001f600", "a|b", "\n", {"signal": {"on": {}, "within": "1d"}},
]  # fmt: skip
TEXTS = [model_text(name)[0] for name in ready_models()]
DOCUMENTS = [load_model(text, "m").document for text in TEXTS]


def use(model: Model) -> None:
    """Everything that reads a model."""
    for finding in lint(model):
        assert finding.message
    for card in (model.lead, model.account):
        for rule in card.rules:
            assert rule_words(rule)
        for ladder in card.ladders:
            for stage in ladder.stages:
                assert stage.enter is None or condition_words(stage.enter)


def load(text: str) -> None:
    """Load and use, or be refused with at least one problem."""
    try:
        model = load_model(text, "m")
    except ModelError as error:
        assert error.problems
    else:
        use(model)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a document with each of its keys."""
    found: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        found += [(value, key) for key in value]
    elif isinstance(value, list):
        found += [(value, at) for at in range(len(value))]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return found + [place for child in children for place in places(child)]


@pytest.mark.parametrize("seed", range(150))
def test_documents_with_something_wrong(seed: int) -> None:
    """A few values of a good model replaced, removed or moved elsewhere."""
    choose = random.Random(seed)
    document = copy.deepcopy(choose.choice(DOCUMENTS))
    for _ in range(choose.randint(1, 4)):
        container, key = choose.choice(places(document))
        if choose.random() < 0.2:
            del container[key]
        elif choose.random() < 0.3:
            other, name = choose.choice(places(document))
            container[key] = copy.deepcopy(other[name])
        else:
            container[key] = copy.deepcopy(choose.choice(WEIRD))
        if not places(document):
            break
    load(json.dumps(document))


@pytest.mark.parametrize("seed", range(60))
def test_texts_with_something_wrong(seed: int) -> None:
    """Characters of a good model replaced, removed or put in."""
    choose = random.Random(seed)
    text = min(TEXTS, key=len)
    for _ in range(choose.randint(1, 5)):
        at = choose.randrange(len(text))
        text = text[:at] + choose.choice(["", *"{}[]:,&*!|>%@`'\"#-? \n\t\x00é😀0"]) + text[at + choose.randint(0, 2) :]
    load(text)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    """Noise."""
    load(text)
