"""One account of a running system, read and viewed."""

from stream_app.runtime.account import Account
from stream_app.serving.account_view import AccountView, account_view
from stream_app.serving.lookup import published_of_account, stored_account
from stream_app.serving.members import Brought
from stream_app.serving.reading import TopicReader
from stream_app.serving.subjects import account_from
from stream_app.worker.composition import Scoring
from stream_app.worker.entries import state_of


async def view_of_account(
    reader: TopicReader, scoring: Scoring, account_id: str, at: int | None = None, limit: int | None = None
) -> AccountView | None:
    """The view of an account at a time (milliseconds; default: its clock), None where there is no such account."""
    stored = await stored_account(reader, account_id)
    if stored is None:
        return None
    score, transitions = await published_of_account(reader, account_id)
    plan, state = scoring.accounts, state_of(stored.entry)
    brought = Brought(plan, stored.members)

    def load() -> Account:
        return account_from(plan, state, brought)

    return account_view(load, stored, score, transitions, at, limit)
