"""What will happen to a subject if nothing else does: when it falls, when a published value changes (section 6)."""

from stream_app.engine import ladders
from stream_app.engine.ladder_conditions import CompiledLadder
from stream_app.engine.live import Live
from stream_app.engine.published import may_differ
from stream_app.engine.scoring import Outlook
from stream_app.engine.search import first_unit_far
from stream_app.engine.state import LadderState

_MOST_MOVES = 100  # of one ladder looked ahead; a ladder that climbs so often first is not looked at further


def holds_until(live: Live, ladder_name: str) -> int | None:
    """When the subject would fall on a ladder if nothing else happened, in milliseconds; None: never."""
    plan, subject = live.plan, live.subject
    ladder = next(ladder for ladder in plan.ladders if ladder.name == ladder_name)
    state = subject.ladders[ladder_name].copy()
    outlook = live.outlook()
    clock = subject.clock
    for _ in range(_MOST_MOVES):
        at = _next_move(live, outlook, ladder, state, clock)
        if at is None:
            return None
        moment = outlook.at(at // plan.resolution).moment
        target = ladders.next_stage(ladder, state, moment, at)
        if target is not None and target.index < ladder.by_name[state.stage].index:
            return at
        if target is not None:
            state.left[state.stage] = at
            state.stage, state.entered = target.name, at
        clock = at
    return None


def next_change(live: Live) -> int | None:
    """The next time at which a stage moves or a published value changes by itself; None: never."""
    plan, subject = live.plan, live.subject
    outlook = live.outlook()
    now = outlook.at(subject.clock // plan.resolution).moment
    unit = subject.clock // plan.resolution
    found = first_unit_far(
        unit, unit + plan.horizon, lambda first, last: may_differ(plan, now, outlook.over(first, last))
    )
    due = None if found is None else found * plan.resolution
    for ladder in plan.ladders:
        at = _next_move(live, outlook, ladder, subject.ladders[ladder.name], subject.clock)
        if at is not None and (due is None or at < due):
            due = at
    return due


def _next_move(live: Live, outlook: Outlook, ladder: CompiledLadder, state: LadderState, clock: int) -> int | None:
    """When a ladder next moves after `clock`."""
    plan = live.plan
    end = max(clock, live.subject.clock) + plan.horizon * plan.resolution
    while True:
        expiry = ladders.ladder_expiry(ladder, state, clock)
        stop = end if expiry == ladders.FOREVER else expiry - 1
        at = clock
        found = first_unit_far(
            clock // plan.resolution,
            stop // plan.resolution,
            lambda first, last, at=at: ladders.ladder_may_move(ladder, state, outlook.over(first, last), at),  # type: ignore[misc]
        )
        if found is not None:
            return found * plan.resolution
        if expiry == ladders.FOREVER:
            return None
        if ladders.ladder_may_move(ladder, state, outlook.at(expiry // plan.resolution).moment, expiry):
            return expiry
        clock = expiry
        end = max(end, clock)
