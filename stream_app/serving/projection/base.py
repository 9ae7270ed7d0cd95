"""What a projection does, whatever keeps it: one contract, held by `memory.py` and `store.py` (Valkey, Redis).

A *generation* is one whole copy, with a number. One is live: it is read and kept in step. Another may be being built.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from stream_app.serving.projection.changes import Change, Subject

MOVES = 200
"""So many of a subject's latest transitions are kept."""

Place = tuple[str, int]
"""A topic (its name on the broker) and a partition."""


class GoneError(Exception):
    """The generation is neither live nor being built: another took its place, or the store has lost everything."""


class GapError(Exception):
    """A slice begins behind the stored position: the store is older than who feeds it thinks."""


class BehindError(Exception):
    """A generation that is behind the live one can't take its place."""


@dataclass(frozen=True, slots=True)
class Slice:
    """What the records of one partition from offset `begin` up to, not including, `end` change, in their order."""

    place: Place
    begin: int
    end: int
    changes: Sequence[Change] = ()


@dataclass(frozen=True, slots=True)
class Generations:
    """The numbers of the live one and the one being built; and whether the live one has all there was when it began."""

    live: int | None
    building: int | None = None
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """What is kept of one subject. `value` is its score record, `entry` the worker's (`worker/entries.py`).

    `moves` are its latest transitions, newest first, `moves_total` counts all of them. `members`: of an account, what each
    lead brings. Empty where nothing is known.
    """

    value: bytes | None = None
    entry: bytes | None = None
    moves: Sequence[bytes] = ()
    moves_total: int = 0
    members: Mapping[str, bytes] = field(default_factory=dict)


Spot = tuple[float, str]
"""A place in a ranked list: `changes.rank_of`, and the key."""


@dataclass(frozen=True, slots=True)
class Query:
    """A page of a ranked list: those on all of `facets` by `score`, the greatest first, the latest of equals first, then by key.

    `after` is the spot behind which it begins. `lowest` turns the order round.
    """

    subject: Subject
    score: str
    facets: Sequence[str] = ()
    limit: int = 50
    after: Spot | None = None
    lowest: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Score records, each with its spot. `last` is the spot behind which the next page begins; None: there is no more."""

    rows: Sequence[tuple[Spot, bytes]]
    last: Spot | None


class Projection(Protocol):
    """See the module. Whoever reads it is never given a part of a slice."""

    async def generations(self) -> Generations:
        """Which there are."""

    async def begin(self) -> int:
        """The live generation, a new and empty one if there was none."""

    async def expect(self, generation: int, ends: Mapping[Place, int]) -> None:
        """Say up to where a generation must have come before it is ready; the first word stands."""

    async def positions(self, generation: int) -> dict[Place, int]:
        """The next offset of each partition that the generation has anything of."""

    async def apply(self, generation: int, slices: Sequence[Slice]) -> list[Change]:
        """Take slices, in order; the changes that were left out: before the stored position, or older than what is there.

        Raises `GoneError`, or `GapError` where a slice begins behind the stored position; slices before it are taken.
        Who calls again before the first call is done has its slices taken after the first's.
        """

    async def lose(self, generation: int) -> None:
        """Give the live generation up, as it does not belong to these topics any more."""

    async def build(self) -> int:
        """A new generation beside the live one, in the place of any that was being built."""

    async def switch(self, generation: int) -> None:
        """Make the one being built the live one. Raises `BehindError` where it is behind, `GoneError`."""

    async def abandon(self, generation: int) -> None:
        """Stop building a generation."""

    async def sweep(self) -> int:
        """Remove what is left of generations that are neither live nor being built; how many there were."""

    async def row(self, subject: Subject, key: str, members: bool = False) -> Row:
        """What the live generation has of a subject, an account's members only if asked for. Raises `GoneError`."""

    async def page(self, query: Query) -> Page:
        """A page of a list of the live generation. It may be shorter than asked for and not the last. Raises `GoneError`."""
