"""Scores, groups, combined scores, grades and bands, from the document to their frozen form (scoring.md 4 and 8)."""

from typing import Final, Literal

from stream_app.engine.model.cursor import MAX_NAME, MAX_NUMBER, Cursor, name_problem, unknown
from stream_app.engine.model.names import ACCOUNT_PREFIX, Names
from stream_app.engine.model.problems import shown
from stream_app.engine.model.read_conditions import read_condition
from stream_app.engine.model.rule_parts import MAX_COUNT, count_tiers
from stream_app.engine.model.types import Band, Breadth, Combined, Condition, Grade, Group, Ranges, Rollup, Score

MAX_SCORES: Final = 200
MAX_RANGES: Final = 100
Method = Literal["sum", "max", "top", "diminishing"]
METHODS: Final[tuple[Method, ...]] = ("sum", "max", "top", "diminishing")
Clamp = tuple[float | None, float | None]


def read_scores(at: Cursor | None, names: Names, members: Names | None) -> tuple[Score, ...]:
    """The scores that rules feed; `members` (the lead's names) only for an account, whose scores can roll up."""
    if at is None:
        return ()
    known = ("clamp", "base", "precision", "applies_to") + (("rollup", "breadth") if members is not None else ())
    scores = []
    for name, value in at.entries("names of scores, such as {engagement: {clamp: [0, 100]}}", MAX_SCORES):
        _check_name(at, name)
        value.keys(known, "a score, such as {clamp: [0, 100]} or {}")
        low, high = _clamp(value.get("clamp"))
        base = value.get("base")
        rollup = _rollup(value.get("rollup"), members) if members is not None else None
        scores.append(
            Score(
                name=name,
                low=low,
                high=high,
                base=base.number("a base") if base is not None else 0.0,
                precision=_precision(value),
                applies_to=_applies_to(value, names),
                rollup=rollup,
                breadth=_breadth(value, rollup) if members is not None else None,
            )
        )
    return tuple(scores)


def read_groups(at: Cursor | None, names: Names) -> tuple[Group, ...]:
    """Groups of rules with their clamp."""
    if at is None:
        return ()
    groups = []
    for name, value in at.entries("names of groups", MAX_SCORES, empty=True):
        _check_name(at, name, "group")
        value.keys(("score", "min", "max"), "a group, such as {score: engagement, max: 30, min: -20}")
        score = value.need("score", "the score it belongs to")
        least, most = value.get("min"), value.get("max")
        low = least.number("a least number of points") if least is not None else None
        high = most.number("a greatest number of points") if most is not None else None
        if most is not None and low is not None and high is not None and low > high:
            most.problem(f"expected a max not below min, found {high:g} below {low:g}")
        feeds = score.known(names.scores, "score that rules feed") if score is not None else ""
        groups.append(Group(name, feeds, low, high))
    return tuple(groups)


def read_combined(at: Cursor | None, names: Names) -> tuple[Combined, ...]:
    """Combined scores, each after its parts; a circle is a problem."""
    if at is None:
        return ()
    found: dict[str, Combined] = {}
    places: dict[str, Cursor] = {}
    for name, value in at.entries("names of combined scores", MAX_SCORES, empty=True):
        _check_name(at, name)
        if name in names.scores:
            at.key_problem(name, f'expected a name of its own, found "{name}", which is under `scores` too')
        value.keys(("weights", "clamp", "precision", "applies_to"), "a combined score, such as {weights: {fit: 0.4}}")
        low, high = _clamp(value.get("clamp"))
        places[name] = value
        found[name] = Combined(name, _weights(value, names), low, high, _precision(value), _applies_to(value, names))
    return _ordered(found, places)


def _weights(at: Cursor, names: Names) -> tuple[tuple[str, float], ...]:
    weights = at.need("weights", "scores with weights, such as {fit: 0.4, engagement: 0.6}")
    if weights is None:
        return ()
    parts: dict[str, float] = {}
    for name, value in weights.entries("scores with weights, such as {fit: 0.4, engagement: 0.6}", MAX_SCORES):
        part = names.resolve(name)
        if part not in names.mentionable:
            weights.key_problem(name, unknown(name, names.mentionable, "score"))
        elif part in parts:
            weights.key_problem(name, f'expected each score once, found "{part}" again')
        parts[part] = value.number("a weight")
    return tuple(parts.items())


def _ordered(found: dict[str, Combined], places: dict[str, Cursor]) -> tuple[Combined, ...]:
    """Parts before what is made of them."""
    ordered: dict[str, Combined] = {}
    pending = dict(found)
    while pending:
        ready = [name for name, one in pending.items() if not any(part in pending for part, _ in one.weights)]
        if not ready:
            circle = _circle(pending)
            places[circle[0]].problem(f"a combined score can't be made of itself: {' -> '.join([*circle, circle[0]])}")
            return tuple(found.values())
        for name in ready:
            ordered[name] = pending.pop(name)
    return tuple(ordered.values())


def _circle(pending: dict[str, Combined]) -> list[str]:
    """One circle among combined scores that all wait for each other."""
    path = [next(iter(pending))]
    while True:
        following = next(part for part, _ in pending[path[-1]].weights if part in pending)
        if following in path:
            return path[path.index(following) :]
        path.append(following)


