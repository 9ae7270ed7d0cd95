"""Accounts carried over to another version of the model (see `restating`).

An account's members bring what they bring under their own versions, each by a message when its turn comes; what lies in
the table of them is read under the roll-ups of whatever version is asked about.
"""

from collections.abc import Callable

from stream_app.engine.encoding import decode, encode, tag_of
from stream_app.engine.plan import Plan
from stream_app.runtime.account import Account
from stream_app.worker.contributions import Contributions, Rollups
from stream_app.worker.publications import Mode
from stream_app.worker.versions import Version, Versions, carried_scores

ContributionsUnder = Callable[[Rollups, str], Contributions]
Tell = Callable[[str, Account, Mode], None]


class RestatedAccounts:
    """What carries accounts over. `under` gives what an account's members bring under some roll-ups, `tell` sends its
    moves as a version's mode says."""

    def __init__(self, versions: Versions, under: ContributionsUnder, tell: Tell) -> None:
        self._versions = versions
        self._under = under
        self._tell = tell
        self._rollups: dict[bytes, Rollups] = {}

    def account(self, name: str, state: bytes) -> Account:
        """The account of a stored state, carried over to the version in force."""
        chain = self._versions.chain
        place = self._versions.origin(tag_of(state))
        if place < 0:  # that of a worker's file: nothing is known of it
            account = self._opened(chain[-1].scoring.accounts, name, state)
            account.restate(account.card.scores)
            self._tell(name, account, chain[-1].mode)
            return account
        account = self._opened(chain[place].scoring.accounts, name, state)
        for version in chain[place + 1 :]:
            account = self._carried(name, account, version)
        return account

    def _carried(self, name: str, account: Account, version: Version) -> Account:
        if account.subject.clock < version.at:
            account.advance(version.at)
            self._tell(name, account, "emit")
        plan = version.scoring.accounts
        twin = self._opened(plan, name, encode(account.plan, account.subject))
        twin.restate(carried_scores(account, plan))
        self._tell(name, twin, version.mode)
        return twin

    def _opened(self, plan: Plan, name: str, state: bytes) -> Account:
        rollups = self._rollups.get(plan.tag)
        if rollups is None:
            rollups = self._rollups[plan.tag] = Rollups(plan)
        return Account(plan, decode(plan, state), self._under(rollups, name))
