"""What values the things that conditions mention can have in one scorecard."""

import math

from stream_app.engine.model.possible import DERIVED_VALUES, Domain, Interval, score_ranges
from stream_app.engine.model.types import Operand, Scorecard


def domains(card: Scorecard) -> Domain:
    """The values of scores (their range), grades (their cells), bands (their names) and derived facts."""
    ranges = score_ranges(card)
    cells = {
        grade.name: frozenset(row + column for row, _ in grade.rows.bounds for column, _ in grade.columns.bounds)
        for grade in card.grades
    }
    names = {band.name: frozenset(name for name, _ in band.ranges.bounds) for band in card.bands}

    def domain(thing: tuple[str, object]) -> "Interval | frozenset[Operand] | None":
        kind, name = thing[0], str(thing[1])
        if kind == "score":
            return ranges.get(name, (-math.inf, math.inf))
        if kind == "grade":
            return frozenset[Operand](cells.get(name, frozenset()))
        if kind == "band":
            return frozenset[Operand](names.get(name, frozenset()))
        return DERIVED_VALUES.get(name)

    return domain
