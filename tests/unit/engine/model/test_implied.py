"""`hold` implied by `enter`, by structure (scoring.md section 6)."""

import pytest

from stream_app.engine.model.load import load_model
from stream_app.engine.model.problems import ModelError

BASE = """
model: x
scores: {fit: {}, total: {}}
grades: {g: {rows: {score: fit, ranges: {A: 0}}, columns: {score: total, ranges: {1: 0}}}}
ladders: {l: [{stage: a}, {stage: b, enter: %s, hold: %s}]}
"""
IMPLIED = [
    ("{scores: {fit: {ge: 5}}}", "{}"),
    ("{scores: {fit: {ge: 5}}}", "{scores: {fit: {ge: 5}}}"),
    ("{scores: {fit: {ge: 5}}}", "{scores: {fit: {ge: 3}}}"),
    ("{scores: {fit: {ge: 5}}}", "{scores: {fit: {gt: 4}}}"),
    ("{scores: {fit: {gt: 5}}}", "{scores: {fit: {ge: 5}}}"),
    ("{scores: {fit: {ge: 5, lt: 9}}}", "{scores: {fit: {lt: 10}}}"),
    ("{scores: {fit: {between: [5, 9]}}}", "{scores: {fit: {ge: 5}}}"),
    ("{scores: {fit: {between: [5, 9]}}}", "{scores: {fit: {between: [4, 9]}}}"),
    ("{scores: {fit: {ge: 5}}, facts: {o: {ne: true}}}", "{scores: {fit: {ge: 3}}}"),
    ("{scores: {fit: {ge: 5}}}", "{any: [{scores: {total: {ge: 9}}}, {scores: {fit: {ge: 3}}}]}"),
    (
        "{any: [{scores: {fit: {ge: 5}}}, {scores: {total: {ge: 9}}}]}",
        "{any: [{scores: {total: {ge: 8}}}, {scores: {fit: {ge: 3}}}]}",
    ),
    ("{signal: {on: {type: d}, within: 14d}, grades: {g: A1}}", "{signal: {on: {type: d}, within: 30d}}"),
    ("{grades: {g: A1}}", "{grades: {g: [A1, B1]}}"),
    ("{facts: {c: US}}", "{facts: {c: {in: [us, ca]}}}"),
    ("{facts: {c: US}}", "{facts: {c: {exists: true}}}"),
    ("{facts: {c: {not_in: [a, b]}}}", "{facts: {c: {ne: a}}}"),
    ("{not: {any: [{scores: {fit: {lt: 5}}}, {facts: {o: true}}]}}", "{not: {scores: {fit: {lt: 3}}}}"),
]
NOT_IMPLIED = [
    ("{scores: {fit: {ge: 5}}}", "{scores: {fit: {ge: 6}}}"),
    ("{scores: {fit: {ge: 5}}}", "{scores: {fit: {gt: 5}}}"),
    ("{scores: {fit: {ge: 5}}}", "{scores: {total: {ge: 5}}}"),
    ("{scores: {fit: {ge: 5}}}", "{scores: {fit: {ge: 5}}, facts: {o: {ne: true}}}"),
    ("{any: [{scores: {fit: {ge: 5}}}, {scores: {total: {ge: 9}}}]}", "{scores: {fit: {ge: 5}}}"),
    ("{signal: {on: {type: d}, within: 30d}}", "{signal: {on: {type: d}, within: 14d}}"),
    ("{signal: {on: {type: d}, within: 14d}}", "{signal: {on: {type: e}, within: 30d}}"),
    ("{grades: {g: [A1, B1]}}", "{grades: {g: A1}}"),
    ("{facts: {c: US}}", "{facts: {c: {eq: US, case: true}}}"),
    ("{facts: {c: {ne: a}}}", "{facts: {c: {exists: true}}}"),
    ("{not: {scores: {fit: {lt: 3}}}}", "{not: {scores: {fit: {lt: 5}}}}"),
    ("{}", "{scores: {fit: {ge: 5}}}"),
]


@pytest.mark.parametrize(("enter", "hold"), IMPLIED)
def test_an_implied_hold_is_accepted(enter: str, hold: str) -> None:
    """Each alternative of `enter` covers some alternative of `hold`."""
    assert load_model(BASE % (enter, hold), "m").lead.ladders[0].stages[1].hold is not None


@pytest.mark.parametrize(("enter", "hold"), NOT_IMPLIED)
def test_another_hold_is_refused(enter: str, hold: str) -> None:
    """A lead could enter and fall for ever."""
    with pytest.raises(ModelError, match="a hold that `enter` implies"):
        load_model(BASE % (enter, hold), "m")


def test_conditions_that_explode_are_refused() -> None:
    """Alternatives multiply: a condition with too many of them is refused, quickly."""
    pair = "{any: [{facts: {a: 1}}, {facts: {b: 2}}]}"
    with pytest.raises(ModelError, match="more than 500 alternatives"):
        load_model(
            BASE % (f"{{all: [{', '.join([pair.replace('a:', f'a{i}:') for i in range(20)])}]}}", "{scores: {fit: 1}}"),
            "m",
        )
