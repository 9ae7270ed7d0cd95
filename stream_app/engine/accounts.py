"""Accounts (scoring.md section 8): who belongs to one, and what members' scores add up to."""

from collections.abc import Iterable
from functools import lru_cache
from math import fsum
from typing import Final

from stream_app.engine.derived import email_domain, is_free_mail
from stream_app.engine.model.types import Rollup
from stream_app.engine.rules.windows import Tiers, tier_bounds
from stream_app.engine.state import Cell, Subject

FOREVER: Final = 1 << 62
HISTORY = 32  # superseded values kept of each account fact, for members whose clocks are behind


def account_of(lead: Subject) -> str | None:
    """The account a lead belongs to: its latest `account_id`, else its e-mail's domain unless that is free mail."""
    stated = lead.mark("account_id")
    if isinstance(stated, str):
        return stated
    email = lead.mark("email")
    return _account_of_email(email) if isinstance(email, str) else None


@lru_cache(maxsize=65_536)
def _account_of_email(email: str) -> str | None:
    domain = email_domain(email)
    return domain if domain is not None and not is_free_mail(domain) else None


def rollup_points(rollup: Rollup, values: Iterable[float]) -> float:
    """What members' published scores add up to: `sum`, `max`, `top: k` or `diminishing: f`, each capped first."""
    cap = rollup.per_member
    ranked = sorted((value if cap is None or value < cap else cap for value in values), reverse=True)
    if not ranked:
        return 0.0
    if rollup.method == "max":
        return ranked[0]
    if rollup.method == "top":
        return float(sum(ranked[: rollup.top]))
    if rollup.method == "sum":
        return fsum(ranked)  # tens of thousands of members: no error adds up
    total, weight = 0.0, 1.0
    for index, value in enumerate(ranked):
        weight = rollup.factor**index
        total += value * weight
    return total


def breadth_bounds(points: Tiers, surely: set[str], maybe: set[str]) -> tuple[float, float]:
    """The least and greatest points when the values in `surely` count, and some of those in `maybe` may."""
    return tier_bounds(points, len(surely), len(surely | maybe))


class FactHistory:
    """The values an account's facts had, for members that are behind the account's clock."""

    def __init__(self) -> None:
        self.values: dict[str, list[Cell]] = {}

    def put(self, name: str, cell: Cell) -> None:
        """Add a value in its place by (time, event id); the oldest go when there are more than `HISTORY`."""
        cells = self.values.setdefault(name, [])
        cells.append(cell)
        cells.sort(key=lambda known: known[:2])
        del cells[:-HISTORY]

    def next_after(self, time: int) -> int:
        """The first time after `time` from which a fact had another value; `FOREVER` if there is none."""
        first = FOREVER
        for cells in self.values.values():
            for index in range(len(cells) - 1, -1, -1):
                when = cells[index][0]
                if when <= time:
                    break
                first = min(first, when)
        return first

    def at(self, time: int) -> dict[str, object]:
        """The facts as they stood at `time`; a fact that was removed is absent."""
        found: dict[str, object] = {}
        for name, cells in self.values.items():
            for when, _, value in reversed(cells):
                if when <= time:
                    if value is not None:
                        found[name] = value
                    break
        return found
