"""The funnel that rules' `stage` tags draw: every action has one, none is empty, and points grow along it."""

from collections.abc import Iterator
from typing import Final

from stream_app.engine.model.finding import Finding
from stream_app.engine.model.problems import listed, suggestion
from stream_app.engine.model.types import ActivityRule, FactRule, InactivityRule, PerUnitRule, Rule, Scorecard

# The four stages of the articles; the second, which they leave without a name, is called engagement here.
FUNNEL: Final = ("awareness", "engagement", "exploration", "conversion")
# Conversion ends scoring: the first three must have actions.
SCORED: Final = FUNNEL[:3]


def lint_funnel(card: Scorecard) -> Iterator[Finding]:
    """Untagged actions, unknown and empty stages, and points that fall as intent grows."""
    funnel = funnel_of(card)
    actions = [(f"rules[{at}]", rule) for at, rule in enumerate(card.rules) if is_action(rule)]
    for path, rule in actions:
        if rule.stage is None:
            message = f'"{rule.id}" has no `stage`: say which stage of the funnel the action belongs to'
            yield Finding("error", "untagged", path, message)
        elif rule.stage not in funnel:
            message = f'"{rule.id}" is tagged "{rule.stage}", which is none of {listed(funnel, "and")}'
            yield Finding("warning", "unknown-stage", path, message + suggestion(rule.stage, funnel))
    yield from _empty(actions, funnel)
    yield from _falling(actions, funnel)


def is_action(rule: Rule) -> bool:
    """Whether a rule scores what a lead does (not what it is, nor its silence)."""
    return not isinstance(rule, (FactRule, PerUnitRule, InactivityRule))


def funnel_of(card: Scorecard) -> tuple[str, ...]:
    """The stages in order: those of the ladder that the tags name, else the four of the articles."""
    tags = {rule.stage for rule in card.rules if rule.stage is not None}
    if tags & set(FUNNEL):
        return FUNNEL
    best = max(card.ladders, key=lambda ladder: len(tags & {one.name for one in ladder.stages}), default=None)
    if best is not None and tags & {one.name for one in best.stages}:
        return tuple(one.name for one in best.stages)
    return FUNNEL


def _empty(actions: list[tuple[str, Rule]], funnel: tuple[str, ...]) -> Iterator[Finding]:
    tags = {rule.stage for _, rule in actions if rule.stage is not None}
    if not tags or funnel != FUNNEL:
        return
    for stage in SCORED:
        if stage not in tags:
            message = f'the stage "{stage}" has no action: no rule is tagged with it'
            yield Finding("error", "empty-stage", "rules", message)


def _falling(actions: list[tuple[str, Rule]], funnel: tuple[str, ...]) -> Iterator[Finding]:
    """Within a score, an action of a later stage is worth at least as much as each of an earlier one."""
    for score in sorted({rule.score for _, rule in actions}):
        greatest: tuple[float, str] = (0.0, "")
        for stage in funnel:
            here = [(_worth(rule), path, rule) for path, rule in actions if rule.score == score and rule.stage == stage]
            here = [one for one in here if one[0] > 0]
            if not here:
                continue
            top = max(worth for worth, _, _ in here)
            for worth, path, rule in here:
                if worth < greatest[0]:
                    level: Finding = _fall(path, rule, worth, greatest, top)
                    yield level
            if top > greatest[0]:
                greatest = (top, stage)


def _fall(path: str, rule: Rule, worth: float, before: tuple[float, str], top: float) -> Finding:
    message = (
        f'"{rule.id}" ({rule.stage}) is worth {worth:g}, less than the {before[0]:g} of an action of the earlier stage '
        f'"{before[1]}": points should not fall as intent grows'
    )
    return Finding("error" if top < before[0] else "warning", "points-fall", path, message)


def _worth(rule: Rule) -> float:
    """What one action is worth; only rules that give points for each can be compared."""
    return rule.points * rule.weight if isinstance(rule, ActivityRule) else 0.0
