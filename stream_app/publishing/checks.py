"""What a model must pass before it is published: its scenarios hold; and, where that is asked for, lint finds no error."""

from dataclasses import dataclass

from stream_app.engine.model.finding import Finding
from stream_app.engine.model.lint import lint
from stream_app.engine.model.types import Model
from stream_app.errors import KnownError
from stream_app.history.scenarios import Outcome, run_scenarios


@dataclass(frozen=True)
class Checked:
    """What was found. `scenarios` is None where the model has none."""

    findings: tuple[Finding, ...]
    scenarios: tuple[Outcome, ...] | None

    @property
    def errors(self) -> list[Finding]:
        """What lint calls errors."""
        return [finding for finding in self.findings if finding.level == "error"]

    @property
    def failed(self) -> list[Outcome]:
        """The scenarios that do not hold."""
        return [outcome for outcome in self.scenarios or () if not outcome.holds]

    def objection(self, strict: bool) -> str | None:
        """Why it may not be published, None if it may. With `strict`, an error that lint finds is a reason."""
        if self.failed:
            failed = self.failed[0]
            return f"scenario {failed.scenario.name!r} does not hold: {failed.failures[0]}"
        if strict and self.errors:
            return f"lint: {self.errors[0].path}: {self.errors[0].message}"
        return None


def check(model: Model, reference: str, scenarios: str | None = None) -> Checked:
    """Check a model that was read by a reference; `scenarios` is a file, None for the one beside it, if there is one.

    Raises `KnownError` for scenarios that can't be read.
    """
    from stream_app.modelfiles import scenarios_text

    there = scenarios is not None or (reference != "-" and scenarios_text(reference) is not None)
    outcomes = tuple(run_scenarios(model, reference, scenarios)) if there else None
    if outcomes is not None and not outcomes:
        raise KnownError(f"{reference}: its file of scenarios has none")
    return Checked(tuple(lint(model)), outcomes)
