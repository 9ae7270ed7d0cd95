"""What of a change can be sent on, by name: the catalogue that field mappings are checked against. Pure.

A name means the same in a transition and in a score where both have it: `scores.total` is a transition's score after it,
`stages.lifecycle` where it moved to. What a change does not have is left out.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from stream_app.connectors.contract import Change, Kind

Value = str | int | float | bool | None

SIMPLE: Final[Mapping[str, str]] = {
    "id": "the change's id, a UUID",
    "kind": "transition, score or erased",
    "subject": "lead or account",
    "lead": "the lead's key, such as user:u-42",
    "email": "the lead's e-mail address, where its key or an alias is one",
    "user_id": "the lead's user id, where its key is one",
    "anonymous_id": "the lead's anonymous id, where its key is one",
    "account_id": "the account",
    "model.id": "the model's name",
    "model.version": "the model's version",
    "at": "when, RFC 3339",
    "ladder": "the ladder of a transition",
    "from": "the stage it left",
    "to": "the stage it reached",
    "direction": "up or down",
    "seq": "the transition's number on its ladder",
    "cause.kind": "what made it: activity, decay, fact, crm, merge or model",
    "cause.event_id": "the event that made it",
    "route": "the team or owner that it goes to",
    "holds_until": "when it would fall if nothing else happened",
    "restated": "whether a change of the model made it",
    "suppressed": "whether the lead is suppressed",
    "owner": "the owner (scores only)",
    "revision": "the score record's revision",
    "reasons": "the greatest reasons in words",
}

NAMED: Final[Mapping[str, str]] = {
    "scores": "a score; after a transition",
    "scores.before": "a score before a transition",
    "grades": "a grade",
    "bands": "a band",
    "stages": "the stage on a ladder",
    "actions": "what the model's stage asks for",
}
"""Heads of names such as `scores.total`."""

EmailOf = Callable[[str], str | None]
"""A lead's e-mail address by the lead's key."""


def email_in_key(key: str) -> str | None:
    """The address of a lead whose key is one."""
    return _after(key, "email:")


def split_name(source: str) -> tuple[str, str] | None:
    """Head and name of `scores.before.total`; None where no head of `NAMED` begins it, or no name follows."""
    for head in sorted(NAMED, key=len, reverse=True):
        if source.startswith(f"{head}.") and len(source) > len(head) + 1:
            return head, source[len(head) + 1 :]
    return None


def value_of(change: Change, source: str, email_of: EmailOf = email_in_key) -> Value:
    """A source's value; None where this change has none."""
    if source in _DERIVED:
        return _DERIVED[source](change)
    if source == "email":
        return email_of(change.key) if change.subject == "lead" else None
    if source in SIMPLE:
        return _scalar(_path(change.document, source.split(".")))
    named = split_name(source)
    return None if named is None else _named(change, *named)


def _named(change: Change, head: str, name: str) -> Value:
    document = change.document
    transition = change.kind is Kind.transition
    if head == "scores" and transition:
        return _scalar(_path(document, ["scores", "after", name]))
    if head == "scores.before":
        return _scalar(_path(document, ["scores", "before", name])) if transition else None
    if head == "stages" and transition:
        return _scalar(document.get("to")) if document.get("ladder") == name else None
    return _scalar(_path(document, [head, name]))


def reasons_in_words(change: Change) -> str | None:
    """`pricing_page +15 (engagement); ...`, the greatest first."""
    reasons = change.document.get("reasons")
    if not isinstance(reasons, list) or not reasons:
        return None
    return "; ".join(f"{one['rule']} {one['points']:+.4g} ({one['score']})" for one in reasons)


_DERIVED: Final[Mapping[str, Callable[[Change], Value]]] = {
    "id": lambda change: change.id,
    "kind": lambda change: change.kind.value,
    "subject": lambda change: change.subject,
    "user_id": lambda change: _after(change.key, "user:") if change.subject == "lead" else None,
    "anonymous_id": lambda change: _after(change.key, "anon:") if change.subject == "lead" else None,
    "reasons": reasons_in_words,
}


def _after(key: str, head: str) -> str | None:
    return key.removeprefix(head) if key.startswith(head) else None


def _path(document: Any, path: list[str]) -> Any:
    for name in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(name)
    return document


def _scalar(value: Any) -> Value:
    return value if isinstance(value, (str, int, float, bool)) else None
