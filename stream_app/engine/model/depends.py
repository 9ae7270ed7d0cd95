"""What depends on what in a model: fields and scores that conditions mention, and the account's scores among them."""

from collections.abc import Iterator

from stream_app.engine.conditions import fields_of
from stream_app.engine.model.names import ACCOUNT_PREFIX
from stream_app.engine.model.types import (
    All,
    AnyOf,
    Condition,
    FactRule,
    FieldIs,
    LadderCondition,
    Model,
    Not,
    PerUnitRule,
    Rule,
    Scorecard,
    ScoreIs,
)


def account_scores(model: Model) -> frozenset[str]:
    """The account's scores, combined ones included, as a lead's side names them: `account.NAME`."""
    return account_score_names(model.account)


def account_score_names(account: Scorecard) -> frozenset[str]:
    """The same of an account's scorecard."""
    names = [score.name for score in account.scores] + [combined.name for combined in account.combined]
    return frozenset(ACCOUNT_PREFIX + name for name in names)


def account_scores_used(model: Model) -> frozenset[str]:
    """The account's scores (`account.NAME`) that the lead's rules, combined scores, `applies_to` or ladders use."""
    card = model.lead
    used = {name for combined in card.combined for name, _ in combined.weights}
    for rule in card.rules:
        used |= rule_facts(rule)
    for applies_to in [one.applies_to for one in card.scores] + [one.applies_to for one in card.combined]:
        used |= fields_of(applies_to) if applies_to is not None else frozenset()
    for ladder in card.ladders:
        for stage in ladder.stages:
            for condition in (stage.enter, stage.hold, stage.blocked_by):
                if condition is not None:
                    used |= mentions(condition)
    return account_scores(model) & used


def rule_facts(rule: Rule) -> frozenset[str]:
    """The facts that a rule looks at."""
    if isinstance(rule, FactRule):
        return fields_of(rule.when)
    return frozenset((rule.fact,)) if isinstance(rule, PerUnitRule) else frozenset()


def mentions(condition: LadderCondition) -> frozenset[str]:
    """The facts and scores that a ladder condition names."""
    return frozenset(part.name for part in walk(condition) if isinstance(part, (FieldIs, ScoreIs)))


def walk(condition: LadderCondition) -> Iterator[LadderCondition]:
    """The condition and every part of it."""
    yield condition
    match condition:
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from walk(part)
        case Not(part):
            yield from walk(part)


def feedback(card: Scorecard, score: str, of_account: frozenset[str]) -> list[str]:
    """How a lead's score depends on a score of its account (`of_account`): the path to it, or nothing."""
    return _path(card, score, of_account, set())


def _path(card: Scorecard, score: str, of_account: frozenset[str], seen: set[str]) -> list[str]:
    seen.add(score)
    for needed in sorted(_needs(card, score)):
        if needed in of_account:
            return [score, needed]
        if needed not in seen and (rest := _path(card, needed, of_account, seen)):
            return [score, *rest]
    return []


def _needs(card: Scorecard, score: str) -> set[str]:
    """What a score is directly made of or conditional on: facts and scores by name."""
    needs: set[str] = set()
    for one in card.scores:
        if one.name == score:
            needs |= _applies(one.applies_to)
            needs.update(
                name
                for rule in card.rules
                if rule.score == score
                for name in rule_facts(rule)
                if name.startswith(ACCOUNT_PREFIX)
            )
    for combined in card.combined:
        if combined.name == score:
            needs |= _applies(combined.applies_to)
            needs.update(name for name, _ in combined.weights)
    return needs


def _applies(condition: Condition | None) -> set[str]:
    # A plain name here is a fact, never a score, even where a score has the same name.
    return (
        {name for name in fields_of(condition) if name.startswith(ACCOUNT_PREFIX)} if condition is not None else set()
    )
