"""Stored states brought to life under a model: what the worker's tables hold, as the engine sees it.

The rule: a state that another version of the model left is readable, and is then scored by the model at hand; ladders
that it does not know yet start at its clock.
"""

from collections.abc import Mapping

from stream_app.engine import ladders
from stream_app.engine.encoding import StateError, decode
from stream_app.engine.plan import Plan
from stream_app.engine.scoring import Extras
from stream_app.engine.state import Subject
from stream_app.errors import KnownError
from stream_app.runtime.account import Account
from stream_app.runtime.lead import Lead


def lead_from(plan: Plan, state: bytes) -> Lead:
    """The lead of an encoded state. Raises `KnownError` for a state that a newer program wrote."""
    subject = _subject(plan, state)

    def sight(account_id: str, time: int) -> Mapping[str, object]:
        seen = subject.account
        return seen[1] if seen is not None and seen[0] == account_id else {}

    return Lead(plan, subject, sight)


def account_from(plan: Plan, state: bytes, members: Extras) -> Account:
    """The account of an encoded state, with what its members bring. Raises `KnownError` as `lead_from`."""
    return Account(plan, _subject(plan, state), members)


def _subject(plan: Plan, state: bytes) -> Subject:
    try:
        subject = decode(plan, state)
    except StateError as error:
        raise KnownError(f"the worker's table: {error}") from None
    ladders.start(plan, subject, subject.clock)
    return subject
