"""The ranked queue as `stream-app top` prints it. What may be asked for is told here and in the query API alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from redis.exceptions import RedisError

from stream_app.engine.model.types import Model
from stream_app.errors import KnownError
from stream_app.serving.projection.base import GoneError, Projection, Query
from stream_app.serving.projection.lists import ListError, facets_of_names, page_of, score_asked
from stream_app.serving.projection.store import refused

_AT_ONCE = 500


@dataclass(frozen=True)
class Asked:
    """The options of the command."""

    score: str | None = None
    stage: str | None = None
    band: str | None = None
    owner: str | None = None
    account: str | None = None
    accounts: bool = False
    lowest: bool = False

    def query(self, model: Model, ranked: frozenset[str], limit: int) -> Query:
        """The list that is meant. Raises `KnownError`."""
        card = model.account if self.accounts else model.lead
        if self.accounts and (self.owner or self.account):
            raise KnownError("--accounts goes with neither --owner nor --account, which are of leads")
        try:
            score = score_asked(card, ranked, self.score)
            facets = facets_of_names(card, self.stage, self.band, self.owner, self.account)
        except ListError as error:
            raise KnownError(f"--{error.name}: {error}") from None
        return Query("account" if self.accounts else "lead", score, facets, limit, None, self.lowest)


async def listed(projection: Projection, query: Query) -> list[Any]:
    """The records of a list. Raises `KnownError` where there is no whole projection to read."""
    try:
        if not (await projection.generations()).ready:
            raise KnownError("the projection is empty or still being built: does 'stream-app projector' run?")
        records: list[Any] = []
        after = None
        while len(records) < query.limit:
            wanted = min(_AT_ONCE, query.limit - len(records))
            page = await page_of(
                projection, Query(query.subject, query.score, query.facets, wanted, after, query.lowest)
            )
            records += [orjson.loads(value) for _, value in page.rows]
            after = page.last
            if after is None:
                break
        return records
    except GoneError:
        raise KnownError("the projection is empty: does 'stream-app projector' run?") from None
    except RedisError as error:
        raise KnownError(refused(error)) from None


def columns(query: Query) -> Sequence[str]:
    """The headings."""
    who = ("lead", "account", "owner") if query.subject == "lead" else ("account",)
    return "#", query.score, *who, "stages", "bands", "top reasons"


def row(place: int, query: Query, record: Any) -> Sequence[str]:
    """A record's cells, control characters made visible."""
    who = [record.get("lead"), record.get("account_id"), record.get("owner")]
    if query.subject == "account":
        who = [record["account_id"]]
    reasons = [f"{reason['rule']} {reason['points']:+.3g}" for reason in record["reasons"][:3]]
    cells = [
        str(place),
        f"{record['scores'].get(query.score, ''):g}",
        *(one or "" for one in who),
        " ".join(f"{ladder}:{stage}" for ladder, stage in record["stages"].items()),
        " ".join(record["bands"].values()),
        ", ".join(reasons),
    ]
    return ["".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in cell) for cell in cells]
