"""The single views of what a desk holds: stored bytes in, views out, without Kafka."""

from stream_app.engine.encoding import encode
from stream_app.runtime.account import Account
from stream_app.runtime.lead import Lead
from stream_app.serving.account_view import AccountView, account_view
from stream_app.serving.lead_view import LeadView, lead_view
from stream_app.serving.lookup import LeadRecords, StoredAccount, member_of
from stream_app.serving.members import Brought
from stream_app.serving.subjects import account_from, lead_from
from stream_app.worker.composition import Scoring
from stream_app.worker.entries import state_of
from tests.pipeline.desk import Desk


def entries_of(desk: Desk, agent: str) -> dict[bytes, bytes]:
    """All of an agent's table."""
    return {key: entry for (name, _), lane in desk.lanes.items() if name == agent for key, entry in lane.state.items()}


def lead_viewed(
    desk: Desk, key: str, at: int | None = None, limit: int | None = None, scoring: Scoring | None = None
) -> LeadView:
    """The view of a desk's lead, by the desk's model or another's."""
    plan, state = (scoring or desk.scoring).leads, state_of(entries_of(desk, "lead")[key.encode()])

    def load() -> Lead:
        lead = lead_from(plan, state)
        assert encode(plan, lead.subject)  # what is viewed can be stored
        return lead

    account = load().account_id
    accounts = desk.latest("account-scores")
    records = LeadRecords(
        desk.latest("lead-scores").get(key),
        desk.transitions().get(key, []),
        None if account is None else accounts.get(account),
    )
    return lead_view(load, [key], records, at, limit)


def account_viewed(desk: Desk, name: str, at: int | None = None, limit: int | None = None) -> AccountView:
    """The view of a desk's account."""
    entries = entries_of(desk, "account")
    members = dict(found for key, entry in entries.items() if (found := member_of(name, key, entry)) is not None)
    stored = StoredAccount(name, entries[b"a" + name.encode()], members)
    plan, brought = desk.scoring.accounts, Brought(desk.scoring.accounts, members)

    def load() -> Account:
        return account_from(plan, state_of(stored.entry), brought)

    return account_view(
        load, stored, desk.latest("account-scores").get(name), desk.transitions("account").get(name, []), at, limit
    )
