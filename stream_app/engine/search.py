"""The first unit at which something may happen, found without looking at every unit (scoring.md section 6, *Advance*)."""

from collections.abc import Callable


def first_unit(after: int, until: int, may: Callable[[int, int], bool]) -> int | None:
    """The first unit in `(after, until]` for which `may(unit, unit)` is true, None if there is none.

    `may(first, last)` must be true if it is true for any unit of the span, and exact where `first == last`. It is asked
    about spans that share their ends, so that whoever answers from the two ends computes each unit but once.
    """
    if after >= until or not may(after if until > after + 1 else until, until):
        return None
    waiting = [(after, until)]  # spans that begin behind their first number, not yet ruled out, the earliest last
    known_possible = True
    while waiting:
        before, last = waiting.pop()
        alone = last == before + 1
        if not known_possible and not may(last if alone else before, last):
            continue
        known_possible = False
        if alone:
            return last
        middle = (before + last) // 2
        waiting.append((middle, last))
        waiting.append((before, middle))
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
