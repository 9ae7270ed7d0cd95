"""A world that tells its leads' moves and writes no documents, for trying models on long histories.

The rule: leads fare exactly as in `runtime/world.py`. What is left out nobody can see from a lead: an account's scores
and ladders where no lead's rule or condition names a score of the account, and looks at an account that looks as before.
"""

from collections.abc import Callable
from dataclasses import replace

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
        if not account_scores_named(model):
            model = replace(model, account=Scorecard())
        super().__init__(model)
        self._accounts = _Accounts(model, self.plan, self.account_plan, self._gather)
        self.accounts = self._accounts.known
        self._moved = moved

    def _gather(self, live: Lead | Account) -> None:
        if live.moves:
            moves, live.moves = live.moves, []
            if isinstance(live, Lead):
                self._moved(live, moves)


class _Accounts(Accounts):
    def look(self, lead: Lead) -> None:
        view, home = lead.view, lead.account_id
        seen = {} if home is None else self.sight(home, lead.subject.clock)
        if isinstance(view, View) and view.sees(seen):
            self.place(lead)
            if home is not None:
                self.roster(home).looked(lead)
        else:
            super().look(lead)
