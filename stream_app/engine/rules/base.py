"""What every rule kind does (scoring.md section 3): its contribution at a unit, its extremes over a span, its parts.

The rule kept here: a contribution is a pure function of the subject's data, its facts and the unit; between two events
it depends on the unit alone, and `bounds` encloses every value it takes over a span of units. Ladders lean on that to
skip the boundaries at which nothing can move.
"""

from collections.abc import Mapping
from typing import Any, Final

from stream_app.engine.model.types import RuleBase
from stream_app.engine.state import Subject

Bounds = tuple[float, float]
FOREVER: Final = 1 << 62


class CompiledRule:
    """One rule, ready to run.

    `timed` says whether its contribution can change without an event; `horizon` after how many units without one it no
    longer does; `on_facts` whether it depends on facts alone.
    """

    def __init__(self, rule: RuleBase, kind: str) -> None:
        self.id = rule.id
        self.kind = kind
        self.score = rule.score
        self.group = rule.group
        self.cls = rule.cls
        self.weight = float(rule.weight)
        self.timed = False
        self.horizon = 0
        self.on_facts = False

    def value(self, subject: Subject, unit: int) -> float:
        """The contribution at `unit`, weight included, of a rule that is not `on_facts`."""
        raise NotImplementedError

    def fact_value(self, view: Mapping[str, Any]) -> float:
        """The contribution of a rule that is `on_facts`, weight included."""
        raise NotImplementedError

    def idle(self, subject: Subject) -> bool:
        """Whether the contribution surely stays what it is until an event is counted for it; cheap."""
        return not self.timed

    def until(self, subject: Subject, unit: int) -> int:
        """A unit after `unit` before which the contribution stays what it is at `unit`, the later the better; cheap."""
        return unit + 1

    def steady(self, subject: Subject, first: int, last: int) -> bool:
        """Whether the contribution surely stays between its values at `first` and at `last` all the way; cheap."""
        return False

    def bounds(self, subject: Subject, first: int, last: int) -> Bounds:
        """The least and greatest contribution over the units `first` to `last` if nothing is applied."""
        raise NotImplementedError

    def count(self, subject: Subject, unit: int) -> int:
        """How many activities, or values, make the contribution at `unit`."""
        return 0

    def last_at(self, subject: Subject) -> int:
        """When the latest of them was (milliseconds), -1 if there is none."""
        return -1

    def detail(self, subject: Subject, unit: int) -> dict[str, Any]:
        """What made the contribution, for an explanation: JSON values."""
        return {}


def ordered(one: float, other: float) -> Bounds:
    """Two values as least and greatest."""
    return (one, other) if one <= other else (other, one)
