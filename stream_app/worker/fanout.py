"""How the news of an account reach its members: at once where they are few, else some in each transaction.

The rule: who is told is told what the account is *then*; when an account has been quiet for a while, every member has been
told its latest news. The members stand in the order of their keys, and the news go round: when there are others while
they are under way, they go on from where they are until they are there again. So an account whose every event is news
costs a message for each record that its partition takes, not one for each member and event. How far the news are lies
in the table (key `t`), so that a restart goes on.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import msgspec

from stream_app.streaming.processor import StateReader

FEW: Final = 100  # members that are told at once
AT_ONCE: Final = 5_000  # messages of a transaction to accounts of few members
LEAST: Final = 100  # messages of a transaction, besides: at least, and at most; between them as many as records
MOST: Final = 1_000
A_TURN: Final = 250  # before the next account has its turn
HEAD: Final = b"t"

KeysOf = Callable[[str], list[bytes]]


class Standing(msgspec.Struct, array_like=True):
    """How far the latest news of an account are. `under_way` until every member has been told.

    `facts` and `scores` are digests of what is seen of the account, `at` (ms) since when, `event_id` what made it so.
    Those told last are up to `position`, and it goes on to the last member (`wraps`: and then from the first one) and
    to `stop`.
    """

    under_way: bool
    facts: bytes
    scores: bytes
    at: int
    event_id: str | None
    position: bytes
    stop: bytes
    wraps: bool
    cause: str = "fact"  # of what members make of them

    def go_round(self) -> None:
        """There are news: until every member has been told from here on."""
        self.under_way, self.stop, self.wraps = True, self.position, True

    def take(self, members: Sequence[bytes], most: int) -> list[bytes]:
        """Up to so many of the members that are to be told next."""
        taken: list[bytes] = []
        while self.under_way and len(taken) < most:
            first = bisect_right(members, self.position)
            last = len(members) if self.wraps else bisect_right(members, self.stop)
            some = members[first : min(last, first + most - len(taken))]
            taken += some
            if some:
                self.position = some[-1]
            if first + len(some) < last:
                continue
            if self.wraps:
                self.position, self.wraps = b"", False
            else:
                self.under_way, self.position, self.stop = False, b"", b""  # no trace of who was told
        return taken


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Standing).decode


def under_way(entry: bytes) -> bool:
    """Whether an entry of the table says that not all members have been told."""
    return _decode(entry).under_way


class Fanout:
    """The news of a partition's accounts. `keys_of` gives an account's members in order."""

    def __init__(self, state: StateReader, keys_of: KeysOf) -> None:
        self._state = state
        self._keys_of = keys_of
        self._waiting: dict[str, None] = {}  # accounts whose news are under way, in turn
        self._fresh: dict[str, None] = {}  # those with news since the last `run`
        self._standings: dict[str, Standing] = {}  # those changed since the last `changes`

    def restore(self, key: bytes, entry: bytes) -> None:
        """Take up what was under way."""
        if under_way(entry):
            self._waiting[key[len(HEAD) :].decode()] = None

    @property
    def waiting(self) -> bool:
        """Whether there are members to be told."""
        return bool(self._waiting)

    def under_way(self) -> list[str]:
        """The accounts whose news are under way."""
        return list(self._waiting)

    def known(self, name: str) -> Standing | None:
        """What an account has told its members, None if it never had anything to tell."""
        found = self._standings.get(name)
        if found is None and (entry := self._state.get(HEAD + name.encode())) is not None:
            found = _decode(entry)
        return found

    def news(
        self, name: str, facts: bytes, scores: bytes, at: int, fact_at: int, event_id: str | None, cause: str = "fact"
    ) -> None:
        """What is seen of an account may have changed: its scores `at` a time, or only its facts at `fact_at`."""
        standing = self.known(name)
        if standing is None:
            if not facts and not scores:
                return
            standing = Standing(False, b"", b"", 0, None, b"", b"", False)
        elif standing.facts == facts and standing.scores == scores:
            return
        since = at if standing.scores != scores else fact_at
        standing.at = max(since, standing.at) if standing.under_way else since
        standing.facts, standing.scores, standing.event_id = facts, scores, event_id
        standing.cause = cause
        standing.go_round()
        self._standings[name] = standing
        self._fresh[name] = self._waiting[name] = None

    def run(self, allowance: int) -> Iterator[tuple[str, Standing, list[bytes]]]:
        """Who is to be told now: an account, its standing, members. At most as `FEW` to `A_TURN` say."""
        room = AT_ONCE
        for name in self._fresh:
            count = len(self._keys_of(name))
            if count <= min(FEW, room):
                room -= count
                yield self._next(name, FEW + 1)
        self._fresh.clear()
        room = max(LEAST, min(allowance, MOST))
        while self._waiting and room > 0:
            told = self._next(next(iter(self._waiting)), min(room, A_TURN))
            room -= max(1, len(told[2]))
            yield told

    def _next(self, name: str, most: int) -> tuple[str, Standing, list[bytes]]:
        standing = self.known(name)
        assert standing is not None
        members = standing.take(self._keys_of(name), most)
        self._standings[name] = standing
        self._waiting.pop(name, None)
        if standing.under_way:
            self._waiting[name] = None
        return name, standing, members

    def changes(self) -> Iterator[tuple[bytes, bytes]]:
        """What has changed in the table since the last call."""
        standings, self._standings = self._standings, {}
        return ((HEAD + name.encode(), _encode(standing)) for name, standing in standings.items())
