"""Why a score is what it is: the engine's explanation (as `stream-app score --explain` has it), with each rule in words."""

from typing import Any

from stream_app.engine.explain import explain
from stream_app.engine.live import Live
from stream_app.engine.model.words import rule_points, rule_terms, rule_what


def explanation_of(live: Live) -> dict[str, Any]:
    """The explanation of all scores; each rule also has `what` counts, `worth` (its points) and `terms` (limit, decay)."""
    told = explain(live)
    rules = {rule.id: rule for rule in live.plan.card.rules}
    for score in told.values():
        for part in score.get("rules", ()):
            rule = rules[part["rule"]]
            part["what"], part["worth"], part["terms"] = rule_what(rule), rule_points(rule), rule_terms(rule)
    return told
