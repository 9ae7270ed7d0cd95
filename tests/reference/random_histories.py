"""Random histories: few people with many keys, times on every edge, duplicates, late and shuffled arrivals."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.reference.random_models import CHANNELS, ITEMS, PATHS, TYPES, ModelBuilder
from tests.reference.timeline import DAY, HOUR, format_time, parse_time

Event = dict[str, Any]
# Just before clocks change (Berlin, New York, Sydney, Lord Howe), a month, a year and a week begin.
STARTS = [
    "2026-03-28T23:00:00Z",
    "2026-10-24T23:00:00Z",
    "2026-03-08T05:00:00Z",
    "2026-11-01T04:00:00Z",
    "2026-10-03T14:00:00Z",
    "2026-04-04T13:00:00Z",
    "2026-02-28T22:00:00Z",
    "2025-12-31T20:00:00Z",
    "2026-06-07T23:59:59.999Z",
]
EMAILS = ["p{}@acme.example", "p{}@initech.example", "p{}@gmail.com", "p{}@yahoo.co.uk", "p{}@mail.acme.example"]
ACCOUNTS = ["acme", "globex", "initech.example"]
FACT_VALUES: dict[str, list[Any]] = {
    "employees": [5, 10, 50, 500, 501, "CIO", None],
    "vip": [True, False, None, 500],
    "opted_out": [True, True, False, None],
    "industry": ["software", "technology", "SOFTWARE", None],
    "title": ["CIO", "Chief Cook", "vp sales", "clerk"],
    "country": ["DE", "no", "US", 10],
    "department": ["it", "hr", "OPS", "ops", ["it"], None],
    "first_name": ["Ann", "bob", "asdfgh", "", None],
    "last_name": ["Lee", "poiu", "lee", 5],
    "company": ["Acme", "qwerty works", "zxcvb"],
    "account_id": ["odd"],
}
ACCOUNT_VALUES: dict[str, list[Any]] = {
    "tier": ["gold", "Gold", "tin", None],
    "growth": [0.1, 0.25, None],
    "headcount": [5, 100, "many"],
    "country": ["DE", "US"],
}


class HistoryBuilder:
    """Builds the events of one history."""

    def __init__(self, rng: Random, build: ModelBuilder, model: dict[str, Any]) -> None:
        """`build` gives the unit of time, `model` what CRM events can name."""
        self.rng, self.unit, self.model = rng, build.unit, model
        self.people = rng.randint(1, 4)
        self.mails = [rng.choice(EMAILS).format(number) for number in range(self.people)]
        self.clock = parse_time(rng.choice(STARTS)) + rng.choice([0, 0, 1, rng.randrange(DAY)])
        self.steady = rng.random() < 0.4  # of a steady person the same key comes with most events
        self.apart = rng.random() < 0.5  # keys come alone at first, so that leads exist when they are linked
        self.early = True

    def events(self, count: int) -> list[Event]:
        """A history in order of arrival."""
        rng = self.rng
        made = []
        for number in range(count):
            self.early = number < count * 0.6
            made.append(self._one(number))
        for number in range(len(made)):
            if rng.random() < 0.1:
                made.append(self._again(made[number]))
        self._disorder(made)
        return made

    def _one(self, number: int) -> Event:
        rng = self.rng
        self.clock = self._next_time()
        event: Event = {
            "event_id": f"{rng.choice('axz')}{number:03d}",
            "type": rng.choice(TYPES),
            "time": self._written(),
        }
        if rng.random() < 0.95:
            event["channel"] = rng.choice(CHANNELS[:2] if rng.random() < 0.85 else CHANNELS)
        draw = rng.random()
        if self.model.get("account") is not None and draw < 0.1 or draw < 0.02:
            return self._account_event(event)
        event |= self._keys()
        if draw < 0.25:
            return self._crm_event(event)
        if rng.random() < 0.8:
            event["properties"] = self._properties()
        if rng.random() < 0.35:
            event["type"] = "identify"
            event["facts"] = self._some(FACT_VALUES)
        if self.model.get("account") is not None or rng.random() < 0.3:
            if rng.random() < 0.4:
                event["account_id"] = rng.choice(ACCOUNTS)
            if rng.random() < 0.12:
                event["account_facts"] = self._some(ACCOUNT_VALUES)
        return event

    def _next_time(self) -> int:
        rng, unit, now = self.rng, self.unit, self.clock
        edge = (now // unit + 1) * unit
        steps = [now, now, now + 1, edge, edge, edge + 1, edge - 1, edge + rng.randrange(12) * unit]
        steps += [now + rng.randrange(3 * unit), now + rng.randint(1, 10) * unit, now + rng.randrange(25 * unit)]
        if unit <= HOUR:
            steps.append((now // HOUR + 1) * HOUR)
        return rng.choice(steps)

    def _written(self) -> str:
        """The time, sometimes with another offset than Z."""
        if self.rng.random() < 0.7:
            return format_time(self.clock)
        hours = self.rng.choice([-5, 2])
        return format_time(self.clock + hours * HOUR)[:-1] + f"{hours:+03d}:00"

    def _keys(self) -> Event:
        rng = self.rng
        person = rng.randrange(self.people)
        anon = f"a{0 if rng.random() < 0.3 else person}"
        mail = self.mails[person]
        keys = {"user_id": f"u{person}", "email": mail, "anonymous_id": anon}
        if self.steady and rng.random() < 0.8:
            return {"user_id": keys["user_id"]} if person % 2 else {"email": mail}
        if rng.random() < 0.1:
            keys["email"] = rng.choice(self.mails)
        if rng.random() < 0.1:
            keys["email"] = f" {mail.upper()}"
        if self.apart and self.early and rng.random() < 0.9:
            name = rng.choice(list(keys))
            return {name: keys[name]}
        names = rng.choice([["user_id"], ["email"], ["anonymous_id"], ["user_id", "anonymous_id"], ["email", "anonymous_id"],
                            ["user_id", "email"], ["user_id", "email", "anonymous_id"]])  # fmt: skip
        return {name: keys[name] for name in names}

    def _properties(self) -> dict[str, Any]:
        rng = self.rng
        found: dict[str, Any] = {}
        if rng.random() < 0.6:
            found["path"] = rng.choice(PATHS)
        if rng.random() < 0.6:
            found["n"] = rng.choice([0.5, 1, 2, 2.5, 4, 30, "abc", True, -1])
        if rng.random() < 0.6:
            found["item"] = rng.choice([*ITEMS, ["a", "b"]])
        if rng.random() < 0.15:
            found["tags"] = rng.choice([["x"], ["X", "y"], "x", []])
        return found

    def _some(self, pool: dict[str, list[Any]]) -> dict[str, Any]:
        names = self.rng.sample(list(pool), self.rng.randint(1, 3))
        return {name: self.rng.choice(pool[name]) for name in names}

    def _account_event(self, event: Event) -> Event:
        rng = self.rng
        event |= {"channel": "account", "type": "funding", "account_id": rng.choice(ACCOUNTS)}
        if rng.random() < 0.6:
            event |= {"type": "identify", "account_facts": self._some(ACCOUNT_VALUES)}
        return event

    def _crm_event(self, event: Event) -> Event:
        rng = self.rng
        event["channel"] = "crm"
        ladders = self.model.get("ladders") or {}
        kinds = ["stage_set"] * 5 * bool(ladders) + [
            "outcome",
            "feedback",
            "suppress",
            "unsuppress",
            "owner_set",
            "unlink",
            "unlink",
        ]
        event["type"] = kind = rng.choice(kinds)
        if kind == "stage_set":
            name = rng.choice(list(ladders))
            stage = rng.choice(ladders[name])["stage"]
            event["properties"] = {"ladder": name, "stage": stage, "reason": "signed"}
            if len(ladders) == 1 and rng.random() < 0.3:
                del event["properties"]["ladder"]
        elif kind == "outcome":
            event["properties"] = {"outcome": rng.choice(["won", "lost", "disqualified"])}
        elif kind == "feedback":
            event["properties"] = {"good": rng.random() < 0.5}
        elif kind == "owner_set":
            event["properties"] = {"owner": rng.choice(["kim", "lou"])}
        elif kind == "unlink":
            for name in ("user_id", "email", "anonymous_id"):
                event.pop(name, None)
            event |= {"anonymous_id": f"a{rng.randrange(self.people)}"}
            person = rng.randrange(self.people)
            event |= rng.choice([{"user_id": f"u{person}"}, {"email": self.mails[person]}])
            if rng.random() < 0.2:
                event.pop("anonymous_id")
                event |= {"user_id": f"u{person}", "email": self.mails[person]}
        return event

    def _again(self, event: Event) -> Event:
        """A duplicate: the same, or the same id with another content."""
        if self.rng.random() < 0.6:
            return dict(event)
        other = {**self._one(0), "event_id": event["event_id"]}
        if self.rng.random() < 0.5:
            other |= {name: event[name] for name in ("user_id", "email", "anonymous_id") if name in event}
        return other

    def _disorder(self, events: list[Event]) -> None:
        """In place: mostly in time order, some late, now and then shuffled."""
        rng = self.rng
        events.sort(key=lambda e: parse_time(e["time"]))
        if rng.random() < 0.15:
            rng.shuffle(events)
            return
        for _ in range(rng.choice([0, 0, 1, 2, 4])):
            if events:
                event = events.pop(rng.randrange(len(events)))
                events.insert(min(len(events), rng.randrange(len(events) + 1) + rng.randint(0, 6)), event)
