"""One account, step by step (scoring.md section 8). Who its members are and what they score comes from `Extras`."""

from typing import Any

from stream_app.engine.accounts import FactHistory
from stream_app.engine.activity import Activity
from stream_app.engine.live import Live
from stream_app.engine.plan import Plan
from stream_app.engine.scoring import Extras
from stream_app.engine.state import Subject, put


class Account(Live):
    """An account in motion; `history` keeps superseded facts for members whose clocks are behind."""

    def __init__(self, plan: Plan, subject: Subject, extras: Extras, history: FactHistory | None = None) -> None:
        self.history = history if history is not None else FactHistory()
        super().__init__(plan, subject, _view(subject), extras)

    def see_facts(self, activity: Activity) -> bool:
        """Add an event's account facts to its own; whether that changed any.

        Members behind its clock see what `keep_facts` keeps.
        """
        changed = False
        for name, value in activity.account_facts.items():
            changed |= put(self.subject.facts, name, (activity.time, activity.event_id, value))
        if changed:
            self.facts_changed(_view(self.subject))
        return changed

    def keep_facts(self, activity: Activity) -> None:
        """Keep an event's account facts in the history."""
        for name, value in activity.account_facts.items():
            self.history.put(name, (activity.time, activity.event_id, value))

    def add(self, activity: Activity) -> None:
        """Add an accepted account event's activity to what is known."""
        subject = self.subject
        subject.seen.add(activity.event_id, activity.time, max(subject.latest, activity.time) - self.plan.lateness)
        subject.latest = max(subject.latest, activity.time)
        self.observe(activity)


def _view(subject: Subject) -> dict[str, Any]:
    facts = {name: cell[2] for name, cell in subject.facts.items() if cell[2] is not None}
    return {**facts, **{f"account.{name}": value for name, value in facts.items()}}
