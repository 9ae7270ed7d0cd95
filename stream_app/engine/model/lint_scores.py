"""Scores without rules, ranges that can never be reached, names of cells and bands that do not exist."""

from collections.abc import Iterator

from stream_app.engine.model.depends import walk
from stream_app.engine.model.domains import domains
from stream_app.engine.model.finding import Finding
from stream_app.engine.model.possible import can_hold, score_ranges
from stream_app.engine.model.problems import suggestion
from stream_app.engine.model.types import BandIs, GradeIs, Ranges, Scorecard, Test


def lint_scores(card: Scorecard, prefix: str) -> Iterator[Finding]:
    """Findings about scores, groups, grades and bands."""
    yield from _unused(card, prefix)
    domain = domains(card)
    for score in card.scores:
        if score.applies_to is not None and not can_hold(score.applies_to, domain):
            message = f'the score "{score.name}" never applies: its `applies_to` contradicts itself'
            yield Finding("error", "never-matches", f"{prefix}scores.{score.name}.applies_to", message)
    for grade in card.grades:
        yield from _ranges(card, grade.rows, f"{prefix}grades.{grade.name}.rows")
        yield from _ranges(card, grade.columns, f"{prefix}grades.{grade.name}.columns")
    for band in card.bands:
        yield from _ranges(card, band.ranges, f"{prefix}bands.{band.name}")
    yield from _unknown_names(card, prefix)


def _unused(card: Scorecard, prefix: str) -> Iterator[Finding]:
    fed = {rule.score for rule in card.rules}
    for score in card.scores:
        if score.name not in fed and score.rollup is None and score.breadth is None:
            path = f"{prefix}scores.{score.name}"
            yield Finding("warning", "no-rules", path, f'no rule feeds the score "{score.name}"')
    grouped = {rule.group for rule in card.rules}
    for group in card.groups:
        if group.name not in grouped:
            path = f"{prefix}groups.{group.name}"
            yield Finding("warning", "empty-group", path, f'no rule is in the group "{group.name}"')


def _ranges(card: Scorecard, ranges: Ranges, path: str) -> Iterator[Finding]:
    """A range is out of reach above the greatest value, or below the least where the next one up begins there."""
    low, high = score_ranges(card).get(ranges.score, (float("-inf"), float("inf")))
    above = float("inf")
    for name, bound in ranges.bounds:
        if bound > high:
            message = f'"{name}" is never reached: {ranges.score} is at most {high:g}'
            yield Finding("error", "unreachable-range", f"{path}.ranges.{name}", message)
        elif above <= low:
            message = f'"{name}" is never reached: {ranges.score} is at least {low:g}'
            yield Finding("error", "unreachable-range", f"{path}.ranges.{name}", message)
        above = bound
    if ranges.bounds and ranges.bounds[-1][1] > low:
        name, bound = ranges.bounds[-1]
        message = f'below {bound:g} {ranges.score} has no name: "{name}" is the lowest, and {ranges.score} can be lower'
        yield Finding("note", "no-lowest-range", path, message)


def _unknown_names(card: Scorecard, prefix: str) -> Iterator[Finding]:
    domain = domains(card)
    for ladder in card.ladders:
        for at, stage in enumerate(ladder.stages):
            conditions = [one for one in (stage.enter, stage.hold, stage.blocked_by) if one is not None]
            parts = {part for condition in conditions for part in walk(condition)}
            for part in (one for one in parts if isinstance(one, (GradeIs, BandIs))):
                kind = "grade" if isinstance(part, GradeIs) else "band"
                known = domain((kind, part.name))
                names = [str(one) for one in known] if isinstance(known, frozenset) else []
                for name in _named(part.test):
                    if name.casefold() not in {one.casefold() for one in names}:
                        message = f'the {kind} "{part.name}" has no "{name}"{suggestion(name, names)}'
                        path = f"{prefix}ladders.{ladder.name}[{at}]"
                        yield Finding("error", "unknown-name", path, message)


def _named(test: Test) -> list[str]:
    names: list[str] = []
    for operator, operand in test.checks:
        if operator in ("eq", "ne", "in", "not_in"):
            names += [str(one) for one in (operand if isinstance(operand, tuple) else (operand,))]
    return names
