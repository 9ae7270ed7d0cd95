"""The only place that moves a stage (scoring.md section 6).

*Evaluate at `at`*, for each ladder: up to the highest stage above whose `enter` holds, that is not blocked and not
cooling down, unless the present stage is sticky; else, if `hold` fails, the stage is not sticky and `min_dwell` has
passed, down to the highest stage below whose `hold` holds (the first stage always holds). After a move again, until
nothing moves, at most as often as there are stages. A `stage_set` from the CRM moves anywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stream_app.engine.ladder_conditions import MAYBE, NO, YES, CompiledLadder, CompiledStage
from stream_app.engine.moment import Moment, Scores
from stream_app.engine.plan import Plan
from stream_app.engine.scoring import Card
from stream_app.engine.state import NEVER, LadderState, Subject

FOREVER: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a subject was evaluated: `activity`, `decay`, `fact`, `crm`, `merge` or `model`, by which event, or in words."""

    kind: str
    event_id: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """One change of stage. `before` holds all scores before, by the plan's positions; `after` the card at `at`."""

    ladder: str
    origin: str
    target: str
    up: bool
    seq: int
    at: int
    cause: Cause
    before: Scores
    after: Card


def start(plan: Plan, subject: Subject, at: int) -> None:
    """Enter the start stage of every ladder on which the subject stands nowhere (or on a stage that is no more)."""
    for ladder in plan.ladders:
        state = subject.ladders.get(ladder.name)
        if state is None:
            subject.ladders[ladder.name] = LadderState(ladder.stages[0].name, at)
        elif state.stage not in ladder.by_name:
            state.stage, state.entered = ladder.stages[0].name, at


def resettle(plan: Plan, subject: Subject, card: Card, at: int, cause: Cause, before: Scores) -> list[Move]:
    """Stand on the ladders of another version of the model: whoever is on a stage that is no more goes to the start."""
    moves: list[Move] = []
    for ladder in plan.ladders:
        state = subject.ladders.get(ladder.name)
        if state is None or state.stage in ladder.by_name:
            continue
        gone, first = state.stage, ladder.stages[0].name
        state.left[gone] = at
        state.stage, state.entered, state.moved = first, at, at
        state.seq += 1
        moves.append(Move(ladder.name, gone, first, False, state.seq, at, cause, before, card))
    start(plan, subject, at)
    return moves


def announce(
    plan: Plan, subject: Subject, told: Mapping[str, tuple[str, int]], card: Card, cause: Cause, before: Scores
) -> list[Move]:
    """The moves from where a subject was last said to stand, by ladder with the `seq`, to where it stands by now.

    It stands there already, by a way that nobody was told; from now on it counts from what was told. On a ladder of which
    nothing was told it was at the start.
    """
    moves: list[Move] = []
    for ladder in plan.ladders:
        state = subject.ladders[ladder.name]
        origin, state.seq = told.get(ladder.name, (ladder.stages[0].name, 0))
        if origin == state.stage:
            continue
        state.seq += 1
        left = ladder.by_name.get(origin)
        up = ladder.by_name[state.stage].index > (0 if left is None else left.index)
        at = subject.clock
        moves.append(Move(ladder.name, origin, state.stage, up, state.seq, at, cause, before, card))
    return moves


def evaluate(plan: Plan, subject: Subject, card: Card, at: int, cause: Cause, before: Scores) -> list[Move]:
    """Move every ladder as far as it goes at `at`; the moves in the order made."""
    moves: list[Move] = []
    for ladder in plan.ladders:
        state = subject.ladders[ladder.name]
        for _ in ladder.stages:
            target = next_stage(ladder, state, card.moment, at)
            if target is None:
                break
            moves.append(_move(ladder, state, target, at, cause, before, card))
    return moves


