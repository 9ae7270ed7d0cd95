"""The table of one partition's accounts: each account's entry, and its members' contributions one by one.

The rule: what has changed since the last drain lies over the table, so that readers see it at once.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from stream_app.streaming.processor import StateReader
from stream_app.worker.contributions import Contributions, Rollups, member_key, read_member_key
from stream_app.worker.messages import Contribution, Member

ACCOUNTS: Final = b"a"  # head of accounts' keys

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Contribution]).decode


class AccountTable:
    """See the module. `rollups` are those of the version of the model in force."""

    def __init__(self, rollups: Rollups, state: StateReader) -> None:
        self.changes: dict[bytes, bytes | None] = {}
        self._state = state
        self._rollups = rollups
        self._members: dict[str, Contributions] = {}

    def entry(self, raw: bytes) -> bytes | None:
        """The entry of a key."""
        return self.changes[raw] if raw in self.changes else self._state.get(raw)

    def take_changes(self) -> dict[bytes, bytes | None]:
        """What has changed since the last call."""
        changes, self.changes = self.changes, {}
        return changes

    def switch(self, rollups: Rollups) -> None:
        """Make other scores of members' contributions from now on."""
        if not rollups.like(self._rollups):
            self._rollups = rollups

    def restore(self, key: bytes, entry: bytes) -> None:
        """A member from the table, each once, before anything else."""
        self.contributions(read_member_key(key)[0]).restore(key, _decode(entry))

    def contributions(self, name: str) -> Contributions:
        """What an account's members bring."""
        found = self._members.get(name)
        if found is None:
            found = self._members[name] = Contributions(self._rollups)
        elif found.rollups is not self._rollups:
            found = self._members[name] = found.under(self._rollups, self._shares)
        return found

    def under(self, rollups: Rollups, name: str) -> Contributions:
        """What they bring under the roll-ups of another version."""
        found = self._members.get(name)
        if rollups.like(self._rollups):
            return self.contributions(name)
        if found is None:
            return Contributions(rollups)
        return found if rollups.like(found.rollups) else found.under(rollups, self._shares)

    def put(self, member: Member) -> bool:
        """Take in what a lead brings, in place of what it brought before; whether it was a member."""
        contributions, key = self.contributions(member.account_id), member_key(member.account_id, member.lead)
        raw = self.entry(key)
        known = None if raw is None else _decode(raw)
        if member.shares is not None:
            contributions.put(key, member.shares, known)
            self.changes[key] = _encode(member.shares)
        elif known is not None:
            contributions.drop(key, known)
            self.changes[key] = None
        return known is not None

    def accounts(self, entries: Iterable[tuple[bytes, bytes | None]]) -> Iterable[tuple[bytes, bytes | None]]:
        """The accounts among entries."""
        return (one for one in entries if one[0].startswith(ACCOUNTS))

    def _shares(self, key: bytes) -> list[Contribution]:
        entry = self.entry(key)
        return [] if entry is None else _decode(entry)
