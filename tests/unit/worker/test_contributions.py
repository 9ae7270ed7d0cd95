"""Roll-ups from members' contributions, against sums over all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.engine.accounts import rollup_points
from stream_app.engine.model.load import load_model
from stream_app.engine.plan import Plan
from stream_app.worker.contributions import Contributions, Rollups
from stream_app.worker.messages import Contribution

METHODS = [
    "sum: true",
    "max: true",
    "top: 2",
    "diminishing: 0.8",
    "diminishing: 0.001",
    "sum: true, per_member: 10",
    "top: 3, per_member: 4.5",
]
TEXT = """
model: roll
scores: {{s: {{}}}}
rules: [{{id: r, kind: activity, score: s, on: {{type: x}}, points: 1}}]
account:
  scores:
    first: {{rollup: {{score: s, {0}}}}}
    second:
      rollup: {{score: s, {1}}}
      breadth: {{fact: department, min_score: 3, points: {{1: 7, 3: 20}}}}
  rules: [{{id: q, kind: fact, score: first, when: {{a: 1}}, points: 1}}]
"""
SHARE = st.builds(
    Contribution,
    st.none() | st.integers(-20, 20) | st.floats(-20, 20).map(lambda value: round(value, 2)),
    st.none() | st.sampled_from(["it", "sales", "board", "law"]),
    st.booleans(),
)
STEPS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.none() | st.lists(SHARE, min_size=2, max_size=2)), min_size=1, max_size=25
)


@pytest.mark.parametrize("methods", list(zip(METHODS, METHODS[1:] + METHODS[:1], strict=True)))
@given(steps=STEPS)
def test_equals_the_sum_over_all(methods: tuple[str, str], steps: list[tuple[str, list[Contribution] | None]]) -> None:
    """Whoever came, changed and left; to 1e-9, `diminishing` counts no further than that."""
    plan = Plan(model := load_model(TEXT.format(*methods), "roll.yaml"), model.account)
    contributions, known = Contributions(Rollups(plan)), dict[bytes, list[Contribution]]()
    for name, shares in steps:
        lead = name.encode()
        if shares is not None:
            contributions.put(lead, shares, known.get(lead))
            known[lead] = shares
        elif lead in known:
            contributions.drop(lead, known.pop(lead))
    restored = Contributions(Rollups(plan))
    for lead, shares in known.items():
        restored.restore(lead, shares)
    assert contributions.members == restored.members == sorted(known)
    low, high = contributions.over(3, 900)
    assert low == high == restored.over(7, 7)[0]
    for place, name in enumerate(("first", "second")):
        score = next(score for score in model.account.scores if score.name == name)
        assert score.rollup is not None
        values = [shares[place].score for shares in known.values()]
        expected = rollup_points(score.rollup, [value for value in values if value is not None])
        if score.breadth is not None:
            departments = {s[place].value for s in known.values() if s[place].counts and s[place].value is not None}
            expected += 20 if len(departments) >= 3 else 7 if departments else 0
        assert low[plan.position[name]] == pytest.approx(expected, rel=0, abs=1e-9)
