"""What a partition's accounts tell their members, transaction by transaction (see `fanout` for who, `sight` for what)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

from stream_app.runtime.account import Account
from stream_app.streaming.processor import Output, StateReader
from stream_app.worker import messages
from stream_app.worker.composition import Scoring
from stream_app.worker.contributions import read_member_key
from stream_app.worker.fanout import HEAD, MOST, Fanout, Standing
from stream_app.worker.messages import AccountSeen
from stream_app.worker.outbox import message
from stream_app.worker.sight import Sight, digest

TELLS: Final = HEAD  # head of its keys in the table


class Telling:
    """The messages of accounts to their members. `account_of` gives an account as it is now, `keys_of` its members."""

    def __init__(
        self,
        scoring: Scoring,
        state: StateReader,
        account_of: Callable[[str], Account],
        keys_of: Callable[[str], list[bytes]],
    ) -> None:
        self._topic = scoring.names.lead_inbox
        self._account_of = account_of
        self._keys_of = keys_of
        self._sight = Sight(scoring.model, scoring.accounts)
        self._fanout = Fanout(state, keys_of)
        # Since the last transaction:
        self._allowance = 0  # members that may be told now
        self._joined: dict[str, dict[str, int]] = {}  # leads by account, and when they came
        self._why: dict[str, tuple[int, str | None, str]] = {}  # the time, event and cause of what changed an account

    def switch(self, scoring: Scoring) -> None:
        """See accounts under another version of the model from now on. Nothing may have changed since `outputs`."""
        self._sight = Sight(scoring.model, scoring.accounts)

    def under_way(self) -> list[str]:
        """The accounts whose news are under way."""
        return self._fanout.under_way()

    def restore(self, key: bytes, entry: bytes) -> None:
        """Take up what was under way."""
        self._fanout.restore(key, entry)

    @property
    def waiting(self) -> bool:
        """Whether there are members to be told."""
        return self._fanout.waiting

    def allow(self, records: int) -> None:
        """So many records were taken: as many members may be told."""
        self._allowance += records

    def allow_most(self) -> None:
        """There is time: as many members may be told as in any transaction."""
        self._allowance = MOST

    def joined(self, name: str, lead: str, at: int) -> None:
        """An account has a new member."""
        self._joined.setdefault(name, {})[lead] = at

    def left(self, name: str, lead: str) -> None:
        """A lead is a member no more."""
        self._joined.get(name, {}).pop(lead, None)

    def changed(self, name: str, at: int, event_id: str | None, cause: str = "fact") -> None:
        """An account has changed, by what happened at a time; `cause` is that of what members make of it."""
        known = self._why.get(name)
        self._why[name] = (at if known is None else max(at, known[0])), event_id, cause

    def outputs(self, changed: Mapping[str, Account]) -> Iterator[Output]:
        """Tell members what is new of their accounts, all of a few, some of many; and those who have joined."""
        for name, account in changed.items():
            at, event_id, cause = self._why[name]
            facts, scores = digest(self._sight.facts(account)), digest(self._sight.scores(account))
            self._fanout.news(name, facts, scores, account.subject.clock, at, event_id, cause)
        told: set[str] = set()
        for name, standing, keys in self._fanout.run(self._allowance):
            yield from self._say(name, {read_member_key(key)[1]: standing.at for key in keys}, standing)
            if len(keys) == len(self._keys_of(name)):
                told.add(name)
        for name, leads in self._joined.items():
            if leads and name not in told and self._fanout.known(name) is not None:
                yield from self._say(name, leads)
        self._joined.clear()
        self._why.clear()
        self._allowance = 0

    def changes(self) -> Iterator[tuple[bytes, bytes]]:
        """What has changed in the table."""
        return self._fanout.changes()

    def _say(self, name: str, leads: Mapping[str, int], news: Standing | None = None) -> Iterator[Output]:
        event_id = None if news is None else news.event_id
        cause: Literal["fact", "model"] = "model" if news is not None and news.cause == "model" else "fact"
        account = self._account_of(name)
        seen = {**self._sight.facts(account), **self._sight.scores(account)}
        for lead, at in leads.items():
            value = messages.to_bytes(AccountSeen(lead, name, at, event_id, seen, cause))
            yield message(self._topic, messages.ACCOUNT, lead, value, at)
