"""What models can express, requirement by requirement: small models with scenarios, beside this file."""

from pathlib import Path

import pytest

from stream_app.history.scenarios import Outcome, run_scenarios
from stream_app.modelfiles import read_model

FOLDER = Path(__file__).parent / "promises"
MODELS = sorted(path for path in FOLDER.glob("*.yaml") if not path.name.endswith(".scenarios.yaml"))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_promise_is_kept(path: Path) -> None:
    """S014, S053, S084, S092, S105, S106, S111, S219 and others: each scenario names what it covers."""
    outcomes: list[Outcome] = run_scenarios(read_model(str(path)), str(path))
    assert [failure for outcome in outcomes for failure in outcome.failures] == []
    assert all(outcome.scenario.covers for outcome in outcomes)
