"""Conditions of ladders, grades and bands, over one unit or a span of units (scoring.md sections 4 and 6).

The rule kept here: `over(moment)` answers YES or NO only if that is the answer at every unit of the span, else MAYBE;
at a single unit it never answers MAYBE. That lets a ladder skip any span in which it surely does not move.
"""

from collections.abc import Callable
from typing import Final

from stream_app.engine.conditions import Check, Matcher, compile_condition, compile_test
from stream_app.engine.model.types import (
    All,
    AnyOf,
    BandIs,
    FieldIs,
    GradeIs,
    Ladder,
    LadderCondition,
    Not,
    Ranges,
    Scorecard,
    ScoreIs,
    Selector,
    Signal,
    Stage,
    Test,
)
from stream_app.engine.moment import Moment, Scores, passes, reaches
from stream_app.engine.trackers.base import Tracker

NO: Final = 0
MAYBE: Final = 1
YES: Final = 2


class Clause:
    """One compiled condition."""

    def over(self, moment: Moment) -> int:
        """YES or NO if it holds at every or at no unit of the span, else MAYBE."""
        raise NotImplementedError


class Every(Clause):
    def __init__(self, parts: list[Clause]) -> None:
        self.parts = parts

    def over(self, moment: Moment) -> int:
        answer = YES
        for part in self.parts:
            answer = min(answer, part.over(moment))
            if answer == NO:
                break
        return answer


class Some(Clause):
    def __init__(self, parts: list[Clause]) -> None:
        self.parts = parts

    def over(self, moment: Moment) -> int:
        answer = NO
        for part in self.parts:
            answer = max(answer, part.over(moment))
            if answer == YES:
                break
        return answer


class Negated(Clause):
    def __init__(self, part: Clause) -> None:
        self.part = part

    def over(self, moment: Moment) -> int:
        return YES - self.part.over(moment)


