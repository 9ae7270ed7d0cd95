"""Scenario files: read with their problems, run with failures that explain themselves."""

from pathlib import Path

import pytest

from stream_app.engine.model.load import load_model
from stream_app.engine.model.problems import ModelError
from stream_app.errors import KnownError
from stream_app.history.scenario_file import load_scenarios
from stream_app.history.scenarios import Outcome, run_scenario, run_scenarios

MODEL = load_model(
    """
model: m
scores: {s: {}, other: {applies_to: {vip: true}}}
bands: {b: {score: s, ranges: {high: 10, low: 0}}}
rules: [{id: view, kind: activity, score: s, on: {type: view}, points: 5, decay: {expire: 2d}}]
ladders: {l: [{stage: a}, {stage: z, enter: {scores: {s: {ge: 10}}}, hold: {scores: {s: {ge: 5}}}, route: r, actions: {x: 1, y: 2}}]}
account: {scores: {acc: {rollup: {score: s, sum: true}}}}
""",
    "m.yaml",
)


def run(body: str) -> Outcome:
    """The outcome of one scenario."""
    (scenario,) = load_scenarios("scenarios:\n  - " + body.strip().replace("\n", "\n    "), "m.scenarios.yaml", "m")
    return run_scenario(MODEL, scenario)


def test_a_scenario_that_holds() -> None:
    """Scores, bands, stages, absent scores, reasons, accounts and transitions, at times after the start."""
    outcome = run("""
scenario: two views
covers: [S001]
until: +5d
events:
- {type: view, account_id: x, repeat: {times: 2, every: 1h}}
expect:
- {at: +30m, scores: {s: 5}, raw: {s: 5.0}, bands: {b: low}, stages: {l: a}}
- {at: +1h, scores: {s: {between: [10, 11]}}, stages: {l: z}, absent: [other], reasons: [view], suppressed: false}
- {at: +1h, account: x, scores: {acc: 10}}
- {scores: {s: 0}, bands: {b: low}}
transitions:
- {ladder: l, from: a, to: z, at: +1h, seq: 1, direction: up, cause: activity, route: r, actions: {x: 1}, holds_until: +2d+1h}
- {ladder: l, from: z, to: a, cause: decay}
""")
    assert outcome.failures == ()
    assert outcome.as_json()["holds"] is True


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ("{scores: {s: 6}}", ": scores.s: expected is 6, found 5 (because of view +5 s)"),
        ("{scores: {s: {ge: 7}}}", ": scores.s: expected ≥ 7, found 5 (because of view +5 s)"),
        ("{scores: {other: 1}}", ": scores.other: expected is 1, found none"),
        ("{bands: {b: high}}", ": bands.b: expected high, found low (because of view +5 s)"),
        ("{stages: {l: z}}", ": stages.l: expected z, found a"),
        ("{absent: [s]}", ": scores.s: expected to be absent, found 5"),
        ("{reasons: [click]}", ": reasons: expected click among them"),
        ("{suppressed: true}", ": suppressed: expected True, found False"),
        ("{lead: nobody, scores: {s: 1}}", ": expected to be known, found nobody of that name"),
    ],
)
def test_a_failure_says_where_what_and_why(expect: str, words: str) -> None:
    """The line of the expectation, whose it is and when, what was expected, what was found, and what made it."""
    (failure,) = run(f"scenario: x\nevents: [{{type: view}}]\nexpect:\n- {expect}").failures
    assert failure.startswith("m.scenarios.yaml:5: user:")
    assert words in failure
    assert "2026-03-02T09:00:00Z" in failure


@pytest.mark.parametrize(
    ("moves", "words"),
    [
        ("[]", "expected no transition, found l a -> z at 2026-03-02T09:00:00Z (activity)"),
        ("[{ladder: l, to: z, cause: decay}]", "cause: expected decay, found activity"),
        ("[{ladder: l, actions: {x: 2}}]", "actions: expected {'x': 2}, found {'x': 1}"),
        ("[{ladder: l, to: z}, {ladder: l, to: a}]", "expected 2 transitions, found l a -> z"),
        ("[{lead: bob, ladder: l}]", "user:bob on l: expected 1 transitions, found none"),
    ],
)
def test_transitions_are_compared_in_order(moves: str, words: str) -> None:
    """Every transition on the ladders that are named; only the fields that are named."""
    outcome = run(f"scenario: x\nevents: [{{type: view, repeat: {{times: 2, every: 0m}}}}]\ntransitions: {moves}")
    assert any(words in failure for failure in outcome.failures), outcome.failures


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("model: other\nscenarios: []", "model", 'the name of the model, "m"'),
        ("scenarios: [{scenario: x, events: []}]", "scenarios[0]", "found neither"),
        (
            "scenarios: [{scenario: x, events: [{typ: view}], expect: [{}]}]",
            "scenarios[0].events[0].typ",
            "did you mean",
        ),
        ("scenarios: [{scenario: x, events: [{at: soon, type: a}], expect: [{}]}]", "scenarios[0].events[0].at", "+3d"),
        ("scenarios: [{scenario: x, events: [{channel: web}], expect: [{}]}]", "scenarios[0].events[0]", "an event"),
        ("scenarios: [{scenario: x, events: [], expect: [{score: 1}]}]", "scenarios[0].expect[0].score", "unknown key"),
        ("scenarios: [{scenario: x, events: [], transitions: [{to: a}]}]", "scenarios[0].transitions[0]", "ladder"),
        (
            "scenarios: [{scenario: x, events: [{type: a, repeat: {times: 0, every: 1d}}], expect: [{}]}]",
            "scenarios[0].events[0].repeat.times",
            "from 1",
        ),
    ],
)
def test_mistakes_in_a_scenario_file(text: str, path: str, words: str) -> None:
    """The same messages as for models: file, line, column, path, what was expected."""
    with pytest.raises(ModelError) as caught:
        load_scenarios(text, "s.yaml", "m")
    assert any(one.path == path and words in one.message for one in caught.value.problems), caught.value


def test_scenarios_stand_beside_the_model(tmp_path: Path) -> None:
    """`M.yaml` has `M.scenarios.yaml`; another file can be named; none at all is said."""
    model = tmp_path / "mine.yaml"
    model.write_text("model: m\nscores: {s: {}}\n", encoding="utf-8")
    with pytest.raises(KnownError, match="no scenarios beside it"):
        run_scenarios(MODEL, str(model))
    beside = tmp_path / "mine.scenarios.yaml"
    beside.write_text(
        "scenarios: [{scenario: x, events: [{type: view}], expect: [{scores: {s: 5}}]}]", encoding="utf-8"
    )
    assert [one.holds for one in run_scenarios(MODEL, str(model))] == [True]
    assert [one.holds for one in run_scenarios(MODEL, "anything", str(beside))] == [True]
