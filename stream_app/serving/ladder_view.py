"""Where a subject stands on a ladder, what holds it there, and what the next stage asks for, part by part."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from stream_app.engine import forecast
from stream_app.engine.ladder_conditions import YES, Clause, CompiledLadder, CompiledStage, Every
from stream_app.engine.live import Live
from stream_app.engine.model.types import (
    All,
    AnyOf,
    BandIs,
    FieldIs,
    GradeIs,
    LadderCondition,
    Not,
    ScoreIs,
    Signal,
)
from stream_app.engine.model.words import condition_words
from stream_app.engine.moment import Moment
from stream_app.engine.plan import Plan
from stream_app.engine.published import cells
from stream_app.engine.state import LadderState
from stream_app.engine.times import LATEST, format_time


class Check(msgspec.Struct, frozen=True):
    """One part of a condition in words, whether it holds, and what the thing tested is now (None where unknown).

    `now` is by name where the part tests several things.
    """

    words: str
    holds: bool
    now: Any = None


class NextStage(msgspec.Struct, frozen=True):
    """The next stage that scores can lead to. `blocked_by` names what forbids it now, `cooling_until` a waiting time."""

    stage: str
    needs: Sequence[Check]
    blocked_by: str | None
    cooling_until: str | None


class LadderView(msgspec.Struct, frozen=True):
    """A subject on a ladder. `holds_until` and `falls_to`: when and where to it falls if nothing else happens.

    `seq` numbers its moves so far; `route` and `actions` are what the model's stage asks for. `dwells_until` is set while it can't fall yet, `sticky` where only the CRM moves it.
    """

    stage: str
    since: str
    seq: int
    route: str | None
    actions: dict[str, Any]
    held_by: Sequence[Check]
    dwells_until: str | None
    sticky: bool
    holds_until: str | None
    falls_to: str | None
    next: NextStage | None


def ladder_views(live: Live, falls: dict[str, str]) -> dict[str, LadderView]:
    """All ladders of a subject at its clock; `falls` names the stage that each ladder falls to next."""
    return {ladder.name: _view(live, ladder, falls.get(ladder.name)) for ladder in live.plan.ladders}


def _view(live: Live, ladder: CompiledLadder, falls_to: str | None) -> LadderView:
    subject, moment = live.subject, live.card.moment
    state = subject.ladders[ladder.name]
    stage = ladder.by_name[state.stage]
    until = forecast.holds_until(live, ladder.name)
    dwell = state.entered + stage.min_dwell
    dwells = stage.index > 0 and dwell > subject.clock and not stage.sticky
    held = stage.index > 0 and not stage.sticky
    known = until is not None and until <= LATEST
    return LadderView(
        stage=stage.name,
        since=format_time(state.entered),
        seq=state.seq,
        route=stage.stage.route,
        actions=dict(stage.stage.actions),
        held_by=_checks(live.plan, stage.stage.hold, stage.hold, moment) if held else (),
        dwells_until=format_time(dwell) if dwells else None,
        sticky=stage.sticky,
        holds_until=format_time(until) if known and until is not None else None,
        falls_to=falls_to if known else None,
        next=_next(live, ladder, stage, state, moment),
    )


def _next(
    live: Live, ladder: CompiledLadder, current: CompiledStage, state: LadderState, moment: Moment
) -> NextStage | None:
    if current.sticky:
        return None
    above = ladder.stages[current.index + 1 :]
    stage = next((stage for stage in above if stage.enter is not None), None)
    if stage is None:
        return None
    blocked = stage.blocked_by is not None and stage.blocked_by.over(moment) == YES
    left = state.left.get(stage.name)
    cool = None if left is None or left + stage.cooldown <= live.subject.clock else left + stage.cooldown
    block = stage.stage.blocked_by
    return NextStage(
        stage=stage.name,
        needs=_checks(live.plan, stage.stage.enter, stage.enter, moment),
        blocked_by=condition_words(block) if blocked and block is not None else None,
        cooling_until=None if cool is None else format_time(cool),
    )


def _checks(plan: Plan, condition: LadderCondition | None, clause: Clause | None, moment: Moment) -> list[Check]:
    """A condition's parts, of which all must hold, beside their compiled twins."""
    if condition is None or clause is None:
        return []
    if isinstance(condition, All) and isinstance(clause, Every):
        pairs = zip(condition.parts, clause.parts, strict=True)
        return [check for part, compiled in pairs for check in _checks(plan, part, compiled, moment)]
    return [Check(condition_words(condition), clause.over(moment) == YES, _now(plan, condition, moment))]


def _now(plan: Plan, condition: LadderCondition, moment: Moment) -> Any:
    """What is tested, as it is, of a condition of several parts by name; None where it is unknown."""
    match condition:
        case ScoreIs(name, _) if name in plan.position:
            return moment.low[plan.position[name]]
        case GradeIs(name, _):
            grades, _bands = cells(plan, moment.low)
            return dict(zip((cell.name for cell in plan.grades), grades, strict=True)).get(name)
        case BandIs(name, _):
            _grades, bands = cells(plan, moment.low)
            return dict(zip((cell.name for cell in plan.bands), bands, strict=True)).get(name)
        case FieldIs(name, _) | ScoreIs(name, _):
            return moment.view.get(name)
        case Signal():
            return None
    found = {leaf.name: _now(plan, leaf, moment) for leaf in _leaves(condition)}
    return {name: value for name, value in found.items() if value is not None} or None


def _leaves(condition: LadderCondition) -> Iterator[FieldIs | ScoreIs | GradeIs | BandIs]:
    """The tests of named things in a condition, in its order."""
    match condition:
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from _leaves(part)
        case Not(part):
            yield from _leaves(part)
        case FieldIs() | ScoreIs() | GradeIs() | BandIs():
            yield condition
