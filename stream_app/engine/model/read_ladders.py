"""Ladders and their stages, from the document to their frozen form (scoring.md section 6)."""

from typing import Final

from stream_app.engine.model.cursor import LONGEST, MAX_NAME, Cursor
from stream_app.engine.model.implied import TooManyAlternatives, implies
from stream_app.engine.model.names import Names
from stream_app.engine.model.problems import shown
from stream_app.engine.model.read_conditions import read_ladder_condition
from stream_app.engine.model.types import Ladder, LadderCondition, Stage

MAX_LADDERS: Final = 50
MAX_STAGES: Final = 100
MAX_ACTIONS: Final = 64
STAGE_KEYS: Final = (
    "stage",
    "enter",
    "hold",
    "min_dwell",
    "cooldown",
    "sticky",
    "blocked_by",
    "route",
    "actions",
)


def read_ladders(at: Cursor | None, names: Names, longest: int) -> tuple[Ladder, ...]:
    """Every ladder of a scorecard; `longest` bounds a signal's window (ms)."""
    if at is None:
        return ()
    ladders = []
    for name, value in at.entries("names of ladders", MAX_LADDERS, empty=True):
        _check_name(at, name)
        taken: dict[str, str] = {}
        stages = []
        for item in value.items("a list of stages, the first being the start", MAX_STAGES):
            stage = _read_stage(item, names, longest)
            if stage.name and stage.name in taken:
                item.problem(f'expected a stage of its own, found "{stage.name}", which {taken[stage.name]} is too')
            taken.setdefault(stage.name, item.path)
            stages.append(stage)
        ladders.append(Ladder(name, tuple(stages)))
    return tuple(ladders)


def _check_name(at: Cursor, name: str) -> None:
    if not name.strip() or "|" in name or len(name) > MAX_NAME or not name.isprintable():
        at.key_problem(name, f'expected a name for a ladder without "|", found {shown(name)}')


def _read_stage(at: Cursor, names: Names, longest: int) -> Stage:
    if not at.keys(STAGE_KEYS, "a stage, such as {stage: mql, enter: {scores: {total: {ge: 50}}}}"):
        return Stage("")
    name = at.need("stage", "the name of the stage")
    enter = _condition(at, "enter", names, longest)
    hold = _condition(at, "hold", names, longest)
    if enter is not None and hold is not None:
        _check_implied(at, enter, hold)
    dwell, cooldown, sticky, route = at.get("min_dwell"), at.get("cooldown"), at.get("sticky"), at.get("route")
    return Stage(
        name=name.name("a name for the stage") if name is not None else "",
        enter=enter,
        hold=hold if hold is not None else enter,
        min_dwell=dwell.duration("a duration", 0, LONGEST) if dwell is not None else 0,
        cooldown=cooldown.duration("a duration", 0, LONGEST) if cooldown is not None else 0,
        sticky=sticky.boolean() if sticky is not None else False,
        blocked_by=_condition(at, "blocked_by", names, longest),
        route=route.name("a team or an owner") if route is not None else None,
        actions=_actions(at.get("actions")),
    )


def _condition(at: Cursor, key: str, names: Names, longest: int) -> LadderCondition | None:
    found = at.get(key)
    return read_ladder_condition(found, names, longest) if found is not None else None


def _check_implied(at: Cursor, enter: LadderCondition, hold: LadderCondition) -> None:
    where = at.get("hold") or at
    try:
        implied = implies(enter, hold)
    except TooManyAlternatives as error:
        where.problem(f"expected conditions that can be compared, found {error}")
        return
    if not implied:
        where.problem(
            "expected a hold that `enter` implies: for every alternative of `enter` some alternative of `hold` whose "
            "tests are all among its own, with bounds no stricter; otherwise a lead could move up and down for ever"
        )


def _actions(at: Cursor | None) -> tuple[tuple[str, object], ...]:
    if at is None:
        return ()
    actions: list[tuple[str, object]] = []
    for name, value in at.entries("actions, such as {campaign: testimonials}", MAX_ACTIONS, empty=True):
        plain = value.node.plain()
        items = plain if isinstance(plain, list) else [plain]
        if any(item is None or isinstance(item, (list, dict)) for item in items):
            value.expected("a text, a number, true, false or a list of them")
        actions.append((name, plain))
    return tuple(actions)
