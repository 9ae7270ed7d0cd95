"""What rules of several kinds share: points, windows, limits, decays, tiers (scoring.md section 3)."""

from typing import Final

from stream_app.engine.model.cursor import LONGEST, MAX_NAME, Cursor
from stream_app.engine.model.node import Node
from stream_app.engine.model.problems import shown
from stream_app.engine.model.types import Decay, Limit, Period
from stream_app.engine.times import MINUTE

MAX_TIERS: Final = 100
MAX_COUNT: Final = 1_000
MAX_VALUES: Final = 200
PERIODS: Final[tuple[Period, ...]] = ("hour", "day", "week", "month", "ever")


def number_at(at: Cursor, key: str, what: str) -> float:
    """A number under a key that must be there."""
    found = at.need(key, what)
    return found.number(what) if found is not None else 0


def points_at(at: Cursor) -> float:
    """The rule's `points`."""
    return number_at(at, "points", "a number of points")


def field_at(at: Cursor, key: str, what: str) -> str:
    """The name of a property or fact under a key that must be there."""
    found = at.need(key, what)
    return found.text(what, MAX_NAME) if found is not None else ""


def window_at(at: Cursor, longest: int) -> int:
    """The rule's `window` in ms, at most `longest`."""
    found = at.need("window", "a duration, such as 7d")
    return found.duration("a window", MINUTE, longest) if found is not None else 0


def read_limit(at: Cursor | None) -> Limit | None:
    """How many activities of a period count."""
    if at is None or not at.keys(("times", "per"), "a limit, such as {times: 2, per: day}"):
        return None
    times, per = at.need("times", "a whole number"), at.need("per", "a period, such as day")
    return Limit(
        times=times.integer("a whole number", 1, MAX_COUNT) if times is not None else 1,
        per=per.choice(PERIODS, "a period") if per is not None else "ever",
    )


def read_decay(at: Cursor | None) -> Decay:
    """How a contribution fades."""
    if at is None or at.node.value == "none":
        return Decay()
    what = "a decay: none, {half_life: 14d}, {linear: 90d}, {expire: 30d} or {steps: {0d: 1.0, 10d: 0.5}}"
    if not at.keys(("half_life", "linear", "expire", "steps"), what):
        return Decay()
    entries = at.entries(what, 4)
    if len(entries) != 1:
        if entries:
            at.problem(f"expected one kind of decay, found {len(entries)}")
        return Decay()
    kind, value = entries[0]
    if kind == "steps":
        return Decay("steps", 0, by_age(value, "ages with factors, such as {0d: 1.0, 10d: 0.5}", 0, "a factor"))
    span = value.duration("a duration", MINUTE, LONGEST)
    if kind == "half_life":
        return Decay("half_life", span)
    return Decay("linear", span) if kind == "linear" else Decay("expire", span)


def by_age(at: Cursor, what: str, low: int, of: str) -> tuple[tuple[int, float], ...]:
    """A mapping from durations to numbers, ascending."""
    bound = 1_000.0 if of == "a factor" else None
    steps: dict[int, float] = {}
    for key, value in at.entries(what, MAX_TIERS):
        age = key_duration(at, key, low)
        number = value.number(of, 0, bound) if bound is not None else value.number(of)
        if age is None:
            continue
        if age in steps:
            at.key_problem(key, f"expected each age once, found {key} again")
        steps[age] = number
    return tuple(sorted(steps.items()))


def key_duration(at: Cursor, key: str, low: int) -> int | None:
    """A key that must be a duration."""
    line, column = at.node.keys.get(key, (at.node.line, at.node.column))
    node = Node(key, line, column)
    before = len(at.problems.found)
    age = Cursor(node, f"{at.path}.{key}", at.problems).duration("a duration", low, LONGEST)
    return age if len(at.problems.found) == before else None


def count_tiers(at: Cursor, key: str) -> tuple[tuple[int, float], ...]:
    """A mapping from counts (1 to 1,000) to points, ascending."""
    what = "counts with points, such as {1: 5, 3: 15}"
    found = at.need(key, what)
    tiers: dict[int, float] = {}
    if found is not None:
        for text, value in found.entries(what, MAX_TIERS):
            count = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_COUNT)) else 0
            if not 1 <= count <= MAX_COUNT or count in tiers:
                found.key_problem(text, f"expected a count of its own from 1 to {MAX_COUNT}, found {shown(text)}")
            tiers[count] = value.number("a number of points")
    return tuple(sorted(tiers.items()))


def ratio_tiers(at: Cursor) -> tuple[tuple[float, float], ...]:
    """A mapping from ratios to points, ascending."""
    what = "ratios with points, such as {0.5: 5, 0.8: 10}"
    found = at.need("tiers", what)
    tiers: dict[float, float] = {}
    if found is not None:
        for text, value in found.entries(what, MAX_TIERS):
            ratio = _as_ratio(text)
            if ratio is None or ratio in tiers:
                found.key_problem(text, f"expected a ratio of its own from 0 to {MAX_COUNT}, found {shown(text)}")
            tiers[ratio or 0.0] = value.number("a number of points")
    return tuple(sorted(tiers.items()))


def _as_ratio(text: str) -> float | None:
    try:
        ratio = float(text)
    except ValueError:
        return None
    return ratio if 0 <= ratio <= MAX_COUNT else None


def read_values(at: Cursor | None) -> tuple[str | int | float | bool, ...]:
    """A list of values to be complete."""
    if at is None:
        return ()
    values: list[str | int | float | bool] = []
    for item in at.items("a list of values", MAX_VALUES):
        value = item.node.value
        if isinstance(value, (str, bool)):
            values.append(value)
        else:
            values.append(item.number("a text, a number, true or false"))
    return tuple(values)
