"""What comes next for a subject if nothing else happens: its next published changes, and its next falls."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from stream_app.engine.forecast import holds_until, next_change
from stream_app.engine.live import Live
from stream_app.engine.plan import Plan
from stream_app.engine.published import Standing
from stream_app.engine.times import LATEST, format_time

CHANGES = 5
"""So many of the next published changes are told."""


class Shift(msgspec.Struct, frozen=True):
    """A published value that changes; None where it is absent."""

    before: Any
    after: Any


class Change(msgspec.Struct, frozen=True):
    """A time at which published values change by themselves, and which: by name, scores as published."""

    at: str
    scores: dict[str, Shift]
    grades: dict[str, Shift]
    bands: dict[str, Shift]
    stages: dict[str, Shift]


def next_changes(live: Live, count: int = CHANGES) -> Sequence[Change]:
    """The next published changes. Advances `live`, which must be a copy."""
    changes: list[Change] = []
    before = Standing(live)
    while len(changes) < count:
        at = next_change(live)
        if at is None or at > LATEST:
            break
        live.advance(at)
        after = Standing(live)
        changes.append(_change(live.plan, at, before, after))
        before = after
    return changes


def next_falls(live: Live, copy: Callable[[], Live]) -> dict[str, str]:
    """The stage that each ladder falls to next, of those that ever fall."""
    found = {ladder.name: holds_until(live, ladder.name) for ladder in live.plan.ladders}
    until = {name: at for name, at in found.items() if at is not None and at <= LATEST}
    if not until:
        return {}
    ahead = copy()
    ahead.advance(max(until.values()))
    return {name: move.target for name, at in until.items() for move in ahead.moves if _falls(move, name, at)}


def _falls(move: Any, ladder: str, at: int) -> bool:
    return bool(move.ladder == ladder and move.at == at and not move.up)


def _change(plan: Plan, at: int, before: Standing, after: Standing) -> Change:
    return Change(
        format_time(at),
        _shifts(plan.score_names, before.rounded, after.rounded),
        _shifts([cell.name for cell in plan.grades], before.grades, after.grades),
        _shifts([cell.name for cell in plan.bands], before.bands, after.bands),
        _shifts([ladder.name for ladder in plan.ladders], before.stages, after.stages),
    )


def _shifts(names: Sequence[str], before: Sequence[Any], after: Sequence[Any]) -> dict[str, Shift]:
    pairs = zip(names, before, after, strict=True)
    return {name: Shift(old, new) for name, old, new in pairs if old != new}
