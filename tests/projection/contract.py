"""What every projection must do (`Projection`): a suite to inherit, with a fixture `projection`."""

import asyncio
import random
from collections.abc import Iterator, Sequence

import msgspec
import orjson
import pytest

from stream_app.serving.projection.base import (
    BehindError,
    GapError,
    Generations,
    GoneError,
    Projection,
    Query,
    Slice,
)
from stream_app.serving.projection.changes import Change, account_facet, change_of, owner_facet
from tests.projection.narrowing import MQL, SCORES, NarrowingContract, names, revision, take
from tests.projection.records import Record, change, erased, move, score, score_document, tombstone

MOVES = ("transitions", 0)


class ProjectionContract(NarrowingContract):
    """Inherited by the tests of each implementation."""

    async def test_nothing_is_live_at_first(self, projection: Projection) -> None:
        """Who reads is told so; whoever begins first begins for all."""
        assert await projection.generations() == Generations(None, None, False)
        with pytest.raises(GoneError):
            await projection.row("lead", "user:ann")
        with pytest.raises(GoneError):
            await projection.page(Query("lead", "total"))
        generation = await projection.begin()
        assert await projection.begin() == generation
        assert (await projection.generations()).live == generation

    async def test_ready_once_it_has_what_there_was_at_its_beginning(self, projection: Projection) -> None:
        """The first word about that stands."""
        generation = await projection.begin()
        await projection.expect(generation, {SCORES: 2, MOVES: 0})
        await projection.expect(generation, {SCORES: 9, MOVES: 9})
        await take(projection, score(0, "user:ann", 1, 5))
        assert not (await projection.generations()).ready
        await take(projection, score(1, "user:ann", 2, 6))
        assert (await projection.generations()).ready

    async def test_the_greatest_revision_wins(self, projection: Projection) -> None:
        """Whatever its offset: a topic that was mirrored may tell a record twice."""
        await take(projection, score(0, "user:ann", 3, 5), score(1, "user:ann", 2, 4), score(2, "user:ann", 3, 9))
        assert (await projection.row("lead", "user:ann")).value == orjson.dumps(score_document("user:ann", 3, 5))
        await take(projection, score(3, "user:ann", 4, 7))
        assert await revision(projection, "user:ann") == 4
        assert await names(projection) == ["user:ann"]

    async def test_a_replay_changes_nothing(self, projection: Projection) -> None:
        """What lies before the stored position is passed over, tombstones and transitions included."""
        generation = await projection.begin()
        old = [score(0, "user:ann", 1, 5), tombstone(1, "user:ann"), score(2, "user:ann", 2, 6)]
        slices = [Slice(SCORES, 0, 3, old), Slice(MOVES, 0, 2, [move(0, "user:ann", 1), move(1, "user:ann", 2)])]
        await projection.apply(generation, slices)
        before = await projection.row("lead", "user:ann")
        await projection.apply(generation, slices)
        await projection.apply(generation, [Slice(SCORES, 0, 2, old[:2])])
        assert await projection.row("lead", "user:ann") == before
        assert before.moves_total == 2
        assert await projection.positions(generation) == {SCORES: 3, MOVES: 2}

    async def test_a_slice_that_overlaps_is_taken_from_the_position_on(self, projection: Projection) -> None:
        """Two projectors cut the same partition at different places."""
        await take(projection, score(0, "user:ann", 1, 5), score(1, "user:bob", 1, 5))
        await take(projection, tombstone(0, "user:bob"), score(2, "user:cyd", 1, 5), begin=0)
        assert await names(projection) == ["user:ann", "user:bob", "user:cyd"]

    async def test_what_is_left_out_is_told(self, projection: Projection) -> None:
        """Before the stored position, whole slices and parts; older than the record that is there, or was."""
        generation = await projection.begin()
        old = [score(0, "user:ann", 3, 5), tombstone(1, "user:bob")]
        assert await projection.apply(generation, [Slice(SCORES, 0, 2, old)]) == []
        assert await projection.apply(generation, [Slice(SCORES, 0, 2, old)]) == old
        more = [old[1], score(2, "user:ann", 2, 9), score(3, "user:ann", 4, 9), tombstone(4, "user:ann")]
        more += [score(5, "user:ann", 4, 9), score(6, "user:ann", 5, 9)]
        slices = [Slice(SCORES, 1, 7, more), Slice(MOVES, 0, 1, [move(0, "user:ann", 1)])]
        assert await projection.apply(generation, slices) == [more[0], more[1], more[4]]

    async def test_a_gap_is_refused(self, projection: Projection) -> None:
        """A store that lost its last second says so, and takes nothing that lies behind it."""
        generation = await projection.begin()
        slices = [Slice(MOVES, 0, 1, [move(0, "user:ann", 1)]), Slice(SCORES, 5, 6, [score(5, "user:ann", 9, 5)])]
        with pytest.raises(GapError):
            await projection.apply(generation, slices)
        assert await revision(projection, "user:ann") is None
        assert await projection.positions(generation) == {MOVES: 1}

    async def test_what_is_sent_before_the_last_was_taken_comes_after_it(self, projection: Projection) -> None:
        """Who feeds need not wait: the order is that of the calls."""
        generation = await projection.begin()
        slices = [Slice(MOVES, n, n + 1, [move(n, "user:ann", n + 1)]) for n in range(50)]
        await asyncio.gather(*(projection.apply(generation, [one]) for one in slices))
        assert (await projection.row("lead", "user:ann")).moves_total == 50

    async def test_a_tombstone_removes_and_guards(self, projection: Projection) -> None:
        """An older record can't come back; the lead can, with a greater revision."""
        await take(projection, score(0, "user:ann", 7, 5), tombstone(1, "user:ann"), score(2, "user:ann", 6, 4))
        assert await revision(projection, "user:ann") is None
        assert await names(projection) == []
        await take(projection, score(3, "user:ann", 8, 3))
        assert await revision(projection, "user:ann") == 8
        assert await names(projection) == ["user:ann"]

    async def test_erased_for_good(self, projection: Projection) -> None:
        """Record and transitions go, and what was said before does not come back, in whatever order topics are read."""
        generation = await projection.begin()
        gone = [move(0, "user:ann", 1), erased(1, "user:ann", 10), erased(2, "user:bob", 10), erased(3, "user:cyd", 1)]
        await take(projection, score(0, "user:ann", 1, 5, minute=4), score(1, "user:cyd", 8, 5, minute=9))
        await projection.apply(generation, [Slice(MOVES, 0, 4, gone)])
        assert (await projection.row("lead", "user:ann")).moves_total == 0
        await take(projection, score(2, "user:ann", 2, 5, minute=10), score(3, "user:bob", 3, 5, minute=9))
        assert await names(projection) == ["user:cyd"]  # who had come back since
        await take(projection, score(4, "user:bob", 4, 5, minute=11))
        assert await names(projection) == ["user:bob", "user:cyd"]

    async def test_ranked_by_score_then_recency_then_key(self, projection: Projection) -> None:
        """S082, S303, S306: the same order each time, whatever the order of arrival."""
        wanted = [("d", 80, 1), ("b", 50.5, 9), ("a", 50.5, 3), ("c", 50.5, 3), ("e", 0, 30), ("f", -3, 30)]
        leads = [(f"user:{name}", total, minute) for name, total, minute in wanted]
        shuffled = random.Random(5).sample(leads, len(leads))
        await take(projection, *(score(at, key, 1, total, minute=m) for at, (key, total, m) in enumerate(shuffled)))
        assert await names(projection) == [key for key, *_ in leads]
        assert await names(projection, lowest=True) == [key for key, *_ in reversed(leads)]

    async def test_lists_follow_their_leads(self, projection: Projection) -> None:
        """By stage, owner, account, and all of them at once; a lead that moves on leaves the list."""
        await take(
            projection,
            score(0, "user:ann", 1, 40, owner="o", account_id="acme"),
            score(1, "user:bob", 1, 50, owner="o"),
            score(2, "user:cyd", 1, 20, owner="o", account_id="acme"),
            score(3, "user:dee", 1, 60, owner="p", account_id="acme"),
        )
        assert await names(projection, MQL) == ["user:dee", "user:bob", "user:ann"]
        assert await names(projection, owner_facet("o")) == ["user:bob", "user:ann", "user:cyd"]
        assert await names(projection, MQL, owner_facet("o"), account_facet("acme")) == ["user:ann"]
        await take(projection, score(4, "user:ann", 2, 10, owner="p"), score(5, "user:dee", 2, 61, owner="o"))
        assert await names(projection, MQL) == ["user:dee", "user:bob"]
        assert await names(projection, owner_facet("p")) == ["user:ann"]
        assert await names(projection, account_facet("acme")) == ["user:cyd"]
        assert await names(projection, owner_facet("nobody")) == []

    async def test_suppressed_and_disqualified_are_on_no_list(self, projection: Projection) -> None:
        """S302: until they are not any more. Their records can still be asked for."""
        generation = await projection.begin()
        table = ("lead-changelog", 0)
        await take(projection, score(0, "user:ann", 1, 40), score(1, "user:bob", 1, 50, suppressed=True))
        out, back = entry("disqualified"), entry("won")
        await projection.apply(generation, [Slice(table, 0, 1, [change("lead-changelog", 0, "user:ann", out)])])
        assert await names(projection) == []
        await take(projection, score(2, "user:ann", 2, 45), score(3, "user:bob", 2, 55))
        assert await names(projection) == ["user:bob"]
        assert await revision(projection, "user:ann") == 2
        await projection.apply(generation, [Slice(table, 1, 2, [change("lead-changelog", 1, "user:ann", back)])])
        assert await names(projection, MQL) == ["user:bob", "user:ann"]
        assert (await projection.row("lead", "user:ann")).entry == back

    async def test_states_and_members_come_and_go(self, projection: Projection) -> None:
        """What explanations are made of; the lane's own records are none of it."""
        generation = await projection.begin()
        places = ("lead-changelog", 0), ("account-changelog", 0)
        member = b"m\x92\xa4acme\xa8user:ann"
        await projection.apply(
            generation,
            [
                Slice(places[0], 0, 1, [change("lead-changelog", 0, "user:ann", entry(None))]),
                Slice(places[1], 0, 2, [change("account-changelog", 0, "aacme", b"12345678\x02x")]),
                Slice(places[1], 2, 3, [change("account-changelog", 2, member, b"\x90")]),
            ],
        )
        assert (await projection.row("lead", "user:ann")).entry == entry(None)
        acme = await projection.row("account", "acme", members=True)
        assert (acme.entry, acme.members) == (b"12345678\x02x", {"user:ann": b"\x90"})
        assert (await projection.row("account", "acme")).members == {}
        await projection.apply(
            generation,
            [
                Slice(places[0], 1, 2, [change("lead-changelog", 1, "user:ann", None)]),
                Slice(places[1], 3, 4, [change("account-changelog", 3, member, None)]),
            ],
        )
        assert (await projection.row("lead", "user:ann")).entry is None
        assert (await projection.row("account", "acme", members=True)).members == {}
        for key in (b"\x00positions", b"before:user:ann", b"before:acme", b"version:1"):  # the lanes' own
            for base in ("lead-changelog", "account-changelog"):
                assert change_of(base, Record(base, 2, key, b"{}")) is None

    async def test_the_latest_transitions_are_kept(self, projection: Projection) -> None:
        """The newest first, 200 of them, and how many there were."""
        generation = await projection.begin()
        await projection.apply(generation, [Slice(MOVES, 0, 230, [move(n, "user:ann", n + 1) for n in range(230)])])
        row = await projection.row("lead", "user:ann")
        assert (len(row.moves), row.moves_total) == (200, 230)
        assert [orjson.loads(one)["seq"] for one in row.moves] == list(range(230, 30, -1))

    async def test_a_generation_is_built_beside_and_switched_to_when_it_is_not_behind(
        self, projection: Projection
    ) -> None:
        """Readers go on with the old one; nobody writes to it after the switch; what is left is swept."""
        await take(projection, score(0, "user:old", 1, 5))
        old, new = await projection.begin(), await projection.build()
        assert await projection.generations() == Generations(old, new, False)
        with pytest.raises(BehindError):
            await projection.switch(new)
        await projection.apply(new, [Slice(SCORES, 0, 1, [score(0, "user:new", 1, 5)])])
        assert await names(projection) == ["user:old"]
        await projection.switch(new)
        assert await names(projection) == ["user:new"]
        with pytest.raises(GoneError):
            await projection.apply(old, [Slice(SCORES, 1, 2, [score(1, "user:zombie", 1, 5)])])
        assert await projection.sweep() == 1
        assert await projection.sweep() == 0
        assert await names(projection) == ["user:new"]

    async def test_who_builds_later_takes_over(self, projection: Projection) -> None:
        """The first is told, and leaves nothing."""
        first, second = await projection.build(), await projection.build()
        with pytest.raises(GoneError):
            await projection.apply(first, [Slice(SCORES, 0, 1, [score(0, "user:ann", 1, 5)])])
        with pytest.raises(GoneError):
            await projection.switch(first)
        await projection.abandon(first)
        assert (await projection.generations()).building == second
        await projection.abandon(second)
        assert (await projection.generations()).building is None

    async def test_a_generation_that_is_lost(self, projection: Projection) -> None:
        """Is given up by who has it, and another begins empty."""
        await take(projection, score(0, "user:ann", 1, 5))
        old = await projection.begin()
        await projection.lose(old + 1)
        assert await projection.begin() == old
        await projection.lose(old)
        new = await projection.begin()
        assert new > old
        assert await projection.positions(new) == {}

    async def test_any_cut_and_repetition_ends_alike(self, projection: Projection) -> None:
        """S306: two zombies that say it all again in slices of any length, in between, change nothing."""
        chance = random.Random(11)
        history = list(story(chance, 300))
        generation = await projection.begin()
        done = 0
        while done < len(history):
            begin = chance.randint(max(0, done - 40), done)
            end = min(len(history), chance.randint(begin + 1, begin + 40))
            await projection.apply(generation, [Slice(SCORES, begin, end, history[begin:end])])
            done = max(done, end)
        expected = outcome(history)
        for key, wanted in expected.items():
            assert await revision(projection, key) == wanted
        assert sorted(await names(projection)) == sorted(key for key, wanted in expected.items() if wanted)


def story(chance: random.Random, length: int) -> Iterator[Change]:
    """Scores and tombstones of ten leads, in the order of their offsets, revisions growing as a worker's do."""
    revisions = dict.fromkeys([f"user:{number}" for number in range(10)], 0)
    for offset in range(length):
        key = chance.choice(list(revisions))
        if chance.random() < 0.2:
            yield tombstone(offset, key)
        else:
            revisions[key] += 1
            yield score(offset, key, revisions[key], chance.randrange(100))


def outcome(history: Sequence[Change]) -> dict[str, int | None]:
    """The revision that each lead ends with."""
    return {one.key: getattr(one, "revision", None) for one in history if hasattr(one, "key")}


def entry(outcome: str | None) -> bytes:
    """A lead's entry in a worker's table, as far as the projection looks into it."""
    marks = {} if outcome is None else {"outcome": (1, "e1", outcome)}
    return b"\x7f" + b"\xff" * 7 + b"\x02" + msgspec.msgpack.encode(["user:ann", 1, 1, 1, b"", 0, {}, marks, {}])
