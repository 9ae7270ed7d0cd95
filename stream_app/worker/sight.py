"""What the members of an account see of it: the facts and the published scores that the leads' part of the model reads.

The rule: what no rule and no condition reads is told to nobody.
"""

from hashlib import blake2b
from typing import Any, Final

import msgspec

from stream_app.engine.conditions import fields_of
from stream_app.engine.model.depends import rule_facts, walk
from stream_app.engine.model.types import FieldIs, Model
from stream_app.engine.plan import Plan
from stream_app.engine.published import rounded
from stream_app.runtime.account import Account
from stream_app.runtime.accounts import scores_seen

_DIGEST: Final = 8  # bytes

_encode = msgspec.msgpack.Encoder().encode


class Sight:
    """How a model's leads see their accounts."""

    def __init__(self, model: Model, accounts: Plan) -> None:
        self._plan = accounts
        self._scores = scores_seen(model, accounts)
        self._facts = sorted(facts_read(model) - {name for name, _ in self._scores})

    def facts(self, account: Account) -> dict[str, Any]:
        """What is seen of an account's own facts."""
        view = account.view
        return {name: view[name] for name in self._facts if name in view}

    def scores(self, account: Account) -> dict[str, Any]:
        """What is seen of an account's scores, as published; one that does not apply is missing."""
        seen: dict[str, Any] = {}
        if self._scores:
            card = account.card
            for name, position in self._scores:
                score = card.scores[position]
                if score is not None:
                    seen[name] = rounded(score, self._plan.precisions[position])
        return seen


def digest(seen: dict[str, Any]) -> bytes:
    """Eight bytes that tell two sights apart, types included; none for nothing."""
    return blake2b(_encode(seen), digest_size=_DIGEST).digest() if seen else b""


def facts_read(model: Model) -> frozenset[str]:
    """The names of facts that may be looked up in an account by a lead's rules and conditions, or for its breadth."""
    card = model.lead
    names: set[str] = set()
    for rule in card.rules:
        names |= rule_facts(rule)
    for applies_to in [one.applies_to for one in card.scores] + [one.applies_to for one in card.combined]:
        if applies_to is not None:
            names |= fields_of(applies_to)
    for ladder in card.ladders:
        for stage in ladder.stages:
            for condition in (stage.enter, stage.hold, stage.blocked_by):
                if condition is not None:
                    names.update(part.name for part in walk(condition) if isinstance(part, FieldIs))
    names.update(score.breadth.fact for score in model.account.scores if score.breadth is not None)
    return frozenset(names)
