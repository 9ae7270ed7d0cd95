"""`fact` and `per_unit`: what a lead's or its account's attributes are worth (scoring.md section 3)."""

from collections.abc import Mapping
from typing import Any

from stream_app.engine.conditions import Matcher
from stream_app.engine.model.types import FactRule, PerUnitRule
from stream_app.engine.rules.base import CompiledRule
from stream_app.engine.trackers.series import MAX_QUANTITY


class HoldsRule(CompiledRule):
    """`fact`: points while a condition on the facts holds."""

    def __init__(self, rule: FactRule, condition: Matcher) -> None:
        super().__init__(rule, "fact")
        self.on_facts = True
        self.points = rule.points * self.weight
        self.condition = condition

    def fact_value(self, view: Mapping[str, Any]) -> float:
        return self.points if self.condition(view) else 0.0


class PerUnitOfFact(CompiledRule):
    """`per_unit`: so much for each unit of a numeric fact, clamped."""

    def __init__(self, rule: PerUnitRule) -> None:
        super().__init__(rule, "per_unit")
        self.on_facts = True
        self.fact = rule.fact
        self.each = float(rule.each)
        self.low = rule.min
        self.high = rule.max

    def fact_value(self, view: Mapping[str, Any]) -> float:
        value = view.get(self.fact)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return 0.0
        amount = self.each * max(-MAX_QUANTITY, min(MAX_QUANTITY, value))
        if self.low is not None and amount < self.low:
            amount = self.low
        if self.high is not None and amount > self.high:
            amount = self.high
        return self.weight * amount

    def detail(self, subject: object, unit: int) -> dict[str, Any]:
        return {"fact": self.fact}
