"""Whether a stage's `hold` is implied by its `enter`, by structure (scoring.md section 6).

"Every alternative of `enter` has, for some alternative of `hold`, each of its tests with a bound at least as strict": both
are put into alternatives (disjunctive normal form, negations pushed inwards), and tests on the same thing are compared.
A ladder of such stages can't move for ever: what enters a stage stays there.
"""

import math
from dataclasses import dataclass
from typing import Final

from stream_app.engine.conditions import compile_test
from stream_app.engine.model.types import (
    All,
    AnyOf,
    BandIs,
    FieldIs,
    GradeIs,
    LadderCondition,
    Not,
    Operand,
    ScoreIs,
    Signal,
    Test,
)

MAX_ALTERNATIVES: Final = 500
_LOWER: Final = ("gt", "ge")
_UPPER: Final = ("lt", "le")


@dataclass(frozen=True, slots=True)
class Atom:
    """One operator on one thing, or a signal, perhaps negated."""

    about: tuple[str, object]
    operator: str
    operand: Operand = None
    case: bool = False
    negated: bool = False


Alternative = frozenset[Atom]


class TooManyAlternatives(ValueError):
    """A condition has more alternatives than are looked at."""


def implies(enter: LadderCondition, hold: LadderCondition) -> bool:
    """Whether `enter` implies `hold` by structure. Raises `TooManyAlternatives`."""
    if enter == hold or hold == All(()):
        return True
    targets = alternatives(hold)
    return all(any(covers(one, target) for target in targets) for one in alternatives(enter))


def alternatives(condition: LadderCondition, negated: bool = False) -> list[Alternative]:
    """The condition as alternatives, each a set of atoms that must all hold."""
    match condition:
        case Not(part):
            return alternatives(part, not negated)
        case All(parts) | AnyOf(parts):
            both = isinstance(condition, All) != negated
            return _product(parts, negated) if both else _union(parts, negated)
        case Signal(on, within):
            return [frozenset((Atom(("signal", on), "within", within, negated=negated),))]
        case FieldIs(name, test):
            return _atoms(("fact", name), test, negated)
        case ScoreIs(name, test):
            return _atoms(("score", name), test, negated)
        case GradeIs(name, test):
            return _atoms(("grade", name), test, negated)
        case BandIs(name, test):
            return _atoms(("band", name), test, negated)


def _product(parts: tuple[LadderCondition, ...], negated: bool) -> list[Alternative]:
    product: list[Alternative] = [frozenset()]
    for part in parts:
        options = alternatives(part, negated)
        if len(product) * len(options) > MAX_ALTERNATIVES:
            raise TooManyAlternatives(f"more than {MAX_ALTERNATIVES} alternatives")
        product = [one | option for one in product for option in options]
    return product


def _union(parts: tuple[LadderCondition, ...], negated: bool) -> list[Alternative]:
    union = [option for part in parts for option in alternatives(part, negated)]
    if len(union) > MAX_ALTERNATIVES:
        raise TooManyAlternatives(f"more than {MAX_ALTERNATIVES} alternatives")
    return union


def _atoms(about: tuple[str, object], test: Test, negated: bool) -> list[Alternative]:
    atoms = [
        Atom(about, operator, operand, test.case, negated)
        for operator, operand in (pair for check in test.checks for pair in _split(*check))
    ]
    if negated:  # not (a and b) is (not a) or (not b)
        return [frozenset((atom,)) for atom in atoms]
    return [frozenset(atoms)]


def _split(operator: str, operand: Operand) -> list[tuple[str, Operand]]:
    if operator == "between" and isinstance(operand, tuple):
        return [("ge", operand[0]), ("le", operand[1])]
    return [(operator, operand)]


def covers(one: Alternative, target: Alternative) -> bool:
    """Whether every atom of `target` follows from some atom of `one`."""
    return all(any(_follows(atom, wanted) for atom in one) for wanted in target)


def _follows(given: Atom, wanted: Atom) -> bool:
    """Whether `wanted` holds whenever `given` does."""
    if given == wanted:
        return True
    if given.about != wanted.about or given.negated != wanted.negated:
        return False
    if given.negated:
        return _follows_positive(
            Atom(wanted.about, wanted.operator, wanted.operand, wanted.case),
            Atom(given.about, given.operator, given.operand, given.case),
        )
    return _follows_positive(given, wanted)


def _follows_positive(given: Atom, wanted: Atom) -> bool:
    if given.operator == "within":
        return _number(given.operand) <= _number(wanted.operand)
    if wanted.operator == "exists" and wanted.operand is True:
        return given.operator not in ("exists", "ne", "not_in")
    if given.operator in ("eq", "in"):
        holds = compile_test(Test(((wanted.operator, wanted.operand),), wanted.case))
        return (given.case or not wanted.case) and all(holds(value) for value in _options(given.operand))
    if given.operator in ("ne", "not_in") and wanted.operator in ("ne", "not_in"):
        return given.case == wanted.case and set(_options(wanted.operand)) <= set(_options(given.operand))
    return _bound_follows(given, wanted)


def _bound_follows(given: Atom, wanted: Atom) -> bool:
    if isinstance(given.operand, str) or isinstance(wanted.operand, str):
        return False  # bounds on texts count only where they are the same
    have, want = _number(given.operand), _number(wanted.operand)
    strict = given.operator in ("gt", "lt") or wanted.operator in ("ge", "le")
    if given.operator in _LOWER and wanted.operator in _LOWER:
        return have > want or (have == want and strict)
    if given.operator in _UPPER and wanted.operator in _UPPER:
        return have < want or (have == want and strict)
    if given.operator in _LOWER and wanted.operator == "ne":
        return have > want or (have == want and given.operator == "gt")
    if given.operator in _UPPER and wanted.operator == "ne":
        return have < want or (have == want and given.operator == "lt")
    return False


def _number(operand: Operand) -> float:
    return operand if isinstance(operand, (int, float)) else math.nan


def _options(operand: Operand) -> tuple[Operand, ...]:
    return operand if isinstance(operand, tuple) else (operand,)
