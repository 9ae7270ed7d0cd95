"""A world that follows some leads: it tells when they are touched, shows them at a time ahead without moving them, refuses
what condemned sources sent, and goes on under another version of the model as a running system does (scoring.md section 9).

The rule: whoever is not followed fares as in `runtime/world.py`, but nothing is told of it.
"""

from collections.abc import Container, Iterable, Sequence
from dataclasses import replace

from stream_app.engine.activity import Activity
from stream_app.engine.encoding import decode, encode
from stream_app.engine.identity import lead_keys
from stream_app.engine.model.types import Model, Scorecard
from stream_app.engine.plan import Plan, account_scores_named
from stream_app.engine.state import Subject
from stream_app.ingest.condemned import Condemned, Quarantine
from stream_app.runtime.account import Account
from stream_app.runtime.documents import transitions
from stream_app.runtime.lead import Lead
from stream_app.runtime.world import World
from stream_app.worker.publications import Mode
from stream_app.worker.versions import carried_scores, public_moves


class FollowedWorld(World):
    """See the module. `touched` are the followed leads that were looked at since that was last cleared, `links` the
    followed keys that became aliases, each with the key that it belongs to. `refused` is the source of which the event applied
    last was, if that is condemned; `named` are the leads that such events name, each with whether they are newly condemned."""

    def __init__(self, model: Model, follow: frozenset[str], condemned: Sequence[Condemned] = ()) -> None:
        if not account_scores_named(model):  # as in `quiet.py`: no lead sees them
            model = replace(model, account=Scorecard())
        super().__init__(model)
        self.touched: set[str] = set()
        self.links: list[tuple[str, str]] = []
        self.refused: Condemned | None = None
        self.named: dict[str, bool] = {}
        self.condemned = condemned
        self._quarantine = Quarantine(condemned)
        self._follow = follow
        self._twin: Lead | None = None

    def apply(self, activity: Activity, now: int | None = None) -> str | None:
        """See `World`. What is of a condemned source is refused, whatever else is wrong with it."""
        self.refused = self._quarantine.of(activity)
        if self.refused is None:
            return super().apply(activity, now)
        self.took = False
        return "quarantined"

    def name(self, activity: Activity, newly: bool, known: Container[str] | None = None) -> None:
        """Note which leads a condemned event names. A followed one (of those `known`) of whom nothing else is known is one
        without points: those who were told of it have to hear of its end."""
        for key in map(self.resolve, lead_keys(activity)):
            self.named[key] = newly or self.named.get(key, False)
            if key in self._follow and key not in self.leads and (known is None or key in known):
                self._advanced(key, activity.time, [])
                self.touched.add(key)

    def peek(self, key: str, at: int) -> Lead | None:
        """A copy of the lead of a key (no alias) as it will be at `at`, or is if its clock is there already; None where
        there is none."""
        lead = self.leads.get(key)
        if lead is None:
            return None
        twin = self._twin = self.copied(lead, self)
        self._accounts.carry(twin, at)
        self._twin = None
        return twin

    def copied(self, lead: Lead, world: World) -> Lead:
        """A copy of a lead of some world as this one finds it in a table; nobody's member yet."""
        return Lead(self.plan, _under(world.plan, self.plan, lead.subject), self._accounts.sight)

    def bring(self, keys: Iterable[str], to: int) -> None:
        """Advance the leads of some keys, as far as there are any."""
        for key in keys:
            if key in self.leads:
                self._accounts.carry(self.leads[key], to)

    def under(self, model: Model, at: int | None, mode: Mode) -> "FollowedWorld":
        """The same world under another version that is in force from `at` on (None: from each subject's clock). This one
        is of no use any more."""
        if at is not None:
            self.tick(at)
        world = FollowedWorld(model, self._follow, self.condemned)
        world.aliases, world.conflicts, world._kept = self.aliases, self.conflicts, self._kept
        world.transitions, world.links = self.transitions, self.links
        world.touched = self.touched | (self._follow & self.leads.keys())
        for name, account in self.accounts.items():
            subject = _under(self.account_plan, world.account_plan, account.subject)
            world.accounts[name] = Account(world.account_plan, subject, world._accounts.roster(name), account.history)
        for key, lead in self.leads.items():
            world.leads[key] = world.copied(lead, self)
            world._accounts.place(world.leads[key])
        for account in world.accounts.values():
            world._accounts.adopt(account)
        for key, lead in world.leads.items():
            world._accounts.look(lead)
            lead.restate(carried_scores(self.leads[key], world.plan))
            world._restated(lead, mode)
        for name, account in world.accounts.items():
            account.restate(carried_scores(self.accounts[name], world.account_plan))
            account.moves = []
        return world

    def _restated(self, lead: Lead, mode: Mode) -> None:
        """Tell the moves that a version has made, as its mode says."""
        if public_moves(lead, mode) and lead.subject.key in self._follow:
            self.transitions += transitions(lead, "lead", lead.account_id, mode == "restated")
        lead.moves = []

    def _link(self, key: str, others: list[str]) -> None:
        self.links += [(other, key) for other in others if other in self._follow]
        for other in others:
            if other in self.named:
                self.named[key] = self.named[other] or self.named.get(key, False)
        super()._link(key, others)

    def _gather(self, live: Lead | Account) -> None:
        if live is self._twin:
            return
        if isinstance(live, Lead) and live.subject.key in self._follow:
            self.touched.add(live.subject.key)
            super()._gather(live)
        else:
            live.moves = []


def _under(old: Plan, new: Plan, subject: Subject) -> Subject:
    """A copy of a subject as another plan, or the same, finds it in a table."""
    return decode(new, encode(old, subject))
