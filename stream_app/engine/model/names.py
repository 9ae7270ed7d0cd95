"""The names a model declares, gathered before it is read, so that a mention can be checked where it stands."""

from collections.abc import Iterable
from dataclasses import dataclass

from stream_app.engine.model.node import Node

ACCOUNT_PREFIX = "account."
ANY_ACCOUNT_SCORE = "account.score"


@dataclass(frozen=True, slots=True)
class Names:
    """What a scorecard (the lead's, or the account's) declares, and the account's scores that it may mention."""

    scores: tuple[str, ...]
    combined: tuple[str, ...]
    grades: tuple[str, ...]
    bands: tuple[str, ...]
    groups: tuple[str, ...]
    account_scores: tuple[str, ...]  # as they are written in full: `account.NAME`; empty inside the account itself
    subject: str = "lead"

    @property
    def own(self) -> tuple[str, ...]:
        """Scores that rules feed and combined ones."""
        return self.scores + self.combined

    @property
    def mentionable(self) -> tuple[str, ...]:
        """Every score that a combined score or a condition may name."""
        return self.own + self.account_scores

    def resolve(self, name: str) -> str:
        """`account.score` where the account has one score (of any name) is that score; else the name itself."""
        if name == ANY_ACCOUNT_SCORE and name not in self.account_scores and len(self.account_scores) == 1:
            return self.account_scores[0]
        return name

    def is_account_score(self, name: str) -> bool:
        """Whether a name in a condition on facts means a score of the account."""
        return self.resolve(name) in self.account_scores


def gather(root: Node) -> tuple[Names, Names]:
    """The names of the lead's scorecard and of the account's."""
    account = _child(root, "account")
    account_names = _names(account, (), "account")
    scores = tuple(ACCOUNT_PREFIX + name for name in account_names.own)
    return _names(root, scores, "lead"), account_names


def _names(node: Node | None, account_scores: Iterable[str], subject: str) -> Names:
    return Names(
        scores=_keys(node, "scores"),
        combined=_keys(node, "combined"),
        grades=_keys(node, "grades"),
        bands=_keys(node, "bands"),
        groups=_keys(node, "groups"),
        account_scores=tuple(account_scores),
        subject=subject,
    )


def _child(node: Node | None, key: str) -> Node | None:
    return node.value.get(key) if node is not None and isinstance(node.value, dict) else None


def _keys(node: Node | None, key: str) -> tuple[str, ...]:
    child = _child(node, key)
    return tuple(child.value) if child is not None and isinstance(child.value, dict) else ()
