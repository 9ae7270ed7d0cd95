"""Machines' activities kept out of what is counted, whatever the order in which they arrive (docs/decisions/0024-machines.md).

The rule kept here: after each activity, data, `first` and the counts by rule are what they would be if it had been known
from the beginning which activities are machines'. Only a click that a sweep looks at costs more than its look-up.
"""

from stream_app.engine.activity import Activity, Value
from stream_app.engine.held import MAX_CHARS, MAX_HELD, Held, Sifted
from stream_app.engine.machines import MachineRules
from stream_app.engine.plan import Plan
from stream_app.engine.state import Subject
from stream_app.engine.sweeps import judge
from stream_app.engine.trackers.base import Tracker
from stream_app.engine.trackers.data import Data
from stream_app.engine.trackers.earliest import EarliestTracker
from stream_app.engine.trackers.latest import LatestTracker
from stream_app.engine.trackers.series import AmountTracker


def sift(plan: Plan, rules: MachineRules, subject: Subject, activity: Activity) -> list[int] | None:
    """Take an activity that is a machine's or may yet turn out to be; None: a person's, to be counted as ever.

    Otherwise the positions of the trackers whose data has changed.
    """
    sieve = rules.of(activity.channel, activity.type)
    if sieve is None:
        return None
    ident = sieve.taken_by(activity.properties) if sieve.plain else ""
    clicks: dict[int, bytes] = sieve.clicks(activity.properties) if sieve.sweeps else {}
    if not clicks:
        if not ident:
            return None
        _sifted(subject).blame(ident)
        return []
    sifted = _sifted(subject)
    item = Held(activity.time, activity.event_id, ident, clicks)
    if ident:
        sifted.blame(ident)
    changed = _remade(plan, subject, sifted, judge(rules, sifted, _insert(sifted, item)))
    if not item.rule:
        changed += _counted(plan, subject, sifted, item, activity)
    subject.first = sifted.first_human()
    settle(plan, subject)
    return changed


def settle(plan: Plan, subject: Subject) -> None:
    """Hold no longer what nothing still to be accepted can change, nor more than there is room for."""
    sifted = subject.sifted
    if sifted is None or sifted.since < 0:
        return
    oldest = oldest_held(plan, subject)
    if sifted.since >= oldest and sifted.number <= MAX_HELD and sifted.chars <= MAX_CHARS:
        return
    held = sifted.held()
    size, gone = 0, 0
    for one in held:
        size += one.size
    sifted.chars = size
    for one in held:
        if one.time >= oldest and len(held) - gone <= MAX_HELD and size <= MAX_CHARS:
            break
        gone += 1
        size -= one.size
        if not one.rule:
            sifted.saw(one.time)
            for position in one.feeds:
                assert one.activity is not None
                plan.trackers[position].count(sifted.bases, one.activity)
    if gone:
        del held[:gone]
        sifted.number, sifted.chars = len(held), size
        _trim(sifted)


def beside(subject: Subject, activity: Activity) -> list[Data | None]:
    """Note a person's activity; the data without what is held, in which it must be counted too (empty: there is none)."""
    sifted = subject.sifted
    if sifted is None:
        return []
    sifted.saw(activity.time)
    return sifted.bases


def take_found(subject: Subject) -> int:
    """How many activities were found to be machines' since this was last asked."""
    sifted = subject.sifted
    if sifted is None:
        return 0
    found, sifted.found = sifted.found, 0
    return found


def unite(plan: Plan, into: Subject, other: Subject) -> Sifted | None:
    """The union of what two subjects have, their data not yet merged; `adopt` it once that is."""
    ours, theirs = into.sifted, other.sifted
    if ours is None and theirs is None:
        return None
    one, two = ours if ours is not None else _sifted(into), theirs if theirs is not None else _sifted(other)
    result = Sifted()
    for counts in (one.counts, two.counts):
        for rule, count in counts.items():
            result.counts[rule] = result.counts.get(rule, 0) + count
    result.found = one.found + two.found
    result.first = min(one.first, two.first) if one.first >= 0 and two.first >= 0 else max(one.first, two.first)
    for held in (one.held(), two.held()):
        for item in held:
            _insert(result, item)
    for tracker in plan.trackers:
        at = tracker.position
        left, right = _base(one, at), _base(two, at)
        if left is None and right is None:
            continue
        if not result.bases:
            result.bases = [None] * len(plan.trackers)
        mine = tracker.of(one.bases if left is not None else into.data)
        other_one = tracker.of(two.bases if right is not None else other.data)
        if mine is None or other_one is None:
            result.bases[at] = mine if mine is not None else other_one
        else:
            result.bases[at] = tracker.merge(mine, other_one)
    return result