def read_grades(at: Cursor | None, names: Names) -> tuple[Grade, ...]:
    """Grades: cells of two scores' named ranges."""
    if at is None:
        return ()
    grades = []
    for name, value in at.entries("names of grades", MAX_SCORES, empty=True):
        _check_name(at, name, "grade")
        value.keys(("rows", "columns"), "a grade with rows and columns")
        rows, columns = value.need("rows", "a score and its ranges"), value.need("columns", "a score and its ranges")
        if rows is not None and columns is not None:
            grades.append(Grade(name, read_ranges(rows, names), read_ranges(columns, names)))
    return tuple(grades)


def read_bands(at: Cursor | None, names: Names) -> tuple[Band, ...]:
    """Bands: names for a score's ranges."""
    if at is None:
        return ()
    bands = []
    for name, value in at.entries("names of bands", MAX_SCORES, empty=True):
        _check_name(at, name, "band")
        bands.append(Band(name, read_ranges(value, names)))
    return tuple(bands)


def read_ranges(at: Cursor, names: Names) -> Ranges:
    """A score and names by the lower bound at which they start."""
    if not at.keys(("score", "ranges"), "a score and its ranges, such as {score: total, ranges: {hot: 70, cold: 0}}"):
        return Ranges("", ())
    score, ranges = at.need("score", "the name of a score"), at.need("ranges", "names with lower bounds")
    bounds: dict[float, str] = {}
    for name, value in (
        ranges.entries("names with lower bounds, such as {hot: 70, cold: 0}", MAX_RANGES) if ranges else []
    ):
        bound = value.number("a lower bound")
        if bound in bounds:
            value.problem(f'expected a lower bound of its own, found {bound:g}, which "{bounds[bound]}" has too')
        bounds.setdefault(bound, name)
    ordered = sorted(((name, bound) for bound, name in bounds.items()), key=lambda pair: -pair[1])
    return Ranges(score.known(names.own, "score") if score is not None else "", tuple(ordered))


def _rollup(at: Cursor | None, members: Names) -> Rollup | None:
    what = "a roll-up, such as {score: total, sum: true}"
    if at is None or not at.keys(("score", *METHODS, "per_member"), what):
        return None
    score = at.need("score", "the score of the members")
    given = [option for option in METHODS if at.has(option)]
    if len(given) != 1:
        at.problem(f"expected one of sum, max, top and diminishing, found {', '.join(given) or 'none'}")
    per_member = at.get("per_member")
    top, factor = at.get("top"), at.get("diminishing")
    for flag in ("sum", "max"):
        if (switch := at.get(flag)) is not None and not (isinstance(switch.node.value, bool) and switch.node.value):
            switch.expected("true")
    method: Method = next((option for option in METHODS if option in given), "sum")
    return Rollup(
        score=score.known(members.own, "score of the members") if score is not None else "",
        method=method,
        top=top.integer("a number of members", 1, MAX_COUNT) if top is not None else 0,
        factor=factor.number("a factor", 0, 1) if factor is not None else 1.0,
        per_member=per_member.number("a cap for each member") if per_member is not None else None,
    )


def _breadth(score_at: Cursor, rollup: Rollup | None) -> Breadth | None:
    at = score_at.get("breadth")
    what = "a breadth, such as {fact: department, min_score: 20, points: {2: 20, 3: 50}}"
    if at is None or not at.keys(("fact", "min_score", "points"), what):
        return None
    if rollup is None and not score_at.has("rollup"):
        at.problem("expected a `rollup` beside it, which says which score of the members is meant")
    fact, least = at.need("fact", "the name of a fact"), at.need("min_score", "a least score")
    return Breadth(
        fact=fact.text("the name of a fact", MAX_NAME) if fact is not None else "",
        min_score=least.number("a least score") if least is not None else 0,
        points=count_tiers(at, "points"),
    )


def _clamp(at: Cursor | None) -> Clamp:
    """Two bounds; `null` leaves a side open."""
    if at is None:
        return None, None
    bounds = [
        None if item.node.value is None else item.number("a bound", -MAX_NUMBER, MAX_NUMBER)
        for item in at.items("two bounds, such as [0, 100]", 2)
    ]
    if len(bounds) != 2:
        if len(bounds) == 1:
            at.problem("expected two bounds, such as [0, 100], found one")
        return None, None
    low, high = bounds
    if low is not None and high is not None and low > high:
        at.problem(f"expected the lower bound first, found [{low:g}, {high:g}]")
    return low, high


def _precision(at: Cursor) -> int:
    found = at.get("precision")
    return found.integer("a number of decimals", 0, 9) if found is not None else 0


def _applies_to(at: Cursor, names: Names) -> Condition | None:
    found = at.get("applies_to")
    return read_condition(found, names) if found is not None else None


def _check_name(at: Cursor, name: str, what: str = "score") -> None:
    problem = name_problem(name) if name else "it is empty"
    if len(name) > MAX_NAME:
        problem = f"it is longer than {MAX_NAME} characters"
    if what == "score" and name.startswith(ACCOUNT_PREFIX):
        problem = f'"{ACCOUNT_PREFIX}" stands for the account\'s'
    if problem:
        at.key_problem(name, f"expected a name for a {what}, found {shown(name)}: {problem}")
