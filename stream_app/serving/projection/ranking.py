"""By which scores subjects are ranked.

The rule: a record is ranked as the version of the model that made it says, whatever is live meanwhile; so a rebuild ranks
alike, and a version that is published later needs none.
"""

from collections.abc import Awaitable, Callable, Sequence

from stream_app.engine.model.types import Model, Scorecard
from stream_app.errors import KnownError
from stream_app.serving.projection.changes import Ranked

Published = Callable[[str], Awaitable[Model | None]]
"""Tells the model of a version, None for one that was never published."""

_MOST = 1_000  # versions


class UnknownVersionError(Exception):
    """A record of a version that has to be learnt first."""

    def __init__(self, version: str) -> None:
        super().__init__(version)
        self.version = version


class Rankings:
    """The scores that records of each version are ranked by.

    They are `otherwise` for a version that was never published, and for all where `published` is None.
    """

    def __init__(self, otherwise: Ranked = frozenset(), published: Published | None = None) -> None:
        self._otherwise, self._published = otherwise, published
        self._known: dict[str, Ranked] = {}

    def of(self, version: str) -> Ranked:
        """What records of a version are ranked by. Raises `UnknownVersionError`."""
        if self._published is None:
            return self._otherwise
        found = self._known.get(version)
        if found is not None:
            return found
        if len(self._known) >= _MOST:
            return self._otherwise
        raise UnknownVersionError(version)

    async def learn(self, version: str) -> None:
        """Ask for a version. Raises `KnownError` where nobody answers."""
        assert self._published is not None
        model = await self._published(version)
        self._known[version] = self._otherwise if model is None else ranked_scores(model)


def ranked_scores(model: Model, named: Sequence[str] = ()) -> frozenset[str]:
    """The scores `named`, else those that a model combines of others, of leads and of accounts; all where it has none.

    Raises `KnownError` for a name that the model does not have.
    """
    cards = (model.lead, model.account)
    known = {name for card in cards for name in _names(card)}
    for name in named:
        if name not in known:
            raise KnownError(
                f"--rank {name}: the model {model.name} has no such score (it has {', '.join(sorted(known))})"
            )
    if named:
        return frozenset(named)
    return frozenset(name for card in cards for name in _foremost(card))


def first_ranked(card: Scorecard, ranked: frozenset[str]) -> str | None:
    """The score that a list is ranked by where none is asked for: the last combined one that is ranked, else the first."""
    combined = [score.name for score in card.combined if score.name in ranked]
    if combined:
        return combined[-1]
    return next((name for name in _names(card) if name in ranked), None) or next(iter(_names(card)), None)


def _foremost(card: Scorecard) -> list[str]:
    return [score.name for score in card.combined] or _names(card)


def _names(card: Scorecard) -> list[str]:
    return [score.name for score in card.scores] + [score.name for score in card.combined]
