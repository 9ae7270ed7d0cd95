"""Tests on fields and conditions (scoring.md section 3)."""

from typing import Any

import pytest

from stream_app.engine.activity import Activity
from stream_app.engine.conditions import (
    MISSING,
    compile_condition,
    compile_selector,
    compile_test,
    fields_of,
    selector_keys,
)
from stream_app.engine.model.types import All, AnyOf, FieldIs, Not, Operand, Selector
from stream_app.engine.model.types import Test as FieldTest

HOLDS: list[tuple[str, Operand, object]] = [
    ("eq", "US", "us"),
    ("eq", "straße", "STRASSE"),
    ("eq", 5, 5.0),
    ("eq", True, True),
    ("ne", "US", "DE"),
    ("ne", "US", MISSING),
    ("ne", 1, True),
    ("ne", "US", 7),
    ("ne", "US", ["US"]),
    ("in", ("a", "B"), "b"),
    ("in", (1, 2), 2.0),
    ("in", (True, "x"), True),
    ("not_in", ("a",), MISSING),
    ("not_in", ("a",), 3),
    ("not_in", (1,), True),
    ("lt", 5, 4.5),
    ("le", 5, 5),
    ("gt", -1, 0),
    ("ge", 4, 4),
    ("lt", "b", "A"),
    ("ge", "B", "b"),
    ("between", (10, 500), 10),
    ("between", (10, 500), 500),
    ("between", ("a", "c"), "B"),
    ("exists", True, ""),
    ("exists", True, False),
    ("exists", True, []),
    ("exists", False, MISSING),
    ("glob", "/pricing*", "/Pricing/eu/plans"),
    ("glob", "*", ""),
    ("glob", "*.pdf", "/a/b.PDF"),
    ("glob", "*demo*", "/x/demo/y"),
    ("glob", "/a/*/c?", "/a/x/y/cz"),
    ("glob", "v[0-9]", "v7"),
    ("glob", "v[!0-9]", "vx"),
    ("glob", "a[", "A["),
    ("glob", "a\nb*", "a\nb\nc"),
    ("regex", r"\b(CIO|CTO|VP)\b", "our cto here"),
    ("regex", "^/(docs|blog)", "/blog/x"),
    ("contains", "chief", "Deputy Chief of Staff"),
    ("contains", "Kafka", ["kafka", 3]),
    ("contains", 3, ["kafka", 3]),
    ("prefix", "/p", "/Pricing"),
    ("suffix", ".example", "acme.EXAMPLE"),
]
FAILS: list[tuple[str, Operand, object]] = [
    ("eq", 1, True),
    ("eq", True, 1),
    ("eq", "5", 5),
    ("eq", 5, "5"),
    ("eq", "a", ["a"]),
    ("ne", "US", "us"),
    ("in", ("1",), 1),
    ("in", (1,), True),
    ("not_in", ("a",), "A"),
    ("lt", 5, True),
    ("lt", 5, "4"),
    ("lt", "b", 1),
    ("ge", 5, MISSING),
    ("between", (10, 500), 501),
    ("between", (10, 500), 9.999),
    ("between", (10, 500), "20"),
    ("exists", True, MISSING),
    ("exists", False, 0),
    ("glob", "/pricing", "/pricing/x"),
    ("glob", "/pricing*", 7),
    ("glob", "?", "ab"),
    ("glob", "/a", "/a\n"),
    ("regex", "^b", "ab"),
    ("regex", "1", 1),
    ("contains", "x", {"x": 1}),
    ("contains", 3, "3"),
    ("contains", 1, [True]),
    ("prefix", "/p", ["/p"]),
    ("suffix", "x", MISSING),
]


@pytest.mark.parametrize(("operator", "operand", "value"), HOLDS)
def test_an_operator_holds(operator: str, operand: Operand, value: object) -> None:
    """What each operator accepts: text folded, bounds inclusive, booleans no numbers."""
    assert compile_test(FieldTest(((operator, operand),)))(value) is True


