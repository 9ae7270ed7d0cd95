"""What the workers' tables say at a time: entries decoded and carried on by the engine."""

from collections.abc import Mapping
from typing import Any

import msgspec

from stream_app.engine.encoding import decode
from stream_app.engine.plan import Plan
from stream_app.runtime.account import Account
from stream_app.runtime.documents import score_record
from stream_app.runtime.lead import Lead
from stream_app.worker.composition import Scoring
from stream_app.worker.contributions import Contributions, Rollups
from stream_app.worker.entries import is_marker, state_of
from stream_app.worker.messages import Contribution

Document = dict[str, Any]

_member_key = msgspec.msgpack.Decoder(tuple[str, str]).decode
_shares = msgspec.msgpack.Decoder(list[Contribution]).decode


def lead_of(plan: Plan, entry: bytes) -> Lead:
    """A lead as its entry has it."""
    subject = decode(plan, state_of(entry))

    def sight(account_id: str, time: int) -> Mapping[str, object]:
        return subject.account[1] if subject.account is not None and subject.account[0] == account_id else {}

    return Lead(plan, subject, sight)


def leads_at(scoring: Scoring, entries: Mapping[bytes, bytes], at: int) -> dict[str, Document]:
    """The score records of all leads at a time (ms); keys that are none are left out."""
    found = {}
    for key, entry in entries.items():
        if is_marker(entry):
            continue
        lead = lead_of(scoring.leads, entry)
        lead.advance(at)
        found[key.decode()] = score_record(lead, "lead", lead.account_id, lead.subject.revision)
    return found


def accounts_at(scoring: Scoring, entries: Mapping[bytes, bytes], at: int) -> dict[str, Document]:
    """The score records of all accounts at a time (ms), from their entries and their members'."""
    members: dict[str, Contributions] = {}
    rollups = Rollups(scoring.accounts)
    for key, entry in entries.items():
        if key.startswith(b"m"):
            name, _ = _member_key(key[1:])
            members.setdefault(name, Contributions(rollups)).restore(key, _shares(entry))
    found = {}
    for key, entry in entries.items():
        if key.startswith(b"a"):
            name = key[1:].decode()
            subject = decode(scoring.accounts, state_of(entry))
            account = Account(scoring.accounts, subject, members.get(name, Contributions(rollups)))
            account.advance(at)
            found[name] = score_record(account, "account", name, subject.revision)
    return found
