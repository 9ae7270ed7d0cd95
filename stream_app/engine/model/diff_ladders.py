"""Ladders of two models, stage by stage."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

from stream_app.engine.model.diff_edit import FROM_NOW_ON, RESTATES, Edit, Effect, Part
from stream_app.engine.model.diff_known import ALL, Knowledge
from stream_app.engine.model.types import Ladder, Stage
from stream_app.engine.model.words import condition_words, span_words


def _condition(value: Any) -> str:
    return "none" if value is None else condition_words(value)


def _given(value: Any) -> str:
    return "none" if not value else str(value)


def _actions(value: tuple[tuple[str, object], ...]) -> str:
    return ", ".join(f"{name} {what}" for name, what in value) or "none"


_CONDITIONS: Final = ("enter", "hold", "blocked_by")
# What stands on a transition concerns those that are still to be made.
_FIELDS: Final[dict[str, tuple[Effect, Callable[[Any], str]]]] = {
    "enter": (RESTATES, _condition),
    "hold": (RESTATES, _condition),
    "blocked_by": (RESTATES, _condition),
    "min_dwell": (RESTATES, span_words),
    "cooldown": (RESTATES, span_words),
    "sticky": (RESTATES, lambda value: "yes" if value else "no"),
    "route": (FROM_NOW_ON, _given),
    "actions": (FROM_NOW_ON, _actions),
}


def ladder_edits(part: Part, old: tuple[Ladder, ...], new: tuple[Ladder, ...], knowledge: Knowledge) -> Iterator[Edit]:
    """The edits that lead from one part's ladders to the other's."""
    before, after = {ladder.name: ladder for ladder in old}, {ladder.name: ladder for ladder in new}
    for name, ladder in before.items():
        if name not in after:
            yield Edit(part, "ladder", name, "", _stages(ladder), None, RESTATES)
    for name, ladder in after.items():
        if name not in before:
            effect, note = _signals(ladder, knowledge)
            yield Edit(part, "ladder", name, "", None, _stages(ladder), effect, note)
        elif before[name] != ladder:
            yield from _changed(part, before[name], ladder, knowledge)


def _changed(part: Part, old: Ladder, new: Ladder, knowledge: Knowledge) -> Iterator[Edit]:
    before, after = {stage.name: stage for stage in old.stages}, {stage.name: stage for stage in new.stages}
    for name, stage in before.items():
        if name not in after:
            yield Edit(part, "stage", f"{new.name}.{name}", "", _stage(stage), None, RESTATES)
    for name, stage in after.items():
        if name not in before:
            effect, note = _signals(replace(new, stages=(stage,)), knowledge)
            yield Edit(part, "stage", f"{new.name}.{name}", "", None, _stage(stage), effect, note)
        elif before[name] != stage:
            yield from _stage_edits(part, new, before[name], stage, knowledge)
    kept = [name for name in before if name in after]
    if kept != [name for name in after if name in before]:
        yield Edit(part, "ladder", new.name, "order", _stages(old), _stages(new), RESTATES)


def _stage_edits(part: Part, ladder: Ladder, old: Stage, new: Stage, knowledge: Knowledge) -> Iterator[Edit]:
    for name, (effect, words) in _FIELDS.items():
        was, now = getattr(old, name), getattr(new, name)
        if was == now or (name == "hold" and was == old.enter and now == new.enter):
            continue  # an absent `hold` is `enter`
        note = ""
        if name in _CONDITIONS and now is not None:
            effect, note = _signals(replace(ladder, stages=(Stage(new.name, enter=now),)), knowledge)
        yield Edit(part, "stage", f"{ladder.name}.{new.name}", name, words(was), words(now), effect, note)


def _signals(ladder: Ladder, knowledge: Knowledge) -> tuple[Effect, str]:
    """The effect of conditions that may look for signals which were not looked for before."""
    known = knowledge.of_ladder(ladder)
    if known == ALL:
        return RESTATES, ""
    return FROM_NOW_ON, "it looks for a signal that was not looked for before; the rest restates every lead"


def _stages(ladder: Ladder) -> str:
    return " < ".join(stage.name for stage in ladder.stages)


def _stage(stage: Stage) -> str:
    return "entered where " + condition_words(stage.enter) if stage.enter is not None else "never entered by score"
