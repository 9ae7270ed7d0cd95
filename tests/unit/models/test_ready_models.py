"""The ready models: each loads, is clean, says what its rules are for, and keeps the promises of its scenarios."""

import pytest

from stream_app.engine.model.lint import lint
from stream_app.engine.model.lint_funnel import FUNNEL, is_action
from stream_app.history.scenario_file import Scenario, load_scenarios
from stream_app.history.scenarios import run_scenario
from stream_app.modelfiles import DEFAULT_MODEL, model_text, read_model, ready_models, scenarios_text

NAMES = ("b2b-saas", "agency", "b2c", "education", "fit-only", "loyalty", "minimal", "upsell")


def scenarios(name: str) -> tuple[Scenario, ...]:
    """The scenarios of a ready model."""
    found = scenarios_text(name)
    assert found is not None
    return load_scenarios(*found, name)


def test_the_ready_models_are_these() -> None:
    """S400, S404: packs for several trades, the default first; zero configuration reads the default."""
    assert ready_models() == list(NAMES)
    assert read_model().name == DEFAULT_MODEL == "b2b-saas"


@pytest.mark.parametrize("name", NAMES)
def test_a_ready_model_is_clean(name: str) -> None:
    """Neither errors nor warnings; every rule has a description and evidence, every action its stage of the funnel
    (S283, S288, S406)."""
    model = read_model(name)
    assert model.name == name
    assert model.description
    assert [finding for finding in lint(model) if finding.level != "note"] == []
    for rule in (*model.lead.rules, *model.account.rules):
        assert rule.description, rule.id
        assert rule.evidence, rule.id
        assert rule.cls, rule.id
        assert not is_action(rule) or rule.stage in FUNNEL, rule.id


def test_the_minimal_model_has_five_rules() -> None:
    """S118, S401: one score and five rules are a model."""
    model = read_model("minimal")
    assert (len(model.lead.rules), len(model.lead.scores)) == (5, 1)


@pytest.mark.parametrize(
    ("name", "scenario"),
    [pytest.param(name, one, id=f"{name}: {one.name}") for name in NAMES for one in scenarios(name)],
)
def test_a_scenario_holds(name: str, scenario: Scenario) -> None:
    """What the model promises; the scenario names the requirements it covers."""
    assert run_scenario(read_model(name), scenario).failures == ()


def test_models_are_read_by_path_too() -> None:
    """A file wins over a name; the text is the same."""
    text, source = model_text("minimal")
    assert source == "minimal.yaml"
    assert text.startswith("# Five rules")


def test_the_default_model_names_actions_of_every_stage() -> None:
    """S273, S287: the lists that the articles lost are in the default: actions of interest, and of exploration."""
    tags = [rule.stage for rule in read_model().lead.rules if is_action(rule)]
    assert [tags.count(stage) > 2 for stage in FUNNEL[:3]] == [True, True, True]
