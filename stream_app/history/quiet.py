"""A world that tells its leads' moves and writes no documents, for trying models on long histories.

The rule: leads fare exactly as in `runtime/world.py`. What is left out nobody can see from a lead. Where no lead's rule or
condition names a score of the account, accounts have no scores and no ladders; then an event that links nobody and tells
no facts of an account is the lead's alone: what the lead sees of its account is as it was, or `carry` shows it on the way.
"""

from collections.abc import Callable
from dataclasses import replace

from stream_app.engine.activity import Activity
from stream_app.engine.ladders import Move
from stream_app.engine.model.types import Model, Scorecard
from stream_app.engine.plan import account_scores_named
from stream_app.engine.view import View
from stream_app.runtime.account import Account
from stream_app.runtime.accounts import Accounts
from stream_app.runtime.lead import Lead
from stream_app.runtime.world import World

Moved = Callable[[Lead, list[Move]], None]


class QuietWorld(World):
    """All that a model knows of some leads. `moved` hears of each lead's moves as they are made."""

    def __init__(self, model: Model, moved: Moved) -> None:
        self._alone = not account_scores_named(model)
        if self._alone:
            model = replace(model, account=Scorecard())
        super().__init__(model)
        self._accounts = self._seen = _Accounts(model, self.plan, self.account_plan, self._gather)
        self.accounts = self._seen.known
        self._moved = moved

    def close(self) -> None:
        """Let go of everybody, so that memory is free again without a garbage collection."""
        self.leads.clear()
        self._seen.close()

    def _apply_to_lead(self, key: str, keys: tuple[str, ...], activity: Activity) -> bool:
        lead = self.leads.get(key)
        if (
            lead is None
            or not self._alone
            or activity.account_facts
            or not all(other in self.aliases or other == key for other in keys[1:])
            or (activity.channel == "crm" and activity.type == "unlink")
        ):
            return super()._apply_to_lead(key, keys, activity)
        self._links(key, keys)  # there are none, but conflicts are counted
        self._accounts.carry(lead, activity.time)
        before = lead.before(False)
        lead.add(activity)
        self._accounts.place(lead)
        lead.settle(activity, before)
        self._gather(lead)
        return True

    def _gather(self, live: Lead | Account) -> None:
        if live.moves:
            moves, live.moves = live.moves, []
            if isinstance(live, Lead):
                self._moved(live, moves)


class _Accounts(Accounts):
    def close(self) -> None:
        """Let go of everybody."""
        self.known.clear()
        self._rosters.clear()

    def place(self, lead: Lead) -> None:
        key = lead.subject.key
        if self.plan.scores or key not in self._homes or self._homes[key] != lead.account_id:
            super().place(lead)

    def look(self, lead: Lead) -> None:
        if self.plan.scores:  # what is seen of them depends on where the lead is
            super().look(lead)
            return
        view, home = lead.view, lead.account_id
        seen = {} if home is None else self.sight(home, lead.subject.clock)
        if isinstance(view, View) and view.sees(seen):
            self.place(lead)
            if home is not None:
                self.roster(home).looked(lead)
        else:
            super().look(lead)
