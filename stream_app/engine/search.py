"""The first unit at which something may happen, found without looking at every unit (scoring.md section 6, *Advance*)."""

from collections.abc import Callable


def first_unit(after: int, until: int, may: Callable[[int, int], bool]) -> int | None:
    """The first unit in `(after, until]` for which `may(unit, unit)` is true, None if there is none.

    `may(first, last)` must be true if it is true for any unit of the span, and exact where `first == last`.
    """
    start = after + 1
    if start > until or not may(start, until):
        return None
    waiting = [(start, until)]  # spans not yet ruled out or in, the earliest last
    known_possible = True
    while waiting:
        first, last = waiting.pop()
        if not known_possible and not may(first, last):
            continue
        known_possible = False
        if first == last:
            return first
        middle = (first + last) // 2
        waiting.append((middle + 1, last))
        waiting.append((first, middle))
    return None


def first_unit_far(after: int, until: int, may: Callable[[int, int], bool]) -> int | None:
    """As `first_unit`, for a far `until`: looks at spans that double in length, as what is sought is mostly near."""
    start, length = after, 16
    while start < until:
        stop = min(until, start + length)
        found = first_unit(start, stop, may)
        if found is not None:
            return found
        start, length = stop, length * 4
    return None
