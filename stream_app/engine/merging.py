"""The union of what two subjects have (scoring.md section 7): the same data as if one had taken both's activities."""

from typing import Final

from stream_app.engine.admission import MAX_FACT_CHARS, MAX_FACTS, size_of
from stream_app.engine.plan import Plan
from stream_app.engine.sifting import adopt, unite
from stream_app.engine.state import NEVER, Cell, Subject, put

MAX_LINKS: Final = 1_000  # keys that a lead remembers as its aliases


def absorb(plan: Plan, into: Subject, other: Subject) -> None:
    """Add all that `other` has taken to `into`. Stages, clock and revision stay `into`'s own."""
    sifted = unite(plan, into, other)
    into.first = (
        other.first if into.first == NEVER else min(into.first, other.first if other.first >= 0 else into.first)
    )
    into.latest = max(into.latest, other.latest)
    into.seen = into.seen.union(other.seen)
    into.seen.forget(into.latest - plan.lateness)
    for name, cell in other.facts.items():
        put(into.facts, name, cell)
    _bound_facts(into)
    for name, cell in other.marks.items():
        put(into.marks, name, cell)
    for tracker in plan.trackers:
        theirs, ours = tracker.of(other.data), tracker.of(into.data)
        if theirs is not None:
            into.data[tracker.position] = theirs if ours is None else tracker.merge(ours, theirs)
    for ident, raw in other.foreign.items():
        into.foreign.setdefault(ident, raw)
    adopt(plan, into, sifted)
    for key, linked in other.links.items():
        if linked and key != into.key:
            link(into, key)
    into.conflicts += other.conflicts


def link(subject: Subject, key: str) -> None:
    """Remember that a key is an alias of a lead. Beyond `MAX_LINKS` new ones are not remembered."""
    if key in subject.links or len(subject.links) < MAX_LINKS:
        subject.links[key] = True


def take_over(into: Subject, other: Subject) -> None:
    """A lead that is new takes over the stages of the one merged into it, their times and `seq`.

    A ladder on which it has moved since it was made keeps its own.
    """
    for name, state in other.ladders.items():
        own = into.ladders.get(name)
        if own is not None and own.moved != NEVER:
            continue
        twin = state.copy()
        if own is not None:
            twin.seq = max(twin.seq, own.seq)
        into.ladders[name] = twin
    into.revision = max(into.revision, other.revision)


def _bound_facts(subject: Subject) -> None:
    """What many merges bring together must still fit into a record: beyond the bounds of admission the oldest facts go."""
    facts = subject.facts
    if len(facts) <= MAX_FACTS and sum([size_of(cell[2]) for cell in facts.values()]) <= MAX_FACT_CHARS:
        return
    kept: dict[str, Cell] = {}
    size = 0
    for name in sorted(facts, key=lambda known: (facts[known][0], facts[known][1], known), reverse=True):
        size += size_of(facts[name][2])
        if len(kept) >= MAX_FACTS or size > MAX_FACT_CHARS:
            break
        kept[name] = facts[name]
    subject.facts = kept