class FactClause(Clause):
    """Facts do not change without an event."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher

    def over(self, moment: Moment) -> int:
        return YES if self.matcher(moment.view) else NO


class SignalClause(Clause):
    """An activity whose age is below so many units; it only grows older."""

    def __init__(self, tracker: Tracker, units: int, resolution: int) -> None:
        self.tracker = tracker
        self.units = units
        self.resolution = resolution

    def over(self, moment: Moment) -> int:
        data = self.tracker.of(moment.subject.data)
        if data is None or data.last < 0:
            return NO
        seen = data.last // self.resolution
        if moment.last - seen < self.units:
            return YES
        return MAYBE if moment.first - seen < self.units else NO


class ScoreClause(Clause):
    """A score passes a test."""

    def __init__(self, position: int, test: Test) -> None:
        self.position = position
        self.check: Check = compile_test(test)
        self.bounds: list[tuple[int, float]] | None = _numeric(test)

    def over(self, moment: Moment) -> int:
        low, high = moment.low[self.position], moment.high[self.position]
        if low is None or high is None:
            return YES if self.check(None) else NO
        bounds = self.bounds
        if bounds is None:
            least, most = round(low, 9), round(high, 9)
            return MAYBE if least != most else (YES if self.check(least) else NO)
        answer = YES
        for operator, bound in bounds:
            answer = min(answer, _compare(operator, low, high, bound))
        return answer


class CellClause(Clause):
    """A grade's cell or a band's name passes a test."""

    def __init__(self, cell: "Cell", test: Test) -> None:
        self.cell = cell
        self.check = compile_test(test)

    def over(self, moment: Moment) -> int:
        name = self.cell.at(moment.low)
        if moment.low is not moment.high and self.cell.at(moment.high) != name:
            return MAYBE
        return YES if self.check(name) else NO


class Axis:
    """Named ranges of one score."""

    def __init__(self, position: int, ranges: Ranges) -> None:
        self.position = position
        self.bounds: tuple[tuple[str, float], ...] = ranges.bounds

    def at(self, scores: Scores) -> str | None:
        """The first name, highest bound first, that the score reaches."""
        score = scores[self.position]
        if score is not None:
            for name, bound in self.bounds:
                if reaches(score, bound):
                    return name
        return None


class Cell:
    """A band (one axis) or a grade (rows by columns)."""

    def __init__(self, name: str, axes: list[Axis]) -> None:
        self.name = name
        self.axes = axes

    def at(self, scores: Scores) -> str | None:
        """The name of the cell, None where a score is absent or below all ranges."""
        text = ""
        for axis in self.axes:
            part = axis.at(scores)
            if part is None:
                return None
            text += part
        return text


class CompiledStage:
    """A stage of a ladder, ready to be held against a moment."""

    def __init__(
        self, stage: Stage, index: int, enter: Clause | None, hold: Clause | None, block: Clause | None
    ) -> None:
        self.stage = stage
        self.name = stage.name
        self.index = index
        self.enter = enter
        self.hold = hold
        self.blocked_by = block
        self.min_dwell = stage.min_dwell
        self.cooldown = stage.cooldown
        self.sticky = stage.sticky


class CompiledLadder:
    """A ladder: its stages, lowest first."""

    def __init__(self, ladder: Ladder, stages: list[CompiledStage]) -> None:
        self.name = ladder.name
        self.stages = stages
        self.by_name = {stage.name: stage for stage in stages}


class LadderCompiler:
    """Compiles what a scorecard says about stages, grades and bands. `signal` gives the tracker of a selector."""

    def __init__(self, position: dict[str, int], signal: Callable[[Selector], Tracker], resolution: int) -> None:
        self.position = position
        self.signal = signal
        self.resolution = resolution
        self.cells: dict[tuple[str, str], Cell] = {}
        self.longest_signal = 0

    def grades(self, card: Scorecard) -> list[Cell]:
        """The grades, also kept for conditions on them."""
        grades = [Cell(grade.name, [self._axis(grade.rows), self._axis(grade.columns)]) for grade in card.grades]
        self.cells.update({("grade", cell.name): cell for cell in grades})
        return grades

    def bands(self, card: Scorecard) -> list[Cell]:
        """The bands, also kept for conditions on them."""
        bands = [Cell(band.name, [self._axis(band.ranges)]) for band in card.bands]
        self.cells.update({("band", cell.name): cell for cell in bands})
        return bands

    def ladders(self, card: Scorecard) -> list[CompiledLadder]:
        """The ladders; `grades` and `bands` come first."""
        return [
            CompiledLadder(ladder, [self._stage(index, stage) for index, stage in enumerate(ladder.stages)])
            for ladder in card.ladders
        ]

    def _axis(self, ranges: Ranges) -> Axis:
        return Axis(self.position[ranges.score], ranges)

    def _stage(self, index: int, stage: Stage) -> CompiledStage:
        enter, hold, block = (
            None if condition is None else self.clause(condition)
            for condition in (stage.enter, stage.hold, stage.blocked_by)
        )
        return CompiledStage(stage, index, enter, hold, block)

    def clause(self, condition: LadderCondition) -> Clause:
        """One condition of a ladder, compiled."""
        match condition:
            case All(parts):
                return Every([self.clause(part) for part in parts])
            case AnyOf(parts):
                return Some([self.clause(part) for part in parts])
            case Not(part):
                return Negated(self.clause(part))
            case FieldIs():
                return FactClause(compile_condition(condition))
            case ScoreIs(name, test) if name in self.position:
                return ScoreClause(self.position[name], test)
            case ScoreIs(name, test):
                return FactClause(compile_condition(FieldIs(name, test)))
            case GradeIs(name, test):
                return CellClause(self.cells["grade", name], test)
            case BandIs(name, test):
                return CellClause(self.cells["band", name], test)
            case Signal(on, within):
                units = -(-within // self.resolution)
                self.longest_signal = max(self.longest_signal, units)
                return SignalClause(self.signal(on), units, self.resolution)


_GE: Final = 0
_GT: Final = 1
_LE: Final = 2
_LT: Final = 3
_OPERATORS: Final = {"ge": _GE, "gt": _GT, "le": _LE, "lt": _LT}


def _numeric(test: Test) -> list[tuple[int, float]] | None:
    """The test as bounds on a number, None if it is of another kind."""
    bounds: list[tuple[int, float]] = []
    for operator, operand in test.checks:
        if operator == "between" and isinstance(operand, tuple):
            low, high = operand
            pairs = [("ge", low), ("le", high)]
        else:
            pairs = [(operator, operand)]
        for name, bound in pairs:
            if name not in _OPERATORS or isinstance(bound, bool) or not isinstance(bound, (int, float)):
                return None
            bounds.append((_OPERATORS[name], float(bound)))
    return bounds


def _compare(operator: int, low: float, high: float, bound: float) -> int:
    if operator == _GE:
        return YES if reaches(low, bound) else (MAYBE if reaches(high, bound) else NO)
    if operator == _GT:
        return YES if passes(low, bound) else (MAYBE if passes(high, bound) else NO)
    if operator == _LE:
        return YES if not passes(high, bound) else (MAYBE if not passes(low, bound) else NO)
    return YES if not reaches(high, bound) else (MAYBE if not reaches(low, bound) else NO)
