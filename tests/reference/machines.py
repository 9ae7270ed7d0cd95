"""Which activities are machines', from everything that is known (docs/models.md, "Machines")."""

from __future__ import annotations

from typing import Any

from tests.reference.conditions import MISSING, folded, selects
from tests.reference.world import Event, Subject, World

# Of the engine's list as much as random histories use.
SCANNERS = ("googlebot", "barracuda")


def persons(world: World, subject: Subject) -> list[Event]:
    """The activities of a subject that are not machines'."""
    if not world.model.get("machines"):
        return subject.events
    key = ("persons", subject.kind, subject.key)
    if key not in world.memo:
        rules = verdicts(world.model, subject.events)
        world.memo[key] = [event for event, rule in zip(subject.events, rules, strict=True) if rule is None]
    found: list[Event] = world.memo[key]
    return found


def counts(world: World, subject: Subject) -> dict[str, int]:
    """How many activities each rule has found."""
    found: dict[str, int] = {}
    for rule in verdicts(world.model, subject.events):
        if rule is not None:
            found[rule] = found.get(rule, 0) + 1
    return found


def verdicts(model: dict[str, Any], events: list[Event]) -> list[str | None]:
    """For each of a subject's events the rule that finds it: the first of those without a sweep, else of the sweeps."""
    rules = sorted(model.get("machines") or [], key=lambda rule: "sweep" in rule)
    return [next((rule["id"] for rule in rules if _found(rule, event, events)), None) for event in events]


def _found(rule: dict[str, Any], event: Event, events: list[Event]) -> bool:
    if not selects(rule.get("on") or {}, event):
        return False
    if "scanner" in rule:
        agent = (event.get("properties") or {}).get(rule["scanner"])
        return isinstance(agent, str) and any(name in agent.lower() for name in SCANNERS)
    return "sweep" not in rule or _swept(rule, event, events)


def _swept(rule: dict[str, Any], event: Event, events: list[Event]) -> bool:
    """Whether a span that begins with a click in the same mail holds this one and enough links."""
    sweep = rule["sweep"]
    mail = _value(event, sweep["mail"])
    if mail is MISSING or _value(event, sweep["link"]) is MISSING:
        return False
    same = [e for e in events if selects(rule.get("on") or {}, e) and _value(e, sweep["mail"]) == mail]
    for first in same:
        span = range(first["at"], first["at"] + sweep["seconds"] * 1000 + 1)
        links = {_value(e, sweep["link"]) for e in same if e["at"] in span} - {MISSING}
        if event["at"] in span and len(links) >= sweep["links"]:
            return True
    return False


def _value(event: Event, field: str) -> Any:
    return folded((event.get("properties") or {}).get(field, MISSING))
