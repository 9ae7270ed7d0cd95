"""The projection in memory: the contract in plain words, for tests and to hold the one in Valkey against."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stream_app.serving.projection.base import (
    MOVES,
    BehindError,
    GapError,
    Generations,
    GoneError,
    Page,
    Place,
    Query,
    Row,
    Slice,
    Spot,
)
from stream_app.serving.projection.changes import Brought, Change, Erased, Gone, Moved, Scored, Stated, Subject

_Who = tuple[Subject, str]


@dataclass
class _Generation:
    positions: dict[Place, int] = field(default_factory=dict)
    expected: dict[Place, int] = field(default_factory=dict)
    scores: dict[_Who, Scored] = field(default_factory=dict)
    entries: dict[_Who, bytes] = field(default_factory=dict)
    struck: set[_Who] = field(default_factory=set)
    moves: dict[_Who, list[bytes]] = field(default_factory=dict)
    members: dict[str, dict[str, bytes]] = field(default_factory=dict)
    floors: dict[_Who, int] = field(default_factory=dict)
    erased: dict[str, int] = field(default_factory=dict)

    def take(self, change: Change) -> bool:
        """Apply a change; False where it is older than what is there."""
        match change:
            case Scored():
                return self._score(change)
            case Gone(_, subject, key):
                self._remove((subject, key))
            case Moved(_, subject, key, value):
                self.moves.setdefault((subject, key), []).append(value)
            case Erased(_, key, at):
                self._erase(key, at)
            case Stated(_, subject, key, entry, listed):
                if entry is None:
                    self.entries.pop((subject, key), None)
                else:
                    self.entries[subject, key] = entry
                (self.struck.discard if listed else self.struck.add)((subject, key))
            case Brought(_, account, lead, entry):
                members = self.members.setdefault(account, {})
                if entry is None:
                    members.pop(lead, None)
                else:
                    members[lead] = entry
        return True

    def _score(self, change: Scored) -> bool:
        who = change.subject, change.key
        old = self.scores.get(who)
        if old is not None and old.revision >= change.revision:
            return False
        if old is None and change.revision <= self.floors.get(who, 0):
            return False
        if old is None and change.subject == "lead" and change.at <= self.erased.get(change.key, -1):
            return False
        self.scores[who] = change
        return True

    def _remove(self, who: _Who) -> None:
        old = self.scores.pop(who, None)
        if old is not None:
            self.floors[who] = old.revision

    def _erase(self, key: str, at: int) -> None:
        self.moves.pop(("lead", key), None)
        old = self.scores.get(("lead", key))
        if old is not None and old.at <= at:
            self._remove(("lead", key))
        self.erased[key] = at

    def ranked(self, query: Query) -> Iterator[tuple[Spot, bytes]]:
        """Who is on a list, in its order."""
        found = [
            ((change.ranks[query.score], key), change.value)
            for (subject, key), change in self.scores.items()
            if subject == query.subject and query.score in change.ranks and change.listed
            if (subject, key) not in self.struck and set(query.facets) <= {*change.facets, change.owner, change.account}
        ]
        found.sort(key=lambda pair: pair[0], reverse=query.lowest)
        after = query.after
        for spot, value in found:
            if after is None or (spot < after if query.lowest else spot > after):
                yield spot, value

    def reached(self, wanted: Mapping[Place, int]) -> bool:
        """Whether it has come as far."""
        return all(self.positions.get(place, 0) >= end for place, end in wanted.items())


class Memory:
    """See the module and `Projection`."""

    def __init__(self) -> None:
        self._all: dict[int, _Generation] = {}
        self._live: int | None = None
        self._building: int | None = None
        self._last = 0

    async def generations(self) -> Generations:
        """See Projection."""
        live = None if self._live is None else self._all[self._live]
        ready = live is not None and bool(live.expected) and live.reached(live.expected)
        return Generations(self._live, self._building, ready)

    async def begin(self) -> int:
        """See Projection."""
        if self._live is None:
            self._live = self._new()
        return self._live

    async def expect(self, generation: int, ends: Mapping[Place, int]) -> None:
        """See Projection."""
        known = self._all[generation]
        if not known.expected:
            known.expected = dict(ends)

    async def positions(self, generation: int) -> dict[Place, int]:
        """See Projection."""
        return dict(self._all[generation].positions) if generation in self._all else {}

    async def apply(self, generation: int, slices: Sequence[Slice]) -> list[Change]:
        """See Projection."""
        older: list[Change] = []
        for one in slices:
            if generation not in (self._live, self._building):
                raise GoneError(f"generation {generation} is neither live nor being built")
            known = self._all[generation]
            position = known.positions.get(one.place, 0)
            if one.begin > position:
                raise GapError(f"{one.place}: {position} is stored, the slice begins at {one.begin}")
            for change in one.changes:
                if change.offset < position or not known.take(change):
                    older.append(change)
            known.positions[one.place] = max(position, one.end)
        return older

    async def lose(self, generation: int) -> None:
        """See Projection."""
        if self._live == generation:
            self._live = None

    async def build(self) -> int:
        """See Projection."""
        self._building = self._new()
        return self._building

    async def switch(self, generation: int) -> None:
        """See Projection."""
        if generation != self._building:
            raise GoneError(f"generation {generation} is not being built any more")
        mine = self._all[generation]
        live = {} if self._live is None else self._all[self._live].positions
        if not (mine.reached(mine.expected) and mine.reached(live)):
            raise BehindError(f"generation {generation} is behind the live one")
        self._live, self._building = generation, None

    async def abandon(self, generation: int) -> None:
        """See Projection."""
        if self._building == generation:
            self._building = None

    async def sweep(self) -> int:
        """See Projection."""
        gone = [number for number in self._all if number not in (self._live, self._building)]
        for number in gone:
            del self._all[number]
        return len(gone)

    async def row(self, subject: Subject, key: str, members: bool = False) -> Row:
        """See Projection."""
        live, who = self._alive(), (subject, key)
        scored = live.scores.get(who)
        moves = live.moves.get(who, [])
        brought = live.members.get(key, {}) if subject == "account" and members else {}
        value = None if scored is None else scored.value
        return Row(value, live.entries.get(who), moves[::-1][:MOVES], len(moves), dict(brought))

    async def page(self, query: Query) -> Page:
        """See Projection."""
        rows = list(self._alive().ranked(query))
        page = rows[: query.limit]
        return Page(page, page[-1][0] if len(rows) > len(page) else None)

    def _alive(self) -> _Generation:
        if self._live is None:
            raise GoneError("there is no live generation")
        return self._all[self._live]

    def _new(self) -> int:
        self._last += 1
        self._all[self._last] = _Generation()
        return self._last