@pytest.mark.parametrize(("operator", "operand", "value"), FAILS)
def test_an_operator_fails(operator: str, operand: Operand, value: object) -> None:
    """A missing field and a value of the wrong type fail every test but `exists: false`, `ne` and `not_in`."""
    assert compile_test(FieldTest(((operator, operand),)))(value) is False


@pytest.mark.parametrize(
    ("operator", "operand", "same", "other"),
    [
        ("eq", "Ab", "Ab", "ab"),
        ("in", ("Ab",), "Ab", "ab"),
        ("glob", "A*", "Ax", "ax"),
        ("glob", "A?c", "Abc", "abc"),
        ("regex", "^A", "Ax", "ax"),
        ("contains", "A", "bA", "ba"),
        ("contains", "A", ["A"], ["a"]),
        ("prefix", "A", "Ab", "ab"),
        ("suffix", "B", "aB", "ab"),
        ("lt", "a", "B", "b"),
    ],
)
def test_case_counts_where_a_test_says_so(operator: str, operand: Operand, same: object, other: object) -> None:
    """`case: true` compares text as it is."""
    test = compile_test(FieldTest(((operator, operand),), case=True))
    assert (test(same), test(other)) == (True, False)


def test_several_operators_must_all_hold() -> None:
    """`{ge: 1, lt: 10, ne: 5}` is a range with a hole."""
    test = compile_test(FieldTest((("ge", 1), ("lt", 10), ("ne", 5))))
    assert [value for value in range(12) if test(value)] == [1, 2, 3, 4, 6, 7, 8, 9]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "\ud800", {"a": 1}, [[1]], b"x", object()])
@pytest.mark.parametrize(("operator", "operand"), sorted({(one, two) for one, two, _ in HOLDS + FAILS}, key=str))
def test_nothing_raises(operator: str, operand: Operand, value: object) -> None:
    """Whatever a producer sends, a test answers."""
    assert compile_test(FieldTest(((operator, operand),)))(value) in (True, False)


def is_(name: str, value: Operand) -> FieldIs:
    """`name: value`."""
    return FieldIs(name, FieldTest((("eq", value),)))


def test_conditions_nest() -> None:
    """`all`, `any` and `not` mean what they say; an empty condition holds; a missing key and null are the same."""
    holds = compile_condition(All((is_("a", 1), AnyOf((is_("b", 2), is_("c", 3))), Not(is_("d", 4)))))
    assert holds({"a": 1, "c": 3}) is True
    assert holds({"a": 1, "b": 2, "d": 4}) is False
    assert holds({"a": None, "b": 2}) is False
    assert compile_condition(All(()))({}) is True
    assert compile_condition(AnyOf(()))({}) is False


def test_fields_are_named() -> None:
    """The fields that a condition looks at, for indexes."""
    assert fields_of(All((is_("a", 1), Not(AnyOf((is_("b", 2), is_("c", 3))))))) == {"a", "b", "c"}


def activity(channel: str | None, kind: str, **properties: Any) -> Activity:
    """An activity of somebody."""
    return Activity(event_id="1", type=kind, time=0, channel=channel, user_id="u", properties=properties)


def test_a_selector_chooses_by_channel_type_and_properties() -> None:
    """Channels and types compare exactly; an event without a channel matches no channel selector."""
    chooses = compile_selector(Selector(frozenset(("web",)), frozenset(("a", "b")), is_("path", "/X")))
    assert chooses(activity("web", "b", path="/x")) is True
    assert chooses(activity("web", "b", path="/y")) is False
    assert chooses(activity("Web", "b", path="/x")) is False
    assert chooses(activity(None, "b", path="/x")) is False
    assert chooses(activity("web", "c", path="/x")) is False
    assert compile_selector(Selector())(activity(None, "anything")) is True


def test_a_selector_says_what_to_index_it_by() -> None:
    """Every pair of channel and type; `None` stands for any."""
    assert selector_keys(Selector(frozenset(("web",)), frozenset(("b", "a")))) == [("web", "a"), ("web", "b")]
    assert selector_keys(Selector()) == [(None, None)]
