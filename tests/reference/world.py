"""What is known: leads and accounts with every accepted event, aliases; and facts at a time (sections 2, 7, 8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.reference.conditions import MISSING
from tests.reference.derived import derive, domain_of, is_free
from tests.reference.timeline import parse_duration, parse_time

Event = dict[str, Any]  # as in the file, with `at` (ms), `mail` (normalised address) and `own_keys` (strongest first)
MAX_IDS = 10_000


@dataclass
class Place:
    """Where a lead or account stands on one ladder."""

    stage: str
    entered: int
    left: dict[str, int] = field(default_factory=dict)
    seq: int = 0
    moved: int | None = None  # the clock of the last move
    obeyed: int | None = None  # the time of the latest `stage_set` that was obeyed


@dataclass
class Subject:
    """A lead or an account: everything it was ever told."""

    kind: str  # lead | account
    key: str
    clock: int | None = None
    events: list[Event] = field(default_factory=list)
    fact_events: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    ids: list[tuple[int, str]] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)

    def latest(self) -> int | None:
        """The time of the latest accepted event."""
        return max((event["at"] for event in self.events), default=None)

    def crm_mark(self, types: tuple[str, ...], t: int) -> Event | None:
        """The latest CRM event of these types, by time and event id."""
        marks = [e for e in self.events if e.get("channel") == "crm" and e["type"] in types and e["at"] <= t]
        return max(marks, key=lambda e: (e["at"], e["event_id"]), default=None)

    def suppressed(self, t: int) -> bool:
        """Whether the latest mark is a `suppress`."""
        mark = self.crm_mark(("suppress", "unsuppress"), t)
        return mark is not None and mark["type"] == "suppress"

    def owner(self, t: int) -> Any:
        """The owner that the latest `owner_set` names."""
        mark = self.crm_mark(("owner_set",), t)
        return (mark.get("properties") or {}).get("owner") if mark else None

    def facts(self, t: int) -> dict[str, Any]:
        """Own facts at `t`: of each name the value with the greatest (time, event_id); null removes."""
        found: dict[str, Any] = {}
        for at, _, values in sorted(self.fact_events, key=lambda f: f[:2]):
            if at <= t:
                found.update(values)
        return {name: value for name, value in found.items() if value is not None}

    def email(self, t: int) -> str | None:
        """The latest address that an event of the lead carried."""
        mails = [(e["at"], e["event_id"], e["mail"]) for e in self.events if e["mail"] and e["at"] <= t]
        return max(mails)[2] if mails else None

    def account_id(self, t: int) -> str | None:
        """The account of the latest `account_id`, else of the e-mail's domain unless that is free mail."""
        stated = [
            (e["at"], e["event_id"], e["account_id"]) for e in self.events if e.get("account_id") and e["at"] <= t
        ]
        if stated:
            return str(max(stated)[2])
        email = self.email(t)
        domain = domain_of(email) if email else None
        return domain if domain and not is_free(domain) else None


class World:
    """All subjects and links of one replay."""

    def __init__(self, model: dict[str, Any]) -> None:
        """An empty world under a parsed model document."""
        self.model = model
        self.unit_ms = parse_duration(model.get("resolution", "1h"))
        self.lateness = parse_duration(model.get("lateness", "30d"))
        self.skew = parse_duration(model.get("max_future_skew", "5m"))
        self.leads: dict[str, Subject] = {}
        self.accounts: dict[str, Subject] = {}
        self.aliases: dict[str, str] = {}
        self.kept_seq: dict[tuple[str, str], int] = {}
        self.newest = 0
        self.memo: dict[Any, Any] = {}

    def touch(self) -> None:
        """Something was added or linked: forget every result."""
        self.memo.clear()
        self.newest = max((e["at"] for s in self.subjects() for e in s.events), default=0)

    def subjects(self) -> list[Subject]:
        """Every lead, then every account."""
        return [*self.leads.values(), *self.accounts.values()]

    def resolve(self, key: str) -> str:
        """The key of the lead that a key stands for."""
        while key in self.aliases:
            key = self.aliases[key]
        return key

    def account_of(self, lead: Subject, t: int) -> Subject | None:
        """The account a lead belongs to at `t`, where anything is known of it."""
        name = lead.account_id(t)
        return self.accounts.get(name) if name is not None else None

    def members(self, account: Subject, t: int) -> list[Subject]:
        """The leads that belong to an account at `t`."""
        key = ("members", account.key, t if t < self.newest else None)
        if key not in self.memo:
            self.memo[key] = [lead for lead in self.leads.values() if lead.account_id(t) == account.key]
        found: list[Subject] = self.memo[key]
        return found

    def facts(self, subject: Subject, t: int) -> dict[str, Any]:
        """Every fact a condition can name, without scores: derived, the lead's, the account's, `account.NAME`."""
        key = ("facts", subject.kind, subject.key, t if t < self.newest else None)
        if key not in self.memo:
            self.memo[key] = self._facts(subject, t)
        found: dict[str, Any] = self.memo[key]
        return found

    def _facts(self, subject: Subject, t: int) -> dict[str, Any]:
        own = subject.facts(t)
        if subject.kind == "account":
            return own
        account = self.account_of(subject, t)
        theirs = account.facts(t) if account else {}
        return {
            **theirs,
            **{f"account.{name}": value for name, value in theirs.items()},
            **own,
            **derive(own, subject.email(t)),
        }

    def fact(self, subject: Subject, name: str, t: int) -> Any:
        """One fact, or MISSING."""
        return self.facts(subject, t).get(name, MISSING)

    def refusal(self, subject: Subject | None, event: Event) -> str | None:
        """Section 2, lateness and duplicates: None to accept, `duplicate` to ignore, `too_old` to refuse."""
        latest = subject.latest() if subject else None
        if subject is None or latest is None:
            return None
        oldest_allowed = latest - self.lateness
        remembered = sorted(subject.ids)[-MAX_IDS:]
        if any(name == event["event_id"] and at >= oldest_allowed for at, name in remembered):
            return "duplicate"
        if len(subject.ids) > MAX_IDS:
            oldest_allowed = max(oldest_allowed, remembered[0][0])
        return "too_old" if event["at"] < oldest_allowed else None


def normalise(raw: dict[str, Any]) -> Event:
    """An event with its time in ms and its keys, strongest first; ValueError(code) where it cannot be read."""
    event = dict(raw)
    try:
        event["at"] = parse_time(raw["time"])
    except (KeyError, ValueError, AttributeError):
        raise ValueError("schema") from None
    if not (isinstance(raw.get("event_id"), str) and isinstance(raw.get("type"), str)):
        raise ValueError("schema")
    email = (raw.get("email") or "").strip().lower()
    event["mail"] = email or None
    keys = [("user", raw.get("user_id")), ("email", email), ("anon", raw.get("anonymous_id"))]
    event["own_keys"] = [f"{kind}:{value}" for kind, value in keys if value]
    if not event["own_keys"] and not raw.get("account_id"):
        raise ValueError("no_identity")
    return event
