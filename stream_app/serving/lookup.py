"""Everything that a system's topics say of one lead or account, found by reading the partitions of its keys.

The rule: this room knows where things lie and nothing of what they mean; the views do. An alias is followed to the lead
it stands for, however long the chain.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import orjson

from stream_app.errors import KnownError
from stream_app.serving.reading import TopicReader, gather
from stream_app.streaming.processor import InputRecord as Record
from stream_app.worker.entries import Alias, Freed, Marker, is_marker, marker_of
from stream_app.worker.messages import Contribution

Document = dict[str, Any]

_LONGEST_CHAIN = 64
_PAIR = b"m\x92"  # how the key of a member's entry begins: a MessagePack array of two, account and lead
_encode = msgspec.msgpack.Encoder().encode
_member_key = msgspec.msgpack.Decoder(tuple[str, str]).decode
_shares = msgspec.msgpack.Decoder(list[Contribution]).decode


@dataclass(frozen=True)
class StoredLead:
    """A lead in the worker's table. `asked` are the keys that led to it, its own last; `state` is what is encoded."""

    key: str
    asked: Sequence[str]
    entry: bytes


@dataclass(frozen=True)
class Erased:
    """What is left of a person who was erased: the key, and when (RFC 3339)."""

    key: str
    at: str

    def __str__(self) -> str:
        return f"{self.key} was erased on {self.at}, and nothing was heard since"


@dataclass(frozen=True)
class LeadRecords:
    """What was published of a lead: its score record, its transitions (oldest first), its account's score record."""

    score: Document | None
    transitions: Sequence[Document]
    account: Document | None


@dataclass(frozen=True)
class StoredAccount:
    """An account in the worker's table: its entry, and its members' contributions by lead."""

    account_id: str
    entry: bytes
    members: dict[str, list[Contribution]] = field(default_factory=dict)


async def stored_lead(reader: TopicReader, meant: Sequence[str]) -> StoredLead | Erased | None:
    """The lead that the likeliest of some keys stands for, aliases followed; None where none of them is known."""
    asked: list[str] = []
    topic = reader.manifest["lead-changelog"].name
    while len(asked) <= _LONGEST_CHAIN:
        wanted = gather((reader.place("lead-changelog", key), key) for key in meant)
        found = await reader.latest(wanted, "reading leads")
        entries = {key: found[topic, key.encode()].value or b"" for key in meant if (topic, key.encode()) in found}
        markers = {key: _marker(entry) for key, entry in entries.items() if is_marker(entry)}
        key = next((key for key in entries if not isinstance(markers.get(key), Freed)), None)
        if key is None:
            return await _erased(reader, meant)
        asked.append(key)
        marker = markers.get(key)
        if marker is None:
            return StoredLead(key, asked, entries[key])
        assert isinstance(marker, Alias)  # the mark of an erased lead lies under a digest
        meant = (marker.to,)
    raise KnownError(f"{asked[0]}: its aliases go on for more than {_LONGEST_CHAIN} steps")


async def _erased(reader: TopicReader, meant: Sequence[str]) -> Erased | None:
    """Whether one of some keys that no table knows was erased: `transitions` says so, the table keeps a digest only."""
    topic = reader.manifest["transitions"].name
    found = await reader.find(gather((reader.place("transitions", key), key) for key in meant), "reading transitions")
    for key in meant:
        for document in reversed(list(map(_document, found.get((topic, key.encode()), ())))):
            if document is not None and document.get("erased"):
                return Erased(key, document["at"])
    return None


def _marker(entry: bytes) -> Marker:
    try:
        return marker_of(entry)
    except (ValueError, msgspec.DecodeError) as error:
        raise KnownError(f"the lead table: {error}") from None


