"""Everything that lint looks at (docs/models.md lists the checks). Takes a valid model, never raises, and is quick:
under two seconds for 500 rules."""

from collections.abc import Iterator

from stream_app.engine.model.finding import LEVELS, Finding
from stream_app.engine.model.lint_evidence import lint_evidence
from stream_app.engine.model.lint_funnel import lint_funnel
from stream_app.engine.model.lint_ladders import lint_ladders
from stream_app.engine.model.lint_machines import lint_machines
from stream_app.engine.model.lint_overlaps import lint_overlaps
from stream_app.engine.model.lint_rules import lint_rules
from stream_app.engine.model.lint_scores import lint_scores
from stream_app.engine.model.lint_times import lint_times
from stream_app.engine.model.types import Model

__all__ = ["Finding", "lint"]


def lint(model: Model) -> list[Finding]:
    """What is suspicious in `model`: errors first, then warnings, then notes, each in the model's order."""
    return sorted(_all(model), key=lambda finding: LEVELS.index(finding.level))


def _all(model: Model) -> Iterator[Finding]:
    for card, prefix in ((model.lead, ""), (model.account, "account.")):
        yield from lint_rules(card, prefix, model.audience)
        yield from lint_overlaps(card, prefix)
        yield from lint_scores(card, prefix)
        yield from lint_ladders(card, prefix)
    yield from lint_machines(model)
    yield from lint_times(model)
    yield from lint_funnel(model.lead)
    yield from lint_evidence(model)
