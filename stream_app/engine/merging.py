"""The union of what two subjects have (scoring.md section 7): the same data as if one had taken both's activities."""

from stream_app.engine.plan import Plan
from stream_app.engine.state import NEVER, Subject, put


def absorb(plan: Plan, into: Subject, other: Subject) -> None:
    """Add all that `other` has taken to `into`. Stages, clock and revision stay `into`'s own."""
    into.first = (
        other.first if into.first == NEVER else min(into.first, other.first if other.first >= 0 else into.first)
    )
    into.latest = max(into.latest, other.latest)
    into.seen = into.seen.union(other.seen)
    into.seen.forget(into.latest - plan.lateness)
    for name, cell in other.facts.items():
        put(into.facts, name, cell)
    for name, cell in other.marks.items():
        put(into.marks, name, cell)
    for tracker in plan.trackers:
        theirs, ours = tracker.of(other.data), tracker.of(into.data)
        if theirs is not None:
            into.data[tracker.position] = theirs if ours is None else tracker.merge(ours, theirs)
    for ident, raw in other.foreign.items():
        into.foreign.setdefault(ident, raw)


def take_over(into: Subject, other: Subject) -> None:
    """A lead that is new takes over the stages of the one merged into it, their times and `seq`."""
    for name, state in other.ladders.items():
        twin = state.copy()
        own = into.ladders.get(name)
        if own is not None:
            twin.seq = max(twin.seq, own.seq)
        into.ladders[name] = twin
    into.revision = max(into.revision, other.revision)
