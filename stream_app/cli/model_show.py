"""How a model is drawn for people: what scores what in tables, ladders as ladders. Nothing but drawing."""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from stream_app.engine.model.types import Breadth, Combined, Ladder, Model, Ranges, Rollup, Score, Scorecard, Stage
from stream_app.engine.model.words import (
    condition_words,
    machine_words,
    number_words,
    points_words,
    rule_points,
    rule_terms,
    rule_what,
    span_words,
)


def show_model(model: Model, console: Console) -> None:
    """Draw the whole model."""
    console.print(Text(model.name, style="bold"), Text(f"version {model.version[:12]}", style="dim"))
    if model.description:
        console.print(model.description)
    terms = (
        f"unit {span_words(model.resolution)}, days in {model.timezone}, events up to {span_words(model.lateness)} late, "
        f"{model.audience} audience"
    )
    console.print(Text(terms, style="dim"))
    if model.machines:
        console.print()
        console.print(_machines(model))
    for part in _card(model.lead, "lead"):
        console.print()
        console.print(part)
    if model.account.scores or model.account.ladders:
        for part in _card(model.account, "account"):
            console.print()
            console.print(part)


def _machines(model: Model) -> Table:
    table = Table("rule", "takes for a machine's", title="Machines, whose activities count 0", title_justify="left")
    for rule in model.machines:
        name = Text(rule.id)
        if rule.description:
            name.append(f"\n{rule.description}", style="dim")
        table.add_row(name, machine_words(rule))
    return table


def _card(card: Scorecard, subject: str) -> Iterator[RenderableType]:
    yield _scores(card, subject)
    for score in card.scores:
        rules = [rule for rule in card.rules if rule.score == score.name]
        if rules:
            yield _rules(card, score.name, subject)
    for ladder in card.ladders:
        yield _ladder(ladder, subject)


def _scores(card: Scorecard, subject: str) -> Table:
    table = Table("score", "is", "from", "to", "named", title=f"Scores of {_a(subject)}", title_justify="left")
    for score in card.scores:
        table.add_row(
            score.name, _made_of(score, card), _bound(score.low), _bound(score.high), _names(card, score.name)
        )
    for one in card.combined:
        table.add_row(one.name, _weighted(one), _bound(one.low), _bound(one.high), _names(card, one.name))
    for grade in card.grades:
        rows, columns = _ranges(grade.rows), _ranges(grade.columns)
        what = f"{grade.rows.score} {rows} by {grade.columns.score} {columns}"
        table.add_row(grade.name, f"grade: {what}", "", "", "")
    return table


def _made_of(score: Score, card: Scorecard) -> str:
    count = sum(rule.score == score.name for rule in card.rules)
    parts = [f"{number_words(score.base)} to begin with"] if score.base else []
    parts.append(f"{count} rule{'s' * (count != 1)}")
    parts += [_rollup(score.rollup)] if score.rollup is not None else []
    parts += [_breadth(score.breadth)] if score.breadth is not None else []
    parts += [f"only where {condition_words(score.applies_to)}"] if score.applies_to is not None else []
    return "; ".join(parts)


def _rollup(rollup: Rollup) -> str:
    how = {
        "sum": "the sum of",
        "max": "the greatest of",
        "top": f"the {rollup.top} greatest of",
        "diminishing": f"the sum, each next one times {number_words(rollup.factor)}, of",
    }[rollup.method]
    cap = f" (at most {number_words(rollup.per_member)} each)" if rollup.per_member is not None else ""
    return f"{how} its members' {rollup.score}{cap}"


def _breadth(breadth: Breadth) -> str:
    tiers = ", ".join(f"{points_words(points)} from {count}" for count, points in breadth.points)
    return f"{tiers} different {breadth.fact} among members from {number_words(breadth.min_score)} on"


def _weighted(one: Combined) -> str:
    parts = " + ".join(f"{number_words(weight)} × {name}" for name, weight in one.weights)
    return f"{parts}; only where {condition_words(one.applies_to)}" if one.applies_to is not None else parts


def _names(card: Scorecard, score: str) -> str:
    return "; ".join(f"{band.name}: {_ranges(band.ranges)}" for band in card.bands if band.ranges.score == score)


def _ranges(ranges: Ranges) -> str:
    return ", ".join(f"{name} ≥ {number_words(bound)}" for name, bound in ranges.bounds)


def _bound(bound: float | None) -> str:
    return "" if bound is None else number_words(bound)


def _rules(card: Scorecard, score: str, subject: str) -> Table:
    title = f"What feeds {score}" + ("" if subject == "lead" else f" of {_a(subject)}")
    table = Table("rule", "when", "points", "terms", "stage", "because", title=title, title_justify="left")
    groups = {group.name: group for group in card.groups}
    for rule in sorted((one for one in card.rules if one.score == score), key=lambda one: one.group or ""):
        group = groups.get(rule.group or "")
        within = [f"group {group.name} ({_span(group.low, group.high)})"] if group is not None else []
        terms = "; ".join([*filter(None, [rule_terms(rule)]), *within])
        name = Text(rule.id)
        if rule.description:
            name.append(f"\n{rule.description}", style="dim")
        table.add_row(name, rule_what(rule), rule_points(rule), terms, rule.stage or "", rule.evidence or "")
    return table


def _span(low: float | None, high: float | None) -> str:
    parts = [f"from {number_words(low)}"] if low is not None else []
    parts += [f"at most {number_words(high)}"] if high is not None else []
    return " ".join(parts)


def _ladder(ladder: Ladder, subject: str) -> RenderableType:
    """The highest stage on top, as on a ladder."""
    title = f"Ladder {ladder.name}" + ("" if subject == "lead" else f" of {_a(subject)}")
    parts: list[RenderableType] = [Text(title, style="italic")]
    for at in range(len(ladder.stages) - 1, -1, -1):
        stage = ladder.stages[at]
        parts.append(Padding(Panel(_stage(stage, at == 0), title=stage.name, title_align="left", expand=False), (0, 2)))
        if at:
            parts.append(Text("      ↑  ↓"))
    return Group(*parts)


def _stage(stage: Stage, start: bool) -> str:
    if start:
        lines = ["the start"]
    elif stage.enter is None:
        lines = ["entered by the CRM only" if stage.sticky else "entered by the CRM, or by falling from above"]
    else:
        lines = [f"enter  {condition_words(stage.enter)}"]
    if stage.hold is not None and not start:
        lines.append("stay   " + ("as for entering" if stage.hold == stage.enter else condition_words(stage.hold)))
    if stage.blocked_by is not None:
        lines.append(f"not if {condition_words(stage.blocked_by)}")
    waits = [f"no fall before {span_words(stage.min_dwell)}"] if stage.min_dwell else []
    waits += [f"no return before {span_words(stage.cooldown)}"] if stage.cooldown else []
    waits += ["sticky: only the CRM moves a lead out"] if stage.sticky else []
    lines += ["; ".join(waits)] if waits else []
    does = [f"to {stage.route}"] if stage.route else []
    does += [f"{name}: {_action(value)}" for name, value in stage.actions]
    lines += ["→ " + ", ".join(does)] if does else []
    return "\n".join(lines)


def _action(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _a(subject: str) -> str:
    return f"an {subject}" if subject[0] in "aeiou" else f"a {subject}"
