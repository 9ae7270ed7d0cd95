"""The projection in a Redis-compatible server (Redis 7 or Valkey; a single one, no cluster).

Keys, under a prefix: `meta` (the live generation, the one being built, the last number) and, under `g<number>:`,
`positions`, `expected`, `lead:<key>` and `account:<id>` (hashes), `moves:<subject>:<key>` (lists), `members:<account>`
(hashes), `rank:<subject>:<score>:` and a cell or an owner (sorted sets), `cells:<subject>:<score>` and `on:<subject>:<account>` (sets), `guard:...`
(what is left of a tombstone, without the key). A *cell* is those who are on the same stages and in the same bands.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Self, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from stream_app.errors import KnownError
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
from stream_app.serving.projection.changes import Change, Subject
from stream_app.serving.projection.wire import packed

GUARD_SECONDS = 8 * 86_400
"""How long a tombstone's guard is kept: longer than the tombstone itself on the topic (`delete.retention.ms`)."""
LOOKED_AT = 2_000
"""So many members of a list are looked at in one call, which nobody else's call can interrupt."""
_AT_ONCE = 1_000
_ANSWER_S = 10.0


class Store:
    """See the module. Made by `open_store`; `redis` must not decode its answers."""

    def __init__(self, redis: "Redis", prefix: str) -> None:
        self.prefix = prefix
        self._redis = redis
        self._meta = f"{prefix}meta"
        self._shas: dict[str, str] = {}
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose()

    async def generations(self) -> Generations:
        """See Projection."""
        live, building = await self._known()
        return Generations(live, building, live is not None and await self._ready(live))

    async def begin(self) -> int:
        """See Projection."""
        live, _ = await self._known()
        while live is None:
            number = await self._number()
            await _answer(self._redis.hsetnx(self._meta, "live", str(number)))
            live, _ = await self._known()
        return live

    async def expect(self, generation: int, ends: Mapping[Place, int]) -> None:
        """See Projection."""
        wanted = self._key(generation, "expected")
        if ends and not await _answer(self._redis.exists(wanted)):
            await _answer(self._redis.hset(wanted, mapping={_told(place): end for place, end in ends.items()}))

    async def positions(self, generation: int) -> dict[Place, int]:
        """See Projection."""
        found = await _answer(self._redis.hgetall(self._key(generation, "positions")))
        return {_place(place): int(position) for place, position in found.items()}

    async def apply(self, generation: int, slices: Sequence[Slice]) -> list[Change]:
        """See Projection."""
        calls = [
            (generation, _told(one.place), one.begin, one.end, packed(one.changes), MOVES, GUARD_SECONDS)
            for one in slices
        ]
        async with self._turn:
            answers = await self._scripts("apply", calls)
        older: list[Change] = []
        for one, (said, position, *left) in zip(slices, answers, strict=True):
            if said == b"gone":
                raise GoneError(f"generation {generation} is neither live nor being built")
            if said == b"gap":
                raise GapError(f"{_told(one.place)}: {position} is stored, the slice begins at {one.begin}")
            older += one.changes if said == b"passed" else [one.changes[number - 1] for number in left[0]]
        return older

    async def lose(self, generation: int) -> None:
        """See Projection."""
        await self._forget("live", generation)

    async def build(self) -> int:
        """See Projection."""
        number = await self._number()
        await _answer(self._redis.hset(self._meta, "building", str(number)))
        return number

    async def switch(self, generation: int) -> None:
        """See Projection."""
        said = (await self._scripts("switch", [(generation,)]))[0]
        if said == b"behind":
            raise BehindError(f"generation {generation} is behind the live one")
        if said == b"gone":
            raise GoneError(f"generation {generation} is not being built any more")

    async def abandon(self, generation: int) -> None:
        """See Projection."""
        await self._forget("building", generation)

    async def sweep(self) -> int:
        """See Projection."""
        last = int(await _answer(self._redis.hget(self._meta, "last")) or 0)
        swept = int(await _answer(self._redis.hget(self._meta, "swept")) or 0)
        known = {number for number in await self._known() if number is not None}
        gone = [number for number in range(swept + 1, last + 1) if number not in known]
        removed = 0
        for number in gone:
            removed += await self._remove(number)
        # All below the eldest that is still known are gone for good.
        done = min(known, default=0) - 1
        if done > swept:
            await _answer(self._redis.hset(self._meta, "swept", str(done)))
        return removed

    async def row(self, subject: Subject, key: str, members: bool = False) -> Row:
        """See Projection."""
        found = (await self._scripts("row", [(subject, key, int(members))]))[0]
        if found is None:
            raise GoneError("there is no live generation")
        value, entry, total, moves, brought = found
        shares = {lead.decode(): share for lead, share in zip(brought[::2], brought[1::2], strict=True)}
        return Row(value, entry, moves, int(total or 0), shares)

    async def page(self, query: Query) -> Page:
        """See Projection."""
        value, member = ("", "") if query.after is None else (repr(query.after[0]), query.after[1])
        words = (query.subject, query.score, query.limit, LOOKED_AT, int(query.lowest), value, member, *query.facets)
        said, *found = (await self._scripts("page", [words]))[0]
        if said == b"gone":
            raise GoneError("there is no live generation")
        cells = found[0]
        triples = zip(cells[::3], cells[1::3], cells[2::3], strict=True)
        rows = [(_spot(value, member), record) for value, member, record in triples]
        return Page(rows, None if said == b"end" else _spot(found[1], found[2]))

    # -- how ------------------------------------------------------------------------------------------------------------

    async def _known(self) -> tuple[int | None, int | None]:
        live, building = await _answer(self._redis.hmget(self._meta, ["live", "building"]))
        return None if live is None else int(live), None if building is None else int(building)

    async def _ready(self, generation: int) -> bool:
        expected = await _answer(self._redis.hgetall(self._key(generation, "expected")))
        positions = await _answer(self._redis.hgetall(self._key(generation, "positions")))
        return bool(expected) and all(int(positions.get(place, 0)) >= int(end) for place, end in expected.items())

    async def _number(self) -> int:
        return int(await _answer(self._redis.hincrby(self._meta, "last", 1)))

    async def _forget(self, role: str, generation: int) -> None:
        """Take a role from a generation, if it still has it."""
        script = "if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end"
        await _answer(self._redis.eval(script, 1, self._meta, role, str(generation)))

    async def _remove(self, generation: int) -> int:
        found, cursor = 0, 0
        while True:
            cursor, keys = await _answer(
                self._redis.scan(cursor, match=f"{_literal(self.prefix)}g{generation}:*", count=_AT_ONCE)
            )
            if keys:
                found = 1
                await _answer(self._redis.unlink(*keys))
            if cursor == 0:
                return found

    async def _scripts(self, name: str, calls: Sequence[Sequence[Any]]) -> list[Any]:
        """What a script answers to each of some calls, all sent at once. A server that lost the script is given it anew."""
        for _ in range(2):
            sha = self._shas.get(name) or await self._load(name)
            pipeline = self._redis.pipeline(transaction=False)
            for words in calls:
                pipeline.evalsha(sha, 1, self.prefix, *words)
            answers = await pipeline.execute(raise_on_error=False)
            if not any(isinstance(answer, NoScriptError) for answer in answers):
                break
            del self._shas[name]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return list(answers)

    async def _load(self, name: str) -> str:
        text = files(__package__).joinpath(f"{name}.lua").read_text(encoding="utf-8")
        sha = self._shas[name] = str(await _answer(self._redis.script_load(text)))
        return sha

    def _key(self, generation: int, name: str) -> str:
        return f"{self.prefix}g{generation}:{name}"


