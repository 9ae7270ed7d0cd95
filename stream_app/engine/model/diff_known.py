"""What a running system already knows that a new version of its model needs: told by the trackers' own identities.

A tracker is named by a hash of what it counts (`engine/plan.py`), so a state that one version has counted holds the
data of every tracker that another version has too. Here the two are compared without any state at hand.
"""

from dataclasses import replace

from stream_app.engine.model.types import Ladder, Model, Rule, Scorecard
from stream_app.engine.model.words import span_words
from stream_app.engine.plan import Plan
from stream_app.engine.trackers.base import Tracker
from stream_app.engine.trackers.latest import LatestTracker

ALL = ""  # all that is needed is known
Known = str | None  # else how far it is known, in words; None: something that is needed was never counted


class Knowledge:
    """What version `old` counts of one part (lead or account); asked for what a rule or ladder of `new` needs."""

    def __init__(self, old: Model, old_card: Scorecard, new: Model, new_card: Scorecard) -> None:
        self._held = {tracker.id: tracker for tracker in Plan(old, old_card).trackers}
        self._new = new
        self._card = new_card

    def of_rule(self, rule: Rule) -> Known:
        """How much is known of what a rule counts. Facts are always known."""
        return self._of(replace(self._card, rules=(rule,), ladders=(), groups=()))

    def of_ladder(self, ladder: Ladder) -> Known:
        """How much is known of the signals that a ladder's conditions look for."""
        return self._of(replace(self._card, rules=(), ladders=(ladder,), groups=()))

    def _of(self, card: Scorecard) -> Known:
        worst: Known = ALL
        for tracker in Plan(self._new, card).trackers:
            known = self._of_tracker(tracker)
            if known is None:
                return None
            worst = worst or known
        return worst

    def _of_tracker(self, need: Tracker) -> Known:
        held = self._held.get(need.id)
        if held is None:
            return None
        if held.horizon >= 0 and (need.horizon < 0 or need.horizon > held.horizon):
            return f"only the last {span_words(held.horizon * held.resolution)} are known"
        if isinstance(need, LatestTracker) and isinstance(held, LatestTracker) and need.most > held.most:
            return f"only the {held.most} latest values are known"
        return ALL
