"""What each rule contributes at a time, from the whole history (scoring.md section 3, the table of kinds)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from tests.reference.conditions import MISSING, folded, holds, is_number, selects
from tests.reference.machines import persons
from tests.reference.timeline import parse_duration, period
from tests.reference.world import Event, Subject, World

Rule = dict[str, Any]
Lookup = Callable[[str], Any]


class Sight:
    """One subject seen at one time: its activities with their ages, and its facts."""

    def __init__(self, world: World, subject: Subject, t: int, look: Lookup) -> None:
        """What `world` knows of `subject` at `t`; `look` finds a fact, scores of the account included."""
        self.world, self.subject, self.t, self.look = world, subject, t, look

    def age(self, event: Event) -> int:
        """Whole units between the activity's unit and that of `t`, in ms."""
        unit = self.world.unit_ms
        return int((self.t // unit - event["at"] // unit) * unit)

    def matching(self, selector: dict[str, Any], within: int | None = None) -> list[Event]:
        """The activities a selector chooses, up to `t`, of age below `within`, by time and event id."""
        key = ("match", self.subject.kind, self.subject.key, id(selector))
        if key not in self.world.memo:
            found = [event for event in persons(self.world, self.subject) if selects(selector, event)]
            self.world.memo[key] = sorted(found, key=lambda e: (e["at"], e["event_id"]))
        matched: list[Event] = self.world.memo[key]
        return [e for e in matched if e["at"] <= self.t and (within is None or self.age(e) < within)]

    def counted(self, rule: Rule) -> list[Event]:
        """The matching activities that count under the rule's limit."""
        events = self.matching(rule["on"])
        limit = rule.get("limit")
        if not limit:
            return events
        zone = ZoneInfo(self.world.model.get("timezone", "UTC"))
        places: dict[object, int] = {}
        kept = []
        for event in events:
            when = period(event["at"], limit["per"], zone)
            places[when] = places.get(when, 0) + 1
            if places[when] <= limit["times"]:
                kept.append(event)
        return kept


def contribution(rule: Rule, sight: Sight) -> float:
    """The rule's contribution, its weight included."""
    return float(_KINDS[rule["kind"]](rule, sight) * rule.get("weight", 1))


def decay_factor(decay: Any, age: int) -> float:
    """The factor of one activity of this age (ms)."""
    if decay is None or decay == "none":
        return 1.0
    ((kind, value),) = decay.items()
    if kind == "half_life":
        return float(0.5 ** (age / parse_duration(value)))
    if kind == "linear":
        return max(0.0, 1 - age / parse_duration(value))
    if kind == "expire":
        return 1.0 if age < parse_duration(value) else 0.0
    steps = sorted((parse_duration(from_age), factor) for from_age, factor in value.items())
    return float(([1.0] + [factor for from_age, factor in steps if from_age <= age])[-1])


def number(event: Event, field: str) -> float | None:
    """A property that is a number, else None."""
    value = (event.get("properties") or {}).get(field)
    return value if is_number(value) else None


def highest_tier(tiers: dict[Any, float], reached: float) -> float:
    """The points of the highest tier that is reached, else 0."""
    steps = sorted((float(tier), points) for tier, points in tiers.items())
    return ([0.0] + [points for tier, points in steps if tier <= reached])[-1]


def distinct_values(events: list[Event], field: str) -> set[Any]:
    """Case-folded values of a property, missing ones and lists passed over."""
    return {folded((event.get("properties") or {}).get(field, MISSING)) for event in events} - {MISSING}


def _activity(rule: Rule, sight: Sight) -> float:
    return float(sum(rule["points"] * decay_factor(rule.get("decay"), sight.age(e)) for e in sight.counted(rule)))


def _quantity(rule: Rule, sight: Sight) -> float:
    total = 0.0
    for event in sight.counted(rule):
        value = number(event, rule["field"])
        if value is not None:
            points = min(rule.get("max", float("inf")), rule["each"] * value)
            total += points * decay_factor(rule.get("decay"), sight.age(event))
    return total


def _frequency(rule: Rule, sight: Sight) -> float:
    return highest_tier(rule["tiers"], len(sight.matching(rule["on"], parse_duration(rule["window"]))))


def _distinct(rule: Rule, sight: Sight) -> float:
    events = sight.matching(rule["on"], parse_duration(rule["window"]))
    return highest_tier(rule["tiers"], len(distinct_values(events, rule["of"])))


def _complete(rule: Rule, sight: Sight) -> float:
    seen = distinct_values(sight.matching(rule["on"], parse_duration(rule["window"])), rule["of"])
    return rule["points"] if {folded(value) for value in rule["values"]} <= seen else 0


def _ratio(rule: Rule, sight: Sight) -> float:
    window = parse_duration(rule["window"])
    a, b = len(sight.matching(rule["numerator"], window)), len(sight.matching(rule["denominator"], window))
    return highest_tier(rule["tiers"], a / b) if b >= rule["min"] and b > 0 else 0


def _fact(rule: Rule, sight: Sight) -> float:
    return rule["points"] if holds(rule["when"], sight.look) else 0


def _per_unit(rule: Rule, sight: Sight) -> float:
    value = sight.look(rule["fact"])
    if not is_number(value):
        return 0
    return float(max(rule.get("min", float("-inf")), min(rule.get("max", float("inf")), rule["each"] * value)))


def _inactivity(rule: Rule, sight: Sight) -> float:
    own = [event for event in persons(sight.world, sight.subject) if event["at"] <= sight.t]
    matching = sight.matching(rule["on"])
    if not own:
        return 0
    since = matching[-1] if matching else min(own, key=lambda e: e["at"])
    steps = sorted((parse_duration(after), points) for after, points in rule["after"].items())
    return float(([0.0] + [points for after, points in steps if sight.age(since) >= after])[-1])


_KINDS: dict[str, Callable[[Rule, Sight], float]] = {
    "activity": _activity,
    "quantity": _quantity,
    "frequency": _frequency,
    "distinct": _distinct,
    "complete": _complete,
    "ratio": _ratio,
    "fact": _fact,
    "per_unit": _per_unit,
    "inactivity": _inactivity,
}