def adopt(plan: Plan, subject: Subject, sifted: Sifted | None) -> None:
    """Take what `unite` made, the data being merged: judge what is held anew, and make the data again."""
    if sifted is None:
        return
    subject.sifted = sifted
    if plan.machines is not None:
        for place in range(len(sifted.held())):
            judge(plan.machines, sifted, place)
    _remade(plan, subject, sifted, {at for at, base in enumerate(sifted.bases) if base is not None})
    subject.first = sifted.first_human()
    settle(plan, subject)


# -- one click -----------------------------------------------------------------------------------------------------------


def _sifted(subject: Subject) -> Sifted:
    sifted = subject.sifted
    if sifted is None:
        sifted = subject.sifted = Sifted()
        sifted.first = subject.first
    return sifted


def _insert(sifted: Sifted, item: Held) -> int:
    held = sifted.held()
    place = len(held)
    while place > 0 and (held[place - 1].time, held[place - 1].event_id) > (item.time, item.event_id):
        place -= 1
    held.insert(place, item)
    sifted.since, sifted.number = held[0].time, len(held)
    sifted.chars += item.size
    return place


def _counted(plan: Plan, subject: Subject, sifted: Sifted, item: Held, activity: Activity) -> list[int]:
    """Count a click that is a person's so far; the trackers that this has changed."""
    feeds: list[int] = []
    values: dict[str, Value | None] = {}
    for probe in plan.matching(activity.channel, activity.type):
        if probe.where is None or probe.where(activity.properties):
            for position in probe.trackers:
                if position in feeds:
                    continue
                feeds.append(position)
                field = _field(plan.trackers[position])
                value = None if field is None else activity.properties.get(field)
                if field is not None and value is not None and not isinstance(value, list):
                    values[field] = value
    item.counts_in(feeds, values)
    sifted.chars += item.size
    changed: list[int] = []
    for position in feeds:
        _touch(plan, subject, sifted, position)
        if plan.trackers[position].count(subject.data, activity):
            changed.append(position)
    return changed


def _field(tracker: Tracker) -> str | None:
    """The property that a tracker reads."""
    if isinstance(tracker, (AmountTracker, EarliestTracker, LatestTracker)):
        return tracker.field
    return None


def _touch(plan: Plan, subject: Subject, sifted: Sifted, position: int) -> None:
    """See that there is a base of a tracker's data, before something held is counted in it."""
    if not sifted.bases:
        sifted.bases = [None] * len(plan.trackers)
    if sifted.bases[position] is None:
        tracker, data = plan.trackers[position], subject.data[position]
        sifted.bases[position] = tracker.new() if data is None else _copy(plan, subject, tracker, data)


def _copy(plan: Plan, subject: Subject, tracker: Tracker, data: Data) -> Data:
    unit = max(subject.latest, 0) // plan.resolution
    return tracker.closed(tracker.pack(data, unit, oldest_held(plan, subject)))


def oldest_held(plan: Plan, subject: Subject) -> int:
    """No activity as old as this can be accepted any more, nor be in a sweep with one that can."""
    return subject.latest - plan.held_for


# -- data made again ----------------------------------------------------------------------------------------------------


def _remade(plan: Plan, subject: Subject, sifted: Sifted, positions: set[int]) -> list[int]:
    """Make the data of some trackers again, from the bases and what is held and a person's."""
    if not positions:
        return []
    for position in positions:
        tracker, base = plan.trackers[position], sifted.bases[position]
        assert base is not None
        empty = not base.closed and base.last < 0
        subject.data[position] = None if empty else _copy(plan, subject, tracker, base)
        for one in sifted.held():
            if position in one.feeds:
                assert one.activity is not None
                tracker.count(subject.data, one.activity)
    _trim(sifted)
    return sorted(positions)


def _trim(sifted: Sifted) -> None:
    """Drop the bases of trackers in which nothing held is counted."""
    held = sifted.held()
    sifted.since = held[0].time if held else -1
    fed: set[int] = set()
    for one in held:
        fed.update(one.feeds)
    if not fed:
        sifted.bases = []
        return
    for position in range(len(sifted.bases)):
        if position not in fed:
            sifted.bases[position] = None


def _base(sifted: Sifted, position: int) -> Data | None:
    return sifted.bases[position] if sifted.bases else None
