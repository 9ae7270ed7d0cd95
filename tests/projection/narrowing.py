"""Ranked lists, long ones and many of them: the part of the contract about how a list is narrowed."""

import itertools
import random
from typing import Any

import orjson

from stream_app.serving.projection.base import Projection, Query, Slice, Spot
from stream_app.serving.projection.changes import Change, account_facet, band_facet, owner_facet, stage_facet
from tests.projection.records import score

SCORES = ("lead-scores", 0)
MQL, WARM = stage_facet("lifecycle", "mql"), band_facet("warmth", "warm")


async def take(projection: Projection, *changes: Change, begin: int | None = None) -> None:
    """Changes of the score topic as one slice."""
    generation = await projection.begin()
    first = begin if begin is not None else (await projection.positions(generation)).get(SCORES, 0)
    await projection.apply(generation, [Slice(SCORES, first, changes[-1].offset + 1, changes)])


async def revision(projection: Projection, key: str) -> int | None:
    """The revision of a lead's record."""
    value = (await projection.row("lead", key)).value
    return None if value is None else int(orjson.loads(value)["revision"])


async def names(
    projection: Projection, *facets: str, score: str = "total", lowest: bool = False, limit: int = 2
) -> list[str]:
    """Who is on a list, through pages of `limit`."""
    found: list[str] = []
    after: Spot | None = None
    while True:
        page = await projection.page(Query("lead", score, facets, limit, after, lowest))
        found += [orjson.loads(value)["lead"] for _, value in page.rows]
        if page.last is None:
            return found
        after = page.last


class NarrowingContract:
    """Inherited by the contract."""

    async def test_every_list_is_the_whole_one_narrowed(self, projection: Projection) -> None:
        """Whatever leads are together on, and however long a list is: its order is that of the whole list. Most scores are
        shared by many leads, and half the leads move between the first look and the second."""
        chance = random.Random(3)
        keys = [f"user:{chance.choice(['', 'é', 'z'])}{number}" for number in range(1400)]
        leads = {key: _anywhere(chance) for key in keys}
        await _tell(projection, leads, 1)
        await _narrowed(projection, leads)
        moved = {key: _anywhere(chance) for key in chance.sample(keys, 700)}
        await _tell(projection, moved, 2)
        await _narrowed(projection, leads | moved)


def _anywhere(chance: random.Random) -> dict[str, Any]:
    """The fields of a record by which a lead is listed."""
    return {
        "total": chance.randrange(8),
        "minute": chance.randrange(2),
        "stages": {"lifecycle": chance.choice(["known", "mql", "sql"]), "level": chance.choice("ab")},
        "bands": {"warmth": chance.choice(["warm", "cold"])},
        "owner": chance.choice([None, "o", "p"]),
        "account_id": chance.choice([None, "acme", "big", "big", "big"]),
    }


async def _tell(projection: Projection, leads: dict[str, dict[str, Any]], revision: int) -> None:
    first = (await projection.positions(await projection.begin())).get(SCORES, 0)
    changes = [score(first + at, key, revision, **lead) for at, (key, lead) in enumerate(leads.items())]
    await take(projection, *changes)


async def _narrowed(projection: Projection, leads: dict[str, dict[str, Any]]) -> None:
    """Hold many lists against the leads, read in pages from both ends."""
    order = sorted(leads, key=lambda key: (-leads[key]["total"], -leads[key]["minute"], key))
    accounts = (None, "acme", "big")  # few are sorted on the spot, many are not
    for mql, warm, owner, account in itertools.product((False, True), (False, True), (None, "o"), accounts):
        facets = [MQL] * mql + [WARM] * warm
        facets += [owner_facet(owner)] if owner else []
        facets += [account_facet(account)] if account else []
        wanted = [
            key
            for key in order
            if not mql or leads[key]["stages"]["lifecycle"] == "mql"
            if not warm or leads[key]["bands"]["warmth"] == "warm"
            if owner in (None, leads[key]["owner"])
            if account in (None, leads[key]["account_id"])
        ]
        assert await names(projection, *facets, limit=37) == wanted
        assert await names(projection, *facets, limit=500, lowest=True) == wanted[::-1]
