"""Rules for machines that find nobody, everybody or people; and rules of scores that they leave nothing to."""

from collections.abc import Iterator
from typing import Final

from stream_app.engine.model.depends import walk
from stream_app.engine.model.finding import Finding
from stream_app.engine.model.lint_overlaps import selector_covers
from stream_app.engine.model.lint_rules import selectors_of
from stream_app.engine.model.possible import can_hold
from stream_app.engine.model.types import MachineRule, Model, Scorecard, Selector, Signal
from stream_app.engine.times import SECOND

QUICK_LINKS: Final = 3  # links that people seldom open in a moment
QUICK: Final = 60 * SECOND


def lint_machines(model: Model) -> Iterator[Finding]:
    """Findings about the section `machines`."""
    counted = list(_counted(model.lead)) + list(_counted(model.account))
    for at, rule in enumerate(model.machines):
        path = f"machines[{at}]"
        yield from _alone(rule, path)
        yield from _repeated(rule, model.machines[:at], path)
        if not any(_may_meet(rule.on, selector) for selector in counted):
            message = f'"{rule.id}" takes out what no rule and no signal counts anyway'
            yield Finding("note", "idle-machine", path, message)
    for card, prefix in ((model.lead, ""), (model.account, "account.")):
        yield from _left_nothing(card, prefix, model.machines)


def _alone(rule: MachineRule, path: str) -> Iterator[Finding]:
    where = rule.on.where
    if where is not None and not can_hold(where, lambda thing: None):
        yield Finding("error", "never-matches", path, f'"{rule.id}" can never match: its `where` contradicts itself')
    if rule.scanner is None and rule.sweep is None and rule.on.where is None:
        message = f'"{rule.id}" takes everything of its channel and type for a machine\'s: it has no `where`'
        yield Finding("warning", "all-machines", path, message)
    sweep = rule.sweep
    if sweep is not None and sweep.mail == sweep.link:
        message = f'"{rule.id}" can never match: one property names the mail and the link'
        yield Finding("error", "never-matches", path, message)
    elif sweep is not None and (sweep.links < QUICK_LINKS or sweep.within > QUICK):
        seconds = sweep.within // SECOND
        message = f'"{rule.id}": people too open {sweep.links} links of one mail within {seconds} s'
        yield Finding("warning", "people-too", path, message)


def _repeated(rule: MachineRule, before: tuple[MachineRule, ...], path: str) -> Iterator[Finding]:
    for other in before:
        if (other.on, other.scanner, other.sweep) == (rule.on, rule.scanner, rule.sweep):
            yield Finding("warning", "duplicate", path, f'"{rule.id}" and "{other.id}" are the same rule twice')


def _counted(card: Scorecard) -> Iterator[Selector]:
    """Every selector of rules and signals."""
    for rule in card.rules:
        yield from selectors_of(rule)
    for ladder in card.ladders:
        for stage in ladder.stages:
            for condition in (stage.enter, stage.hold, stage.blocked_by):
                if condition is not None:
                    yield from (part.on for part in walk(condition) if isinstance(part, Signal))


def _may_meet(one: Selector, other: Selector) -> bool:
    """Whether an activity can be of a channel and type that both choose."""
    return _share(one.channels, other.channels) and _share(one.types, other.types)


def _share(one: frozenset[str] | None, other: frozenset[str] | None) -> bool:
    return one is None or other is None or bool(one & other)


def _left_nothing(card: Scorecard, prefix: str, machines: tuple[MachineRule, ...]) -> Iterator[Finding]:
    takers = [rule for rule in machines if rule.scanner is None and rule.sweep is None]
    for at, rule in enumerate(card.rules):
        chosen = selectors_of(rule)
        for taker in takers:
            if chosen and all(selector_covers(taker.on, selector) for selector in chosen):
                message = f'"{rule.id}" can never match: all that it counts is a machine\'s by "{taker.id}"'
                yield Finding("error", "never-matches", f"{prefix}rules[{at}]", message)
