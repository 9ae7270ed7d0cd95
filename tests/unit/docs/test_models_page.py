"""The snippets of docs/models.md are run, and its tables hold what the code knows."""

import re
from pathlib import Path

import pytest

from stream_app.engine.conditions import OPERATORS
from stream_app.engine.model.lint import lint
from stream_app.engine.model.load import MODEL_KEYS, load_model
from stream_app.engine.model.read_ladders import STAGE_KEYS
from stream_app.engine.model.read_machines import MACHINE_KEYS, SWEEP_KEYS
from stream_app.engine.model.read_rules import KINDS
from stream_app.history.scenario_file import load_scenarios
from stream_app.history.scenarios import run_scenario
from stream_app.modelfiles import read_model, ready_models

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
MODELS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SCENARIOS = re.findall(r"^```yaml scenarios of: (\S+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", MODELS, ids=lambda text: text.split("\n", 1)[0])
def test_a_model_of_the_page_loads(text: str) -> None:
    """Every snippet is a whole model, as it stands."""
    model = load_model(text, "docs/models.md")
    assert [one.code for one in lint(model) if one.code == "never-matches"] == []


@pytest.mark.parametrize(("name", "text"), SCENARIOS)
def test_the_scenarios_of_the_page_hold(name: str, text: str) -> None:
    """They are run against the ready model that they name."""
    for scenario in load_scenarios(text, "docs/models.md", name):
        assert run_scenario(read_model(name), scenario).failures == ()


def test_the_page_is_complete() -> None:
    """Every key, kind, operator, stage key, ready model and lint check is on the page."""
    assert (len(MODELS), len(SCENARIOS)) == (7, 1)
    codes = set()
    for path in (ROOT / "stream_app" / "engine" / "model").glob("lint_*.py"):
        codes.update(
            re.findall(r'"(?:error|warning|note)"(?: if [^,]*)?,\s*"([a-z-]+)"', path.read_text(encoding="utf-8"))
        )
    assert len(codes) > 15
    words = {*MODEL_KEYS, *KINDS, *STAGE_KEYS, *ready_models(), *codes, "points-fall"}
    assert sorted(word for word in words if f"`{word}`" not in PAGE) == []
    assert sorted(word for word in OPERATORS if f"{{{word}: " not in PAGE) == []
    machines = PAGE.split("## Machines")[1].split("\n## ")[0]
    assert sorted(word for word in (*MACHINE_KEYS, *SWEEP_KEYS) if word not in machines) == []
