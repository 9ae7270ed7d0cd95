"""Which ranked lists there are, by the names that people use; and how a page of one is read."""

from collections.abc import Mapping, Sequence
from typing import Any

from stream_app.engine.model.types import Scorecard
from stream_app.serving.projection.base import Page, Projection, Query
from stream_app.serving.projection.changes import account_facet, band_facet, owner_facet, stage_facet
from stream_app.serving.projection.ranking import first_ranked

_STRETCHES = 25
"""A page is looked for in so many calls at most; then it is shorter, and its cursor goes on."""


class ListError(ValueError):
    """A name that there is not. `name` is the parameter's; the message says what there is."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def score_asked(card: Scorecard, ranked: frozenset[str], given: str | None) -> str:
    """The score to rank by. Raises `ListError`."""
    names = [score.name for score in card.scores] + [score.name for score in card.combined]
    there = [name for name in names if name in ranked] or names
    found = first_ranked(card, ranked) if given is None else given
    if found not in there:
        raise ListError("score", f"lists are ranked by {', '.join(there) or 'none'} (the projector's --rank)")
    return found


def facets_of_names(
    card: Scorecard, stage: str | None, band: str | None, owner: str | None, account: str | None
) -> list[str]:
    """The facets that a list is narrowed to. Raises `ListError`."""
    facets = []
    if stage is not None:
        ladders = {ladder.name: [one.name for one in ladder.stages] for ladder in card.ladders}
        facets.append(stage_facet(*_one_of("stage", stage, ladders)))
    if band is not None:
        bands = {one.name: [name for name, _ in one.ranges.bounds] for one in card.bands}
        facets.append(band_facet(*_one_of("band", band, bands)))
    if owner is not None:
        facets.append(owner_facet(owner))
    if account is not None:
        facets.append(account_facet(account))
    return facets


async def page_of(projection: Projection, query: Query) -> Page:
    """A page, read in as many stretches as it takes within reason. Raises `GoneError`."""
    rows: list[Any] = []
    after = query.after
    for _ in range(_STRETCHES):
        wanted = query.limit - len(rows)
        page = await projection.page(Query(query.subject, query.score, query.facets, wanted, after, query.lowest))
        rows += page.rows
        after = page.last
        if after is None or len(rows) >= query.limit:
            break
    return Page(rows, after)


def _one_of(name: str, given: str, known: Mapping[str, Sequence[str]]) -> tuple[str, str]:
    """`LADDER:STAGE`, or a stage that is on one ladder only; likewise a band."""
    pairs = [(whole, part) for whole, parts in known.items() for part in parts]
    found = [pair for pair in pairs if given in (pair[1], f"{pair[0]}:{pair[1]}")]
    if len(found) != 1:
        words = ", ".join(f"{whole}:{part}" for whole, part in pairs)
        raise ListError(name, f"expected one of {words or 'none'}")
    return found[0]
