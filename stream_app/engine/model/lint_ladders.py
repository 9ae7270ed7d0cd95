"""Stages that can never be entered, that let leads flap, or that catch leads by accident."""

from collections.abc import Iterator

from stream_app.engine.model.depends import walk
from stream_app.engine.model.domains import domains
from stream_app.engine.model.finding import Finding
from stream_app.engine.model.implied import TooManyAlternatives, implies
from stream_app.engine.model.possible import Domain, can_hold
from stream_app.engine.model.types import Ladder, LadderCondition, Scorecard, ScoreIs, Stage


def lint_ladders(card: Scorecard, prefix: str) -> Iterator[Finding]:
    """Findings about each ladder."""
    domain = domains(card)
    for ladder in card.ladders:
        path = f"{prefix}ladders.{ladder.name}"
        yield from _start(ladder, path)
        for at in range(1, len(ladder.stages)):
            yield from _stage(ladder, at, f"{path}[{at}]", domain)


def _start(ladder: Ladder, path: str) -> Iterator[Finding]:
    first = ladder.stages[0]
    if first.sticky:
        message = f'nothing is ever entered by score above "{first.name}": the start is sticky'
        yield Finding("error", "unreachable-stage", f"{path}[0]", message)
    if first.enter is not None or first.hold is not None:
        message = f'"{first.name}" is the start: it always holds, so its enter and hold are never looked at'
        yield Finding("warning", "idle-condition", f"{path}[0]", message)
    if len(ladder.stages) == 1:
        message = f'the ladder "{ladder.name}" has only its start: nobody can move'
        yield Finding("warning", "one-stage", path, message)


def _stage(ladder: Ladder, at: int, path: str, domain: Domain) -> Iterator[Finding]:
    stage = ladder.stages[at]
    if stage.enter is None:
        yield from _not_entered(ladder, at, path)
        return
    if not can_hold(stage.enter, domain):
        message = f'"{stage.name}" can never be entered: its `enter` contradicts itself or the ranges of the scores'
        yield Finding("error", "unreachable-stage", path, message)
        return
    if stage.blocked_by is not None and _implies(stage.enter, stage.blocked_by):
        message = f'"{stage.name}" can never be entered: whoever could enter it is blocked'
        yield Finding("error", "unreachable-stage", path, message)
    yield from _jumped_over(ladder, at, path, domain)
    yield from _flapping(stage, path)


def _not_entered(ladder: Ladder, at: int, path: str) -> Iterator[Finding]:
    stage = ladder.stages[at]
    above = ladder.stages[at + 1 :]
    if stage.hold is None and not stage.sticky and any(not one.sticky for one in above):
        message = (
            f'"{stage.name}" has neither enter nor hold: it always holds, so every lead that falls from above '
            f"stays in it; give it an `enter`, or make it sticky"
        )
        yield Finding("warning", "catches-falls", path, message)
    elif not stage.sticky:
        message = f'"{stage.name}" has no enter: only the CRM moves a lead into it'
        yield Finding("note", "crm-only", path, message)


def _jumped_over(ladder: Ladder, at: int, path: str, domain: Domain) -> Iterator[Finding]:
    """Whoever may enter this stage may always enter a higher one: upwards nobody stops here."""
    stage = ladder.stages[at]
    for higher in ladder.stages[at + 1 :]:
        free = higher.blocked_by is None and higher.cooldown == 0
        if higher.enter is None or not free or not can_hold(higher.enter, domain):
            continue
        if stage.enter is not None and _implies(stage.enter, higher.enter):
            message = f'"{stage.name}" is never entered upwards: whoever meets it also meets "{higher.name}"'
            yield Finding("error", "unreachable-stage", path, message)
            return


def _flapping(stage: Stage, path: str) -> Iterator[Finding]:
    """A score hovers, and the stage has the same threshold both ways."""
    if stage.sticky or stage.hold != stage.enter or stage.enter is None:
        return
    if stage.min_dwell == 0 and stage.cooldown == 0 and any(isinstance(one, ScoreIs) for one in walk(stage.enter)):
        message = (
            f'"{stage.name}" can loop: a score that hovers at its threshold moves a lead up and down; '
            f"give it a `hold` below its `enter`, a `min_dwell` or a `cooldown`"
        )
        yield Finding("warning", "can-loop", path, message)


def _implies(one: LadderCondition, other: LadderCondition) -> bool:
    try:
        return implies(one, other)
    except TooManyAlternatives:
        return False
