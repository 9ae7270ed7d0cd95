"""Calendar weeks of a time, and how many of something a team gets in them."""

from stream_app.engine.calendar import Calendar
from stream_app.engine.times import DAY, WEEK

MOST_WEEKS = 5_000


def weeks_between(first: int, until: int, timezone: str) -> list[tuple[int, bool]]:
    """The weeks (Mondays, in ms) that touch the time from `first` to `until`, and whether each lies in it whole."""
    calendar, at = Calendar(timezone, "week"), first
    found: list[tuple[int, bool]] = []
    while at <= until and len(found) < MOST_WEEKS:
        start, end = calendar.span(at)
        found.append((start, start >= first and end <= until))
        at = end
    return found


def length_in_weeks(first: int, until: int) -> float:
    """How long the time is; at least a day."""
    return max(until - first, DAY) / WEEK


def quantile(counts: dict[int, int], share: float) -> int | None:
    """The least value that at least `share` of all have or stay below; of counts by value. None of nothing."""
    total, reached = sum(counts.values()), 0
    for value in sorted(counts):
        reached += counts[value]
        if reached >= share * total - 1e-9:
            return value
    return None


def p90_of_weeks(weeks: list[tuple[int, bool]], arrivals: dict[int, int]) -> int | None:
    """How many the busiest tenth of the whole weeks begins with; of all weeks where none is whole."""
    whole = [start for start, complete in weeks if complete] or [start for start, _ in weeks]
    counts: dict[int, int] = {}
    for start in whole:
        value = arrivals.get(start, 0)
        counts[value] = counts.get(value, 0) + 1
    return quantile(counts, 0.9)
