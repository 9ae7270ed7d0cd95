"""What the API asks of the projection, and the single view made of it (`serving.lead_view`, `serving.account_view`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from stream_app.engine.times import format_time
from stream_app.runtime.account import Account
from stream_app.runtime.lead import Lead
from stream_app.serving.account_view import AccountView, account_view
from stream_app.serving.api.problems import Problem, bad_parameter, not_found
from stream_app.serving.lead_view import LeadView, lead_view
from stream_app.serving.leads import known_keys
from stream_app.serving.lookup import Document, LeadRecords, StoredAccount, StoredLead
from stream_app.serving.members import Brought
from stream_app.serving.projection.base import Projection, Row
from stream_app.serving.subjects import account_from, lead_from
from stream_app.worker.composition import Scoring
from stream_app.worker.entries import Alias, is_marker, marker_of, state_of
from stream_app.worker.messages import Contribution

_LONGEST_CHAIN = 64
_MOST_KEYS = 64
_FARTHEST_MS = 5 * 366 * 86_400_000
_shares = msgspec.msgpack.Decoder(list[Contribution]).decode


@dataclass(frozen=True)
class FoundLead:
    """A lead in the projection, and the keys that led to it, its own last."""

    key: str
    asked: Sequence[str]
    row: Row


async def find_lead(projection: Projection, meant: Sequence[str]) -> FoundLead:
    """The lead that the likeliest of some keys stands for, aliases followed. Raises `Problem` where there is none."""
    asked: list[str] = []
    while len(asked) <= _LONGEST_CHAIN:
        found = None
        for key in meant:
            row = await projection.row("lead", key)
            marker = marker_of(row.entry) if row.entry is not None and is_marker(row.entry) else None
            if isinstance(marker, Alias) or row.value is not None or (row.entry is not None and marker is None):
                found = key, row, marker
                break
        if found is None:
            break
        key, row, marker = found
        asked.append(key)
        if not isinstance(marker, Alias):
            return FoundLead(key, asked, row)
        meant = (marker.to,)
    raise not_found("no lead is known by this key")


def lead_of(scoring: Scoring, found: FoundLead) -> Lead:
    """The lead as the worker left it. Raises `Problem` where no state is kept."""
    return lead_from(scoring.leads, _state(found.row))


def keys_of(scoring: Scoring, found: FoundLead) -> Sequence[str]:
    """The keys of a lead, its own first; those that led to it where no state is kept."""
    if found.row.entry is None or is_marker(found.row.entry):
        return list(dict.fromkeys([found.key, *reversed(found.asked)]))
    return known_keys(lead_of(scoring, found), StoredLead(found.key, found.asked, found.row.entry))


async def lead_moves(projection: Projection, keys: Sequence[str], row: Row) -> list[Document]:
    """The transitions kept of a lead under all its keys (the first is its own, whose row is at hand), oldest first."""
    moves = list(row.moves)
    for key in keys[1:_MOST_KEYS]:
        moves += (await projection.row("lead", key)).moves
    found = [document for document in map(orjson.loads, moves) if document.get("subject") == "lead"]
    return sorted(found, key=move_order)


def move_order(document: Document) -> tuple[str, str, int, str]:
    """What transitions are sorted by."""
    return document["at"], document["ladder"], document["seq"], document["id"]


@dataclass(frozen=True)
class LeadMaterial:
    """All that a lead's view is made of; making it costs CPU time, and needs no I/O."""

    scoring: Scoring
    state: bytes
    keys: Sequence[str]
    records: LeadRecords

    def view(self, at: int | None, limit: int | None) -> LeadView:
        """The view at a time. Raises `Problem`."""

        def load() -> Lead:
            return lead_from(self.scoring.leads, self.state)

        check_time(at, load().subject.clock)
        return lead_view(load, self.keys, self.records, at, limit)


async def lead_material(projection: Projection, scoring: Scoring, found: FoundLead) -> LeadMaterial:
    """What a lead's view is made of."""
    lead = lead_of(scoring, found)
    keys = known_keys(lead, StoredLead(found.key, found.asked, found.row.entry or b""))
    account = None
    if lead.account_id is not None:
        account = document_of(await projection.row("account", lead.account_id))
    records = LeadRecords(document_of(found.row), await lead_moves(projection, keys, found.row), account)
    return LeadMaterial(scoring, _state(found.row), keys, records)


@dataclass(frozen=True)
class AccountMaterial:
    """As `LeadMaterial`."""

    scoring: Scoring
    stored: StoredAccount
    score: Document | None
    moves: Sequence[Document]

    def view(self, at: int | None, limit: int | None) -> AccountView:
        """The view at a time. Raises `Problem`."""
        plan, state = self.scoring.accounts, state_of(self.stored.entry)
        brought = Brought(plan, self.stored.members)

        def load() -> Account:
            return account_from(plan, state, brought)

        check_time(at, load().subject.clock)
        return account_view(load, self.stored, self.score, self.moves, at, limit)


async def account_material(projection: Projection, scoring: Scoring, account_id: str) -> AccountMaterial:
    """What an account's view is made of. Raises `Problem` where there is no such account."""
    row = await projection.row("account", account_id, members=True)
    if row.value is None and row.entry is None:
        raise not_found("there is no such account")
    _state(row)
    members = {lead: _shares(share) for lead, share in row.members.items()}
    stored = StoredAccount(account_id, row.entry or b"", members)
    return AccountMaterial(scoring, stored, document_of(row), account_moves(row))


def account_moves(row: Row) -> list[Document]:
    """The transitions kept of an account, oldest first."""
    return sorted(map(orjson.loads, row.moves), key=move_order)


def document_of(row: Row) -> Document | None:
    """A row's score record."""
    if row.value is None:
        return None
    found: Document = orjson.loads(row.value)
    return found


def check_time(at: int | None, clock: int) -> None:
    """Whether a view can be had of a time. Raises `Problem`."""
    if at is None:
        return
    if at < clock:
        raise bad_parameter("at", f"before the clock, {format_time(clock)}: states keep no past; see the transitions")
    if at > clock + _FARTHEST_MS:
        raise bad_parameter("at", "more than five years after the clock")


def _state(row: Row) -> bytes:
    if row.entry is None or is_marker(row.entry):
        raise Problem(
            404, "no-state", "No state is kept", "the projector runs with --no-states, or has not come to this one yet"
        )
    return state_of(row.entry)


def plain(value: Any) -> Any:
    """Structs as what JSON has."""
    return msgspec.to_builtins(value)
