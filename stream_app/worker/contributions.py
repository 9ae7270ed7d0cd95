"""What the members of one account have said they bring: the roll-up from stored contributions (scoring.md section 8).

The rule kept here: a change costs a search in a sorted list, however many members there are, and a member costs a
pointer to its key in the table and eight bytes a score. What it brings is not kept: it lies in the table, and whoever
changes it says what it was before. A roll-up reads no more than it needs: an exact running sum, the highest `k` for
`top: k`, and for `diminishing: f` as many as still matter at 1e-9.
"""

from array import array
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from math import inf
from typing import Final

import msgspec

from stream_app.engine.accounts import rollup_points
from stream_app.engine.model.types import Breadth, Rollup
from stream_app.engine.plan import Plan
from stream_app.engine.rules.windows import tier_points
from stream_app.worker.messages import Contribution

MEMBERS: Final = b"m"  # head of their keys in the table
_NEGLIGIBLE = 1e-15
_FRACTION = 1074  # binary digits behind the point that any float can have

_encode = msgspec.msgpack.Encoder().encode
_decode_key = msgspec.msgpack.Decoder(tuple[str, str]).decode


def member_key(account: str, lead: str) -> bytes:
    """A member's key in the table."""
    return MEMBERS + _encode((account, lead))


def read_member_key(key: bytes) -> tuple[str, str]:
    """The account and the lead of a member's key."""
    return _decode_key(key[len(MEMBERS) :])


class Rollups:
    """The scores of an account that have a roll-up, with their positions among all scores."""

    def __init__(self, plan: Plan) -> None:
        self.size = len(plan.scores)
        self.parts = [
            (index, score.rollup, score.breadth)
            for index, score in enumerate(plan.card.scores)
            if score.rollup is not None
        ]

    def like(self, other: "Rollups") -> bool:
        """Whether another one makes the same of the same members."""
        return self.size == other.size and self.parts == other.parts


class _Part:
    """What all members bring to one score."""

    __slots__ = ("breadth", "ranked", "rollup", "total", "values")

    def __init__(self, rollup: Rollup, breadth: Breadth | None) -> None:
        self.rollup = rollup
        self.breadth = breadth
        self.total = 0  # for sums: exact, in units of 2 ** -_FRACTION
        self.ranked: array[float] | None = None if rollup.method == "sum" else array("d")  # capped, ascending
        self.values: dict[str, int] = {}  # of the breadth's fact, with how many members count for each

    def add(self, share: Contribution, sort: bool) -> None:
        """A member's share is new; without `sort` call `settle` before anything else."""
        if share.score is not None:
            capped = _capped(self.rollup, share.score)
            if self.ranked is None:
                self.total += _exact(capped)
            elif sort:
                insort(self.ranked, capped)
            else:
                self.ranked.append(capped)
        if share.counts and share.value is not None:
            self.values[share.value] = self.values.get(share.value, 0) + 1

    def remove(self, share: Contribution) -> None:
        """A share that was added counts no more."""
        if share.score is not None:
            capped = _capped(self.rollup, share.score)
            if self.ranked is None:
                self.total -= _exact(capped)
            else:
                del self.ranked[bisect_left(self.ranked, capped)]
        if share.counts and share.value is not None:
            self.values[share.value] -= 1
            if not self.values[share.value]:
                del self.values[share.value]

    def settle(self) -> None:
        """Sort what was added without sorting."""
        if self.ranked is not None:
            self.ranked = array("d", sorted(self.ranked))

    def points(self) -> float:
        """The roll-up, and the points for breadth."""
        if self.ranked is None:
            points = _float(self.total)
        else:
            points = rollup_points(self.rollup, self.ranked[-_needed(self.rollup, len(self.ranked)) :])
        if self.breadth is not None:
            points += tier_points(self.breadth.points, len(self.values))
        return points


class Contributions:
    """The members of one account, by their keys in the table. `over` makes it a roster for the engine."""

    __slots__ = ("_keys", "_parts", "_points", "_rollups", "_settled")

    def __init__(self, rollups: Rollups) -> None:
        self._rollups = rollups
        self._parts = [_Part(rollup, breadth) for _, rollup, breadth in rollups.parts]
        self._keys: list[bytes] = []
        self._settled = True
        self._points: list[float] | None = None

    @property
    def rollups(self) -> Rollups:
        """The scores that are made of them."""
        return self._rollups

    def under(self, rollups: Rollups, shares_of: Callable[[bytes], Sequence[Contribution]]) -> "Contributions":
        """What the same members bring to other scores; `shares_of` reads it by their keys."""
        twin = Contributions(rollups)
        for key in self.members:
            twin.restore(key, shares_of(key))
        return twin

    @property
    def members(self) -> list[bytes]:
        """The members' keys, ascending; not to be changed."""
        self._settle()
        return self._keys

    def restore(self, key: bytes, shares: Sequence[Contribution]) -> None:
        """A member from the table, each once, before anything else."""
        self._keys.append(key)
        for part, share in zip(self._parts, shares, strict=False):
            part.add(share, sort=False)
        self._settled = False
        self._points = None

    def put(self, key: bytes, shares: Sequence[Contribution], before: Sequence[Contribution] | None) -> None:
        """A member's contributions, in place of what it brought before (None: it is new)."""
        self._settle()
        if before is None:
            insort(self._keys, key)
        else:
            self._remove(before)
        for part, share in zip(self._parts, shares, strict=False):
            part.add(share, sort=True)
        self._points = None

    def drop(self, key: bytes, before: Sequence[Contribution]) -> None:
        """A member has left."""
        self._settle()
        del self._keys[bisect_left(self._keys, key)]
        self._remove(before)
        self._points = None

    def over(self, first: int, last: int) -> tuple[list[float], list[float]]:
        """The points of each score: the same over any span, as contributions change only by messages."""
        if self._points is None:
            self._settle()
            self._points = [0.0] * self._rollups.size
            for (index, _, _), part in zip(self._rollups.parts, self._parts, strict=True):
                self._points[index] = part.points()
        return self._points, self._points

    def _remove(self, shares: Sequence[Contribution]) -> None:
        for part, share in zip(self._parts, shares, strict=False):
            part.remove(share)

    def _settle(self) -> None:
        if not self._settled:
            self._keys.sort()
            for part in self._parts:
                part.settle()
            self._settled = True


def _capped(rollup: Rollup, value: float) -> float:
    cap = rollup.per_member
    return float(value) if cap is None or value < cap else float(cap)


def _exact(value: float) -> int:
    """A finite float in units of 2 ** -_FRACTION."""
    numerator, denominator = value.as_integer_ratio()
    return numerator << (_FRACTION + 1 - denominator.bit_length())


def _float(total: int) -> float:
    """The nearest float, as a sum of floats would have it beyond the greatest one."""
    try:
        return total / (1 << _FRACTION)
    except OverflowError:
        return inf if total > 0 else -inf


def _needed(rollup: Rollup, members: int) -> int:
    """How many of the highest contributions decide a roll-up; at least one."""
    if rollup.method == "max":
        return 1
    if rollup.method == "top":
        return max(rollup.top, 1)
    if rollup.factor >= 1:
        return max(members, 1)
    needed, weight = 1, 1.0
    while weight > _NEGLIGIBLE and needed < members:
        weight *= rollup.factor
        needed += 1
    return needed
