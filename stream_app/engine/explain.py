"""Why a score is what it is: the sums of `scoring.py`, told (scoring.md section 5).

For every score: base + what the rules gave + what groups took away + what the clamp took away = its value, exactly as
the engine added it up.
"""

from typing import Any

from stream_app.engine.held import as_json
from stream_app.engine.live import Live
from stream_app.engine.plan import CombinedPlan, ScorePlan
from stream_app.engine.published import rounded
from stream_app.engine.scoring import clamp
from stream_app.engine.times import format_time


def explain(live: Live) -> dict[str, Any]:
    """The explanation of all scores of a subject at its clock, as JSON values."""
    plan, card = live.plan, live.card
    told: dict[str, Any] = {}
    extras = None if live.extras is None else live.extras.over(card.unit, card.unit)[0]
    for index, score in enumerate(plan.scores):
        if card.scores[index] is not None:
            told[score.name] = _score(live, score, 0.0 if extras is None else extras[index])
    for combined in plan.combined:
        value = card.scores[plan.position[combined.name]]
        if value is not None:
            told[combined.name] = _combined(live, combined, value)
    return told


def machines_told(live: Live) -> dict[str, int]:
    """How many of a subject's activities each rule for machines has found; none of them counts in any score."""
    return as_json(live.subject.sifted, [] if live.plan.machines is None else live.plan.machines.ids)


def _score(live: Live, score: ScorePlan, extra: float) -> dict[str, Any]:
    contributions = live.card.contributions
    total = score.base + extra
    for index in score.rules:
        total += contributions[index]
    groups = []
    for group in score.groups:
        added = 0.0
        for index in group.rules:
            added += contributions[index]
        kept = clamp(added, group.low, group.high)
        total += kept
        groups.append({"group": group.name, "sum": added, "value": kept, "taken": kept - added})
    value = clamp(total, score.low, score.high)
    rules = [index for index, rule in enumerate(live.plan.rules) if rule.score == score.name]
    told = {
        "base": score.base,
        "rules": [_rule(live, index) for index in rules],
        "groups": groups,
        "sum": total,
        "clamp": [score.low, score.high],
        "taken_by_clamp": value - total,
        "value": value,
        "published": rounded(value, score.precision),
    }
    if extra:
        told["members"] = extra
    return told


def _rule(live: Live, index: int) -> dict[str, Any]:
    rule, unit = live.plan.rules[index], live.card.unit
    last = rule.last_at(live.subject)
    return {
        "rule": rule.id,
        "kind": rule.kind,
        "class": rule.cls,
        "group": rule.group,
        "weight": rule.weight,
        "points": live.card.contributions[index],
        "count": rule.count(live.subject, unit),
        "last_at": None if last < 0 else format_time(last),
        **rule.detail(live.subject, unit),
    }


def _combined(live: Live, combined: CombinedPlan, value: float) -> dict[str, Any]:
    parts = []
    total = 0.0
    for position, name, weight in combined.parts:
        part = live.card.scores[position] if position >= 0 else live.view.get(name)
        points = weight * part if isinstance(part, (int, float)) else 0.0
        total += points
        parts.append({"score": name, "weight": weight, "value": part, "points": points})
    return {
        "parts": parts,
        "sum": total,
        "clamp": [combined.low, combined.high],
        "taken_by_clamp": value - total,
        "value": value,
        "published": rounded(value, combined.precision),
    }
