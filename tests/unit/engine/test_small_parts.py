"""The small parts that scores are made of, each against brute force or its formula."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.engine.accounts import HISTORY, FactHistory, rollup_points
from stream_app.engine.calendar import Calendar
from stream_app.engine.decay import DecayTable
from stream_app.engine.model.types import Period, Rollup
from stream_app.engine.published import rounded
from stream_app.engine.rules.windows import tier_bounds, tier_points
from stream_app.engine.search import first_unit, first_unit_far
from stream_app.engine.seen import MAX_IDS, SeenIds
from stream_app.engine.state import Cell
from stream_app.engine.times import parse_time
from stream_app.engine.view import View
from tests.reference.rules import decay_factor
from tests.reference.timeline import period
from tests.subjects import HOUR, model_of

MINUTE = 60_000
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Pacific/Apia",
]
# Around changes of clocks, leap days, a day that Samoa left out, and anywhere.
INSTANTS = st.sampled_from(
    [
        "2026-03-29T01:00:00Z",
        "2026-10-25T01:00:00Z",
        "2026-11-01T06:00:00Z",
        "2026-04-04T15:00:00Z",
        "2026-10-03T15:30:00Z",
        "2024-02-29T12:00:00Z",
        "2011-12-30T09:00:00Z",
        "2025-12-31T23:00:00Z",
    ]
).map(parse_time)
TIMES = st.one_of(
    st.builds(lambda at, off: at + off, INSTANTS, st.integers(-4 * HOUR, 4 * HOUR)),
    st.integers(parse_time("2000-01-01T00:00:00Z"), parse_time("2036-01-01T00:00:00Z")),
)


@given(st.sampled_from(ZONES), st.sampled_from(["hour", "day", "week", "month"]), TIMES)
def test_a_period_is_exactly_the_times_with_the_same_calendar(zone: str, per: Period, time: int) -> None:
    """Section 1: calendar periods in the model's zone; the hour that clocks repeat is two."""
    start, end = Calendar(zone, per).span(time)
    here = ZoneInfo(zone)
    same = period(time, per, here)
    assert start <= time < end
    inside = [start, end - 1, *range(start, end, max((end - start) // 40, 1))]
    assert {period(one, per, here) for one in inside} == {same}
    assert same not in (period(start - 1, per, here), period(end, per, here))


def test_ever_is_one_period() -> None:
    """`ever` holds all times."""
    calendar = Calendar("Europe/Berlin", "ever")
    assert calendar.span(0) == calendar.span(parse_time("9999-12-31T23:59:59Z"))


SPANS = st.integers(1, 3_000).map(lambda minutes: f"{minutes}m")
DECAYS = st.one_of(
    st.builds(lambda kind, span: {kind: span}, st.sampled_from(["half_life", "linear", "expire"]), SPANS),
    st.dictionaries(SPANS, st.sampled_from([0, 0.25, 0.5, 1, 2]), min_size=1, max_size=5).map(lambda s: {"steps": s}),
)


@given(DECAYS, st.sampled_from([1, 15, 60, 420, 1440]), st.integers(0, 4_000))
def test_decay_is_its_formula(decay: dict[str, object], minutes: int, age: int) -> None:
    """Section 3, at any age of whole units; below 2**-50 a half-life is 0."""
    table = _table(decay, minutes)
    expected = decay_factor(decay, age * minutes * MINUTE)
    assert table.factor(age) == pytest.approx(expected, abs=2.0**-50)
    if table.horizon >= 0 and age >= table.horizon:
        assert table.factor(age) == 0


@given(DECAYS, st.sampled_from([1, 60, 1440]), st.integers(0, 500), st.integers(0, 300))
def test_extremes_of_decay_enclose_it(decay: dict[str, object], minutes: int, first: int, more: int) -> None:
    """Over a span of ages no factor is outside, and after `settled` none changes."""
    table = _table(decay, minutes)
    low, high = table.extremes(first, first + more)
    factors = [table.factor(age) for age in range(first, first + more + 1)]
    assert low <= min(factors) and max(factors) <= high
    settled = table.factor(table.settled)
    assert [table.factor(table.settled + later) for later in (1, 7, 1_000)] == [settled] * 3


@given(DECAYS, st.lists(st.integers(0, 60), min_size=1, max_size=5, unique=True), st.integers(60, 120))
def test_nothing_changes_before_the_next_step(decay: dict[str, object], units: list[int], unit: int) -> None:
    """`next_step` is never after the first unit at which a factor changes."""
    table = _table(decay, 60)
    following = table.next_step(sorted(units), unit)
    assert following > unit
    for later in range(unit, min(following, unit + 300)):
        assert [table.factor(later - one) for one in units] == [table.factor(unit - one) for one in units]


def _table(decay: dict[str, object], minutes: int) -> DecayTable:
    rule = {"id": "r", "kind": "activity", "score": "s", "on": {"type": "t"}, "points": 1, "decay": decay}
    model = model_of({"model": "m", "resolution": f"{minutes}m", "scores": {"s": {}}, "rules": [rule]})
    return DecayTable(model.lead.rules[0].decay, model.resolution)  # type: ignore[union-attr]


@given(st.integers(-5, 50), st.integers(-5, 90), st.sets(st.integers(-5, 100), max_size=4), st.sets(st.integers(0, 9)))
def test_the_first_unit_is_found(after: int, until: int, true: set[int], vague: set[int]) -> None:
    """As by looking at every unit, however vague `may` is about spans."""

    def may(first: int, last: int) -> bool:
        return any(first <= unit <= last for unit in true) or (first != last and (first + last) % 10 in vague)

    expected = min((unit for unit in true if after < unit <= until), default=None)
    assert first_unit(after, until, may) == expected
    assert first_unit_far(after, until, may) == expected


CELLS = st.lists(
    st.tuples(st.integers(0, 9), st.text("ab", max_size=2), st.sampled_from([1, "x", None])), max_size=HISTORY
)


@given(CELLS, st.integers(-1, 10))
def test_the_history_of_facts_knows_every_past(cells: list[Cell], time: int) -> None:
    """The value with the greatest (time, event id) up to a time; the next change is the next time of any."""
    history = FactHistory()
    for cell in cells:
        history.put("tier", cell)
    past = [cell for cell in cells if cell[0] <= time]
    latest = max(past, key=lambda cell: cell[:2], default=None)
    ties = {cell[2] for cell in past if latest is not None and cell[:2] == latest[:2]}
    assert history.at(time).get("tier") in (ties or {None})
    assert history.next_after(time) == min((cell[0] for cell in cells if cell[0] > time), default=1 << 62)


def test_the_history_of_facts_is_bounded() -> None:
    """The oldest values go."""
    history = FactHistory()
    for number in range(10 * HISTORY):
        history.put("tier", (number, "e", number))
    assert len(history.values["tier"]) == HISTORY
    assert history.at(10 * HISTORY)["tier"] == 10 * HISTORY - 1


def test_names_are_looked_up_derived_first_then_own_then_the_accounts() -> None:
    """Section 3: derived facts, then the lead's, then its account's; `account.NAME` only there."""
    own: dict[str, Cell] = {"free_mail": (1, "e", "mine"), "tier": (1, "e", "own"), "gone": (1, "e", None)}
    account = {"tier": "gold", "account.tier": "gold", "gone": "theirs", "size": 5, "free_mail": "account"}
    view = View(own, "ann@acme.example", account)
    names = ("free_mail", "tier", "account.tier", "gone", "size", "nothing", "email_domain")
    assert [view.get(name) for name in names] == [False, "own", "gold", "theirs", 5, None, "acme.example"]
    assert View(own, None, account).get("free_mail") == "mine"
    assert set(view) >= {"free_mail", "tier", "size"} and len(view) == len(list(view))
    with pytest.raises(KeyError):
        view["nothing"]


@given(st.floats(-1e6, 1e6, allow_nan=False), st.integers(0, 6))
def test_rounding_is_half_away_from_zero(value: float, precision: int) -> None:
    """Section 4: on the shortest decimal form, the same on both sides of zero."""
    assert rounded(value, precision) == -rounded(-value, precision)
    assert abs(rounded(value, precision) - value) <= 0.5 * 10**-precision + 1e-9


@pytest.mark.parametrize(
    ("value", "precision", "expected"),
    [
        (0.5, 0, 1),
        (-0.5, 0, -1),
        (2.5, 0, 3),
        (0.285, 2, 0.29),
        (1.005, 2, 1.01),
        (-0.4, 0, 0),
        (1e300, 3, 1e300),
        (2.0**60, 0, 2.0**60),
    ],
)
def test_rounding_examples(value: float, precision: int, expected: float) -> None:
    """Halves, shortest forms, and numbers too great to have decimals."""
    assert rounded(value, precision) == expected


@given(st.dictionaries(st.integers(1, 9), st.integers(-9, 9), max_size=4), st.integers(0, 12), st.integers(0, 12))
def test_bounds_of_tiers(points: dict[int, int], one: int, other: int) -> None:
    """Whatever is reached between two counts is worth something within the bounds."""
    tiers = tuple(sorted((float(number), float(worth)) for number, worth in points.items()))
    low, high = min(one, other), max(one, other)
    worth = [tier_points(tiers, reached) for reached in range(low, high + 1)]
    assert tier_bounds(tiers, low, high) == (min(worth), max(worth))


@pytest.mark.parametrize(
    ("rollup", "expected"),
    [
        (Rollup("s", "sum"), 60),
        (Rollup("s", "max"), 30),
        (Rollup("s", "top", top=2), 50),
        (Rollup("s", "diminishing", factor=0.5), 30 + 10 + 2.5),
        (Rollup("s", "sum", per_member=15), 40),
    ],
)
def test_ways_to_roll_up(rollup: Rollup, expected: float) -> None:
    """Section 8: members' scores, capped first, sorted from highest."""
    assert rollup_points(rollup, [10, 30, 20]) == expected
    assert rollup_points(rollup, []) == 0


def test_an_id_taken_by_both_of_two_leads_is_known_by_the_later_time() -> None:
    """Reading 14: found by seed 7062; else a copy of the later event would count again."""
    early, late = SeenIds(), SeenIds()
    early.add("x", 100, 0)
    late.add("x", 900, 0)
    for union in (early.union(late), late.union(early)):
        union.forget(500)
        assert union.first_time("x") == 900
        assert len(union) == 1


def test_ids_are_bounded_and_what_is_forgotten_is_refused() -> None:
    """Section 2: at most 10,000 ids; beyond that the oldest go, and what is older than the oldest left is refused."""
    seen = SeenIds()
    for number in range(MAX_IDS + 5):
        seen.add(f"e{number}", number, 0)
    assert len(seen) == MAX_IDS
    assert seen.floor == 5
    assert (seen.first_time("e4"), seen.first_time("e5")) == (-1, 5)
