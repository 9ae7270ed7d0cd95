"""`fact` and `per_unit`: what a lead's or its account's attributes are worth (scoring.md section 3)."""

from collections.abc import Callable, Mapping

from stream_app.engine.model.types import FactRule, PerUnitRule
from stream_app.engine.rules.base import FactRuleBase
from stream_app.engine.state import NEVER, Subject

MAX_QUANTITY = 1e15


class HoldsRule(FactRuleBase):
    """`fact`: points while a condition on the facts holds."""

    def __init__(self, rule: FactRule, condition: Callable[[Mapping[str, object]], bool]) -> None:
        super().__init__(rule, "fact")
        self.points = rule.points * self.weight
        self.condition = condition

    def fact_value(self, view: Mapping[str, object]) -> float:
        return self.points if self.condition(view) else 0.0

    def count(self, subject: Subject, unit: int) -> int:
        return 0

    def last_at(self, subject: Subject) -> int:
        return NEVER

    def detail(self, subject: Subject, unit: int) -> dict[str, object]:
        return {}


class PerUnitOfFact(FactRuleBase):
    """`per_unit`: so much for each unit of a numeric fact, clamped."""

    def __init__(self, rule: PerUnitRule) -> None:
        super().__init__(rule, "per_unit")
        self.fact = rule.fact
        self.each = rule.each
        self.low = rule.min
        self.high = rule.max

    def fact_value(self, view: Mapping[str, object]) -> float:
        value = view.get(self.fact)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return 0.0
        amount = self.each * max(-MAX_QUANTITY, min(MAX_QUANTITY, value))
        if self.low is not None and amount < self.low:
            amount = self.low
        if self.high is not None and amount > self.high:
            amount = self.high
        return self.weight * amount

    def count(self, subject: Subject, unit: int) -> int:
        return 0

    def last_at(self, subject: Subject) -> int:
        return NEVER

    def detail(self, subject: Subject, unit: int) -> dict[str, object]:
        return {"fact": self.fact}
