"""By which scores subjects are ranked. Pure."""

from collections.abc import Sequence

from stream_app.engine.model.types import Model, Scorecard
from stream_app.errors import KnownError


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