def open_store(url: str, prefix: str) -> Store:
    """The projection at a `redis://` or `rediss://` URL; nothing is asked of the server yet. Raises `KnownError`."""
    try:
        redis = Redis.from_url(
            url, socket_timeout=_ANSWER_S, socket_connect_timeout=_ANSWER_S, retry=Retry(NoBackoff(), 1)
        )
    except ValueError:
        raise KnownError("the Redis URL: expected redis://[user:password@]host:port/database, or rediss://") from None
    return Store(redis, prefix)


def refused(error: RedisError) -> str:
    """What to tell a person of an error of the server; never the URL, which may hold a password."""
    return f"Redis: {type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _answer(asked: Any) -> Awaitable[Any]:
    """redis-py types its answers for both of its clients at once."""
    return cast("Awaitable[Any]", asked)


def _told(place: Place) -> str:
    return f"{place[0]}:{place[1]}"


def _place(told: bytes) -> Place:
    topic, _, partition = told.decode().rpartition(":")
    return topic, int(partition)


def _spot(value: bytes, member: bytes) -> Spot:
    return float(value), member.decode()


def _literal(text: str) -> str:
    """A text as a pattern that matches only itself."""
    return "".join(f"\\{letter}" if letter in "*?[]\\" else letter for letter in text)