def obey(
    plan: Plan, subject: Subject, ladder_name: str, stage_name: str, cause: Cause, time: int, card: Card, before: Scores
) -> list[Move] | None:
    """Carry out a `stage_set` of time `time` at the subject's clock; None if it is not obeyed.

    A late one is obeyed if the stage left or entered is sticky or it is not before the ladder's last move; never if a
    later one was obeyed. One for a ladder or stage that the model has not is not: the CRM may know more than the model.
    """
    ladder = next((ladder for ladder in plan.ladders if ladder.name == ladder_name), None)
    target = ladder.by_name.get(stage_name) if ladder is not None else None
    if ladder is None or target is None:
        return None
    state = subject.ladders[ladder.name]
    current = ladder.by_name[state.stage]
    too_late = time < state.moved and not (current.sticky or target.sticky)
    if time < state.obeyed or too_late:
        return None
    state.obeyed = time
    if target is current:
        return []
    return [_move(ladder, state, target, subject.clock, cause, before, card)]


def next_expiry(plan: Plan, subject: Subject) -> int:
    """The first time after the clock at which a dwell or a cooldown ends, `FOREVER` if there is none."""
    first = FOREVER
    for ladder in plan.ladders:
        first = min(first, ladder_expiry(ladder, subject.ladders[ladder.name], subject.clock))
    return first


def ladder_expiry(ladder: CompiledLadder, state: LadderState, clock: int) -> int:
    """As `next_expiry`, for one ladder and any time `clock`."""
    end = state.entered + ladder.by_name[state.stage].min_dwell
    first = end if end > clock else FOREVER
    for name, left in state.left.items():
        stage = ladder.by_name.get(name)
        if stage is not None and stage.cooldown:
            end = left + stage.cooldown
            if clock < end < first:
                first = end
    return first


def may_move(plan: Plan, subject: Subject, moment: Moment, at: int) -> bool:
    """Whether any ladder may move within a span in which no dwell or cooldown ends; exact for a single unit."""
    return any(ladder_may_move(ladder, subject.ladders[ladder.name], moment, at) for ladder in plan.ladders)


def ladder_may_move(ladder: CompiledLadder, state: LadderState, moment: Moment, at: int) -> bool:
    """As `may_move`, for one ladder."""
    current = ladder.by_name[state.stage]
    if current.sticky:
        return False
    for stage in ladder.stages[current.index + 1 :]:
        if stage.enter is None or _cooling(stage, state, at) or stage.enter.over(moment) == NO:
            continue
        if stage.blocked_by is None or stage.blocked_by.over(moment) != YES:
            return True
    return not _stays(current, state, moment, at)


def next_stage(ladder: CompiledLadder, state: LadderState, moment: Moment, at: int) -> CompiledStage | None:
    """Where one step of an evaluation at a single unit leads."""
    current = ladder.by_name[state.stage]
    if current.sticky:
        return None
    for index in range(len(ladder.stages) - 1, current.index, -1):
        stage = ladder.stages[index]
        if stage.enter is None or stage.enter.over(moment) != YES or _cooling(stage, state, at):
            continue
        if stage.blocked_by is None or stage.blocked_by.over(moment) == NO:
            return stage
    if _stays(current, state, moment, at):
        return None
    for index in range(current.index - 1, 0, -1):
        stage = ladder.stages[index]
        if stage.hold is None or stage.hold.over(moment) == YES:
            return stage
    return ladder.stages[0]


def _stays(current: CompiledStage, state: LadderState, moment: Moment, at: int) -> bool:
    """Whether it surely does not fall from `current`."""
    if current.index == 0 or current.hold is None or at < state.entered + current.min_dwell:
        return True
    answer = current.hold.over(moment)
    return answer == YES if answer != MAYBE else False


def _cooling(stage: CompiledStage, state: LadderState, at: int) -> bool:
    return bool(stage.cooldown) and at < state.left.get(stage.name, NEVER - stage.cooldown) + stage.cooldown


def _move(
    ladder: CompiledLadder,
    state: LadderState,
    target: CompiledStage,
    at: int,
    cause: Cause,
    before: Scores,
    card: Card,
) -> Move:
    origin = ladder.by_name[state.stage]
    state.left[origin.name] = at
    state.stage, state.entered, state.moved = target.name, at, at
    state.seq += 1
    return Move(ladder.name, origin.name, target.name, target.index > origin.index, state.seq, at, cause, before, card)
