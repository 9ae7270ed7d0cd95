"""Why a lead is scored as it is on two sides, part by part beside each other. Pure."""

from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from stream_app.runtime.lead import Lead
from stream_app.serving.why import explanation_of

Kind = Literal["base", "rule", "members", "group", "clamp", "score"]


class Part(msgspec.Struct, frozen=True):
    """What one part of a score gives on each side, in points; None where that side has no such part.

    `name` is that of the rule or group, or of the score that a combined one is made of; `words` are the part in words on
    each side.
    """

    kind: Kind
    name: str
    then: float | None
    today: float | None
    words: tuple[str, str]


class Beside(msgspec.Struct, frozen=True):
    """A score on two sides, as published (None where it does not apply), and its parts: they add up to the exact value."""

    then: float | None
    today: float | None
    parts: list[Part]


def beside(then: Lead | None, today: Lead | None) -> dict[str, Beside]:
    """All scores of a lead on both sides, by name."""
    told = [{} if lead is None else explanation_of(lead) for lead in (then, today)]
    names = dict.fromkeys(name for side in told for name in side)
    return {name: _beside([side.get(name) for side in told]) for name in names}


def _beside(told: list[dict[str, Any] | None]) -> Beside:
    nothing: tuple[float | None, str] = (None, "")
    sides = [{} if one is None else dict(_parts(one)) for one in told]
    parts = []
    for kind, name in dict.fromkeys(place for side in sides for place in side):
        (then, said_then), (today, said_today) = (side.get((kind, name), nothing) for side in sides)
        if then or today or said_then or said_today:
            parts.append(Part(kind, name, then, today, (said_then, said_today)))
    then, today = (None if one is None else one["published"] for one in told)
    return Beside(then, today, parts)


def _parts(told: dict[str, Any]) -> Iterator[tuple[tuple[Kind, str], tuple[float, str]]]:
    """The parts of a score by kind and name, with points and words; those of rules that give nothing are without words."""
    if told.get("base"):
        yield ("base", ""), (told["base"], "to begin with")
    for rule in told.get("rules", ()):
        yield ("rule", rule["rule"]), (rule["points"], _words(rule) if rule["points"] or rule["count"] else "")
    for part in told.get("parts", ()):
        value = "absent" if part["value"] is None else f"{round(part['value'], 2):g} × {part['weight']:g}"
        yield ("score", part["score"]), (part["points"], value)
    if told.get("members"):
        yield ("members", ""), (told["members"], "roll-up and breadth")
    for group in told.get("groups", ()):
        if group["taken"]:
            yield ("group", group["group"]), (group["taken"], f"{round(group['sum'], 2):g} is limited")
    if told["taken_by_clamp"]:
        yield ("clamp", ""), (told["taken_by_clamp"], f"{round(told['sum'], 2):g} is limited")


def _words(rule: dict[str, Any]) -> str:
    counted = f"{rule['count']} ×" if rule["count"] else ""
    what = rule["what"] if rule["kind"] in ("fact", "per_unit") else rule["worth"]
    return "; ".join(part for part in (counted, what, rule["terms"]) if part)
