"""Scores, grades, bands, roll-ups and stage conditions at a time (scoring.md sections 4, 6 and 8)."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.reference.conditions import MISSING, folded, holds
from tests.reference.rules import Sight, contribution
from tests.reference.timeline import parse_duration
from tests.reference.world import Subject, World


@dataclass
class Card:
    """Every result of one subject at one time; what does not apply is absent."""

    raw: dict[str, float] = field(default_factory=dict)
    published: dict[str, float] = field(default_factory=dict)
    grades: dict[str, str] = field(default_factory=dict)
    bands: dict[str, str] = field(default_factory=dict)


def clamp(value: float, bounds: Any) -> float:
    """The value inside `[low, high]`; either may be null."""
    low, high = bounds or (None, None)
    if low is not None:
        value = max(low, value)
    return min(high, value) if high is not None else value


def rounded(value: float, precision: int) -> float:
    """Half away from zero on the shortest decimal form."""
    exact = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP)
    return float(exact) + 0.0


def reached(ranges: dict[str, float], value: float | None) -> str | None:
    """The name of the highest lower bound that the value reaches."""
    if value is None:
        return None
    names = [name for name, low in sorted(ranges.items(), key=lambda r: r[1]) if low <= round(value, 9)]
    return str(names[-1]) if names else None


def _words(value: Any) -> list[str]:
    """Every string and key in a document."""
    if isinstance(value, dict):
        return [word for key, part in value.items() for word in (str(key), *_words(part))]
    if isinstance(value, list):
        return [word for part in value for word in _words(part)]
    return [value] if isinstance(value, str) else []


class Scorer:
    """Computes cards from nothing; remembers one only while nothing is applied and the unit lasts."""

    def __init__(self, world: World) -> None:
        """A scorer over everything a world knows."""
        self.world, self.model = world, world.model
        self.account_model: dict[str, Any] = world.model.get("account") or {}

    def card(self, subject: Subject, t: int) -> Card:
        """All results of a subject at `t`."""
        key = ("card", *self._key(subject, t))
        if key not in self.world.memo:
            self.world.memo[key] = self._card(subject, t)
        card: Card = self.world.memo[key]
        return card

    def _key(self, subject: Subject, t: int) -> tuple[object, ...]:
        """What results depend on, until something is applied: in one unit they change only with what is not yet."""
        return subject.kind, subject.key, t // self.world.unit_ms, t if t < self.world.newest else None

    def value(self, subject: Subject, t: int, name: str) -> float | None:
        """One score, clamped and not rounded; None where it is absent."""
        key = ("value", name, *self._key(subject, t))
        if key not in self.world.memo:
            self.world.memo[key] = self._value(subject, t, name)
        value: float | None = self.world.memo[key]
        return value

    def published(self, subject: Subject, t: int, name: str) -> float | None:
        """One score, rounded."""
        value = self.value(subject, t, name)
        return None if value is None else rounded(value, self._specs(subject)[name].get("precision", 0))

    def _specs(self, subject: Subject) -> dict[str, Any]:
        """The settings of each score that a subject can have."""
        own = self.model if subject.kind == "lead" else self.account_model
        specs = {**(own.get("scores") or {}), **(own.get("combined") or {})}
        return {name: spec or {} for name, spec in specs.items()}

    def look(self, subject: Subject, t: int, name: str) -> Any:
        """A fact by name, `account.SCORE` included."""
        if name.startswith("account.") and subject.kind == "lead":
            score = self.account_score(subject, t, name)
            if score is not None:
                return score
        return self.world.fact(subject, name, t)

    def used_by_leads(self) -> set[str]:
        """The account scores that the model's lead rules, scores or conditions name."""
        names = set(self.account_model.get("scores") or {})
        words = set(_words({part: value for part, value in self.model.items() if part != "account"}))
        used = {name for name in names if f"account.{name}" in words}
        return used | names if len(names) == 1 and "account.score" in words else used

    def account_score(self, lead: Subject, t: int, name: str) -> float | None:
        """The published score of the lead's account that `account.NAME` means; None if there is none."""
        names = list(self.account_model.get("scores") or {})
        wanted = name.partition(".")[2]
        if wanted == "score" and wanted not in names and len(names) == 1:
            wanted = names[0]
        account = self.world.account_of(lead, t)
        return self.published(account, t, wanted) if account and wanted in names else None

    def _value(self, subject: Subject, t: int, name: str) -> float | None:
        spec = self._specs(subject)[name]
        if "applies_to" in spec and not holds(spec["applies_to"], lambda fact: self.look(subject, t, fact)):
            return None
        total = self._combined(subject, t, spec) if "weights" in spec else self._plain(subject, t, name, spec)
        if spec.get("rollup"):
            members = self.world.members(subject, t)
            total += self._rollup(spec["rollup"], members, t) + self._breadth(spec, members, t)
        return clamp(total, spec.get("clamp"))

    def _plain(self, subject: Subject, t: int, name: str, spec: dict[str, Any]) -> float:
        """base + groups, before the clamp of the score."""
        own = self.model if subject.kind == "lead" else self.account_model
        sight = Sight(self.world, subject, t, lambda fact: self.look(subject, t, fact))
        sums: dict[str, float] = {}
        for rule in own.get("rules") or []:
            if rule["score"] == name:
                group = rule.get("group") or f"rule {rule['id']}"
                sums[group] = sums.get(group, 0.0) + contribution(rule, sight)
        total = float(spec.get("base", 0))
        for group, value in sums.items():
            limits = (self.model.get("groups") or {}).get(group) or {}
            total += clamp(value, (limits.get("min"), limits.get("max")))
        return total

    def _combined(self, lead: Subject, t: int, spec: dict[str, Any]) -> float:
        total = float(spec.get("base", 0))
        for part, weight in spec["weights"].items():
            account = part.startswith("account.")
            total += weight * ((self.account_score(lead, t, part) if account else self.value(lead, t, part)) or 0.0)
        return total

    def _card(self, subject: Subject, t: int) -> Card:
        card = Card()
        for name in self._specs(subject):
            value, published = self.value(subject, t, name), self.published(subject, t, name)
            if value is not None and published is not None:
                card.raw[name], card.published[name] = value, published
        if subject.kind == "account":
            return card
        for name, spec in (self.model.get("grades") or {}).items():
            row, column = (reached(s["ranges"], card.raw.get(s["score"])) for s in (spec["rows"], spec["columns"]))
            if row is not None and column is not None:
                card.grades[name] = row + column
        for name, spec in (self.model.get("bands") or {}).items():
            band = reached(spec["ranges"], card.raw.get(spec["score"]))
            if band is not None:
                card.bands[name] = band
        return card

    def _rollup(self, spec: dict[str, Any], members: list[Subject], t: int) -> float:
        found = [self.published(lead, t, spec["score"]) for lead in members]
        values = [value for value in found if value is not None]
        if "per_member" in spec:
            values = [min(value, spec["per_member"]) for value in values]
        values.sort(reverse=True)
        if spec.get("max"):
            return values[0] if values else 0.0
        if "top" in spec:
            return float(sum(values[: spec["top"]]))
        factor = spec.get("diminishing", 1)
        return float(sum(value * factor**i for i, value in enumerate(values)))

    def _breadth(self, spec: dict[str, Any], members: list[Subject], t: int) -> float:
        breadth, score = spec.get("breadth"), spec["rollup"]["score"]
        if not breadth:
            return 0.0
        least = breadth.get("min_score", float("-inf"))
        scored = [(member, self.value(member, t, score)) for member in members]
        warm = [member for member, value in scored if value is not None and round(value, 9) >= least]
        values = {folded(self.world.fact(member, breadth["fact"], t)) for member in warm} - {MISSING}
        steps = sorted((int(n), points) for n, points in breadth["points"].items())
        return float(([0.0] + [points for n, points in steps if n <= len(values)])[-1])

    def stage_holds(self, condition: dict[str, Any], subject: Subject, t: int) -> bool:
        """Whether a stage's condition over scores, grades, bands, facts and signals holds at `t`."""
        card = self.card(subject, t)
        for part, wanted in condition.items():
            if part == "all":
                ok = all(self.stage_holds(one, subject, t) for one in wanted)
            elif part == "any":
                ok = any(self.stage_holds(one, subject, t) for one in wanted)
            elif part == "not":
                ok = not self.stage_holds(wanted, subject, t)
            elif part == "signal":
                ok = self._signal(wanted, subject, t)
            elif part == "facts":
                ok = holds(wanted, lambda name: self.look(subject, t, name))
            else:
                ok = holds(wanted, self._results(part, card, subject, t))
            if not ok:
                return False
        return True

    def _results(self, part: str, card: Card, subject: Subject, t: int) -> Any:
        if part == "grades":
            return lambda name: card.grades.get(name, MISSING)
        if part == "bands":
            return lambda name: card.bands.get(name, MISSING)
        if part != "scores":
            raise ValueError(f"no such condition: {part}")

        def score(name: str) -> Any:
            if name.startswith("account.") and subject.kind == "lead":
                value = self.account_score(subject, t, name)
            else:
                value = card.raw.get(name)
            return MISSING if value is None else round(value, 9)

        return score

    def _signal(self, wanted: dict[str, Any], subject: Subject, t: int) -> bool:
        sight = Sight(self.world, subject, t, lambda name: MISSING)
        return bool(sight.matching(wanted["on"], parse_duration(wanted["within"])))