async def published_of(reader: TopicReader, keys: Sequence[str], key: str, account_id: str | None) -> LeadRecords:
    """What was published of a lead that is known, or was, under `keys`."""
    scores, moves = reader.manifest["lead-scores"].name, reader.manifest["transitions"].name
    wanted = [(reader.place("lead-scores", key), key)]
    wanted += [(reader.place("transitions", one), one) for one in keys]
    if account_id is not None:
        wanted.append((reader.place("account-scores", account_id), account_id))
    found = await reader.find(gather(wanted), "reading scores and transitions")
    transitions = [document for one in keys for document in _moves(found.get((moves, one.encode()), ()))]
    transitions.sort(key=lambda document: (document["at"], document["ladder"], document["seq"]))
    account = None
    if account_id is not None:
        account = _last(found.get((reader.manifest["account-scores"].name, account_id.encode())))
    return LeadRecords(_last(found.get((scores, key.encode()))), transitions, account)


async def stored_account(reader: TopicReader, account_id: str) -> StoredAccount | None:
    """An account and its members, None where there is none."""
    topic, partition = reader.place("account-changelog", account_id)
    own = b"a" + account_id.encode()
    entry: bytes | None = None
    members: dict[str, list[Contribution]] = {}
    places = [place for place in reader.partitions("account-changelog") if place.partition == partition]
    async for _, records in reader.scan(places, f"reading {topic}"):
        for record in records:
            if record.key == own:
                entry = record.value
            elif (member := member_of(account_id, record.key or b"", record.value)) is not None:
                lead, shares = member
                if shares:
                    members[lead] = shares
                else:
                    members.pop(lead, None)
    return None if entry is None else StoredAccount(account_id, entry, members)


def member_of(account_id: str, key: bytes, entry: bytes | None) -> tuple[str, list[Contribution]] | None:
    """A member of an account and what it brings, nothing where it has left; None for an entry that is no such member."""
    if not key.startswith(_PAIR + _encode(account_id)):
        return None
    return _member_key(key[1:])[1], [] if entry is None else _shares(entry)


async def contribution_of(reader: TopicReader, account_id: str, lead: str) -> list[Any] | None:
    """What a lead brings to its account, by the account's scores with a roll-up; None where the table has nothing."""
    topic, partition = reader.place("account-changelog", account_id)
    key = b"m" + _encode((account_id, lead))
    found = await reader.latest({(topic, partition): frozenset([key])}, "reading accounts")
    record = found.get((topic, key))
    if record is None or record.value is None:
        return None
    return [{"score": one.score, "value": one.value, "counts": one.counts} for one in _shares(record.value)]


async def published_of_account(reader: TopicReader, account_id: str) -> tuple[Document | None, list[Document]]:
    """An account's score record, and its transitions, oldest first."""
    scores, moves = reader.manifest["account-scores"].name, reader.manifest["transitions"].name
    raw = account_id.encode()
    wanted = [(reader.place(base, account_id), account_id) for base in ("account-scores", "transitions")]
    found = await reader.find(gather(wanted), "reading scores and transitions")
    documents = map(_document, found.get((moves, raw), ()))
    transitions = [one for one in documents if one is not None and one.get("subject") == "account"]
    return _last(found.get((scores, raw))), transitions


def _moves(records: Sequence[Record]) -> list[Document]:
    """The transitions of a lead since it was last erased, if it ever was."""
    moves: list[Document] = []
    for document in map(_document, records):
        if document is None or document.get("subject") != "lead":
            continue
        if document.get("erased"):
            moves.clear()
        else:
            moves.append(document)
    return moves


def _last(records: Sequence[Record] | None) -> Document | None:
    """The last record's value; None where there is none, or it is a tombstone."""
    return _document(records[-1]) if records else None


def _document(record: Record) -> Document | None:
    if not record.value:
        return None
    try:
        found: Document = orjson.loads(record.value)
    except orjson.JSONDecodeError:
        place = f"{record.topic}, partition {record.partition}, offset {record.offset}"
        raise KnownError(f"{place}: no worker of ours wrote this record") from None
    return found
