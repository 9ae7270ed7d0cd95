"""Random valid model documents: every rule kind, decay, limit, score, grade, band, ladder and roll-up.

Everything is drawn from small pools, so that rules overlap, thresholds are hit exactly and collisions are frequent.
"""

from __future__ import annotations

from random import Random
from typing import Any

from tests.reference.timeline import DAY, HOUR, MINUTE

Json = dict[str, Any]
RESOLUTIONS = {"1m": MINUTE, "15m": 15 * MINUTE, "1h": HOUR, "6h": 6 * HOUR, "1d": DAY}
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "Australia/Lord_Howe"]
TYPES = ["page_view", "click", "open", "sent", "download"]
CHANNELS = ["web", "email", "social", "product"]
ITEMS = ["a", "B", "b", "c", "ß", 1, 2.5, True]
PATHS = ["/pricing", "/Pricing/eu", "/docs/a", "/blog"]
POINTS = [0.5, 1, 1, 2, 2.5, 3, 5, 5, 8, 10, 15, 20, -5, -2.5]
EDGES = [-5, 0, 0.5, 1, 2, 2.5, 4, 5, 7.5, 8, 10, 15, 20, 40]


class ModelBuilder:
    """Builds one model from a random generator."""

    def __init__(self, rng: Random, *, account_scores: bool) -> None:
        """`account_scores` lets leads use their account's score."""
        self.rng = rng
        self.resolution = rng.choice(list(RESOLUTIONS))
        self.unit = RESOLUTIONS[self.resolution]
        self.zone = rng.choice(ZONES)
        self.account_scores = account_scores
        self.edges: dict[str, list[float]] = {}

    def chance(self, p: float) -> bool:
        """True in a share `p` of draws."""
        return self.rng.random() < p

    def span(self, low: int, high: int) -> str:
        """A duration of `low` to `high` units, now and then not a whole number of them."""
        ms = self.rng.randint(low, high) * self.unit
        if self.unit > MINUTE and self.chance(0.25):
            ms += self.rng.choice([MINUTE, self.unit // 2, self.unit - MINUTE])
        ms = max(ms, MINUTE) // MINUTE * MINUTE
        for name, size in (("w", 7 * DAY), ("d", DAY), ("h", HOUR)):
            if ms % size == 0 and self.chance(0.7):
                return f"{ms // size}{name}"
        return f"{ms // MINUTE}m"

    # conditions

    def test(self, values: list[Any]) -> Any:
        """A test that some of these values pass."""
        rng, one = self.rng, self.rng.choice(values)
        if self.chance(0.35):
            return one
        text = str(one)
        kinds: list[Any] = [
            rng.sample(values, min(2, len(values))),
            {"ne": one},
            {"in": rng.sample(values, min(3, len(values)))},
            {"not_in": rng.sample(values, min(2, len(values)))},
            {"exists": self.chance(0.5)},
            {rng.choice(["lt", "le", "gt", "ge"]): one if not isinstance(one, bool) else 1},
            {"glob": text[:2] + "*"},
            {"prefix": text[:2]},
            {"suffix": text[-1:]},
            {"contains": text[:3]},
            {"regex": rng.choice(["^/p", "[ab]$", "(?:ri|io)", "i"])},
            {"eq": one, "case": True} if isinstance(one, str) else {"eq": one},
        ]
        numbers = sorted(v for v in values if isinstance(v, int | float) and not isinstance(v, bool))
        if len(numbers) > 1:
            kinds.append({"between": [numbers[0], numbers[1]]})
            kinds.append({"ge": numbers[0], "lt": numbers[-1]})
        return rng.choice(kinds)

    def condition(self, pool: dict[str, list[Any]], depth: int = 1) -> Json:
        """A condition over fields of a pool."""
        if depth and self.chance(0.3):
            parts = [self.condition(pool, depth - 1) for _ in range(self.rng.randint(1, 2))]
            return self.rng.choice([{"all": parts}, {"any": parts}, {"not": parts[0]}])
        names = self.rng.sample(list(pool), 1 if self.chance(0.8) else 2)
        return {name: self.test(pool[name]) for name in names}

    def selector(self) -> Json:
        """A selector of activities; never of nothing at all in its words."""
        found: Json = {}
        if self.chance(0.5):
            found["channel"] = self.rng.choice(CHANNELS[:2] if self.chance(0.9) else [["web", "social"], "crm"])
        if not found or self.chance(0.6):
            found["type"] = self.rng.choice(TYPES) if self.chance(0.6) else self.rng.sample([*TYPES, "identify"], 2)
        if self.chance(0.35):
            found["where"] = self.condition(PROPERTIES)
        return found

    # rules

    def decay(self) -> Any:
        """Any decay."""
        kind = self.rng.choice(["none", "half_life", "linear", "expire", "steps"])
        if kind == "none":
            return "none"
        if kind != "steps":
            return {kind: self.span(1, 20)}
        spans = [f"{n * self.unit // MINUTE}m" for n in sorted(self.rng.sample(range(1, 25), 2))]
        steps = {spans[0]: 0.5, spans[1]: self.rng.choice([0, 0.25, 2])}
        return {"steps": {"0m": 1.0, **steps} if self.chance(0.7) else steps}

    def tiers(self, keys: list[Any]) -> Json:
        """Tiers whose points need not grow."""
        return {key: self.rng.choice(POINTS) for key in sorted(self.rng.sample(keys, self.rng.randint(1, len(keys))))}

    def rule(self, number: int, score: str, groups: dict[str, Json], kinds: list[str]) -> Json:
        """One rule."""
        rng = self.rng
        kind = rng.choice(kinds)
        rule: Json = {"id": f"r{number}", "kind": kind, "score": score}
        fitting = [name for name, group in groups.items() if group["score"] == score]
        if fitting and self.chance(0.6):
            rule["group"] = rng.choice(fitting)
        if self.chance(0.2):
            rule["weight"] = rng.choice([0.5, 2, -1])
        if self.chance(0.2):
            rule["class"] = rng.choice(["behavioural", "email", "demographic"])
        rule.update(getattr(self, f"_{kind}")())
        if kind in ("activity", "quantity"):
            if self.chance(0.7):
                rule["decay"] = self.decay()
            if self.chance(0.45):
                rule["limit"] = {
                    "times": rng.randint(1, 3),
                    "per": rng.choice(["hour", "day", "week", "month", "ever"]),
                }
        return rule

    def _activity(self) -> Json:
        return {"on": self.selector(), "points": self.rng.choice(POINTS)}

    def _quantity(self) -> Json:
        found = {
            "on": self.selector(),
            "each": self.rng.choice([0.5, 1, 2, -1]),
            "field": self.rng.choice(["n", "n", "item"]),
        }
        return {**found, "max": self.rng.choice([2, 5])} if self.chance(0.6) else found

    def _frequency(self) -> Json:
        return {"on": self.selector(), "window": self.span(1, 30), "tiers": self.tiers([1, 2, 3, 4])}

    def _distinct(self) -> Json:
        return {**self._frequency(), "of": self.rng.choice(["item", "path", "n"])}

    def _complete(self) -> Json:
        values = self.rng.sample(ITEMS, self.rng.randint(1, 2))
        return {"on": self.selector(), "of": "item", "values": values, "window": self.span(1, 30), "points": 10}

    def _ratio(self) -> Json:
        tiers = self.tiers([0.25, 0.5, 0.75, 1, 2])
        found = {"numerator": self.selector(), "denominator": self.selector(), "window": self.span(1, 30)}
        return {**found, "min": self.rng.randint(1, 3), "tiers": tiers}

    def _fact(self) -> Json:
        return {"when": self.condition(FACTS), "points": self.rng.choice(POINTS)}

    def _per_unit(self) -> Json:
        found: Json = {"fact": self.rng.choice(["employees", "headcount", "account.headcount", "keyboard_run"])}
        found["each"] = self.rng.choice([0.5, 1, -0.5])
        if self.chance(0.7):
            found["max"] = self.rng.choice([5, 20])
        if self.chance(0.3):
            found["min"] = self.rng.choice([-5, 0, 1])
        return found

    def _inactivity(self) -> Json:
        ages = sorted(self.rng.sample(range(1, 40), 2))
        steps = {f"{age * self.unit // MINUTE}m": points for age, points in zip(ages, [-5, -15], strict=True)}
        return {"on": self.selector(), "after": steps}

    # scores

    def clamp(self) -> list[int]:
        """A clamp."""
        return self.rng.choice([[0, 100], [0, 20], [1, 100], [-10, 10]])

    def score(self, *, applies: bool) -> Json:
        """The settings of one score."""
        found: Json = {}
        if self.chance(0.5):
            found["clamp"] = self.clamp()
        if self.chance(0.3):
            found["base"] = self.rng.choice([0, 0.5, 5, 100])
        if self.chance(0.3):
            found["precision"] = self.rng.choice([1, 2, 6])
        if applies and self.chance(0.2):
            found["applies_to"] = self.condition(FACTS)
        return found

    def edge(self, score: str) -> float:
        """A threshold of a score: a value it takes in the history where known, else from the pool."""
        taken = self.edges.get(score)
        return self.rng.choice(taken) if taken and self.chance(0.7) else self.rng.choice(EDGES)


PROPERTIES: dict[str, list[Any]] = {
    "path": list(PATHS),
    "n": [0.5, 1, 2, 4, 30],
    "item": ["a", "b", "c", 1],
    "tags": ["x", "y"],
}
FACTS: dict[str, list[Any]] = {
    "employees": [5, 10, 50, 500],
    "vip": [True, False],
    "opted_out": [True],
    "industry": ["software", "Technology"],
    "title": ["CIO", "vp sales"],
    "country": ["DE", "no", "US"],
    "email_domain": ["acme.example", "gmail.com"],
    "free_mail": [True, False],
    "first_name_not_capitalised": [True, False],
    "last_name_not_capitalised": [True],
    "keyboard_run": [4, 5, 6],
    "tier": ["gold", "tin"],
    "account.tier": ["gold"],
    "growth": [0.1, 0.25],
}
KINDS = [
    "activity",
    "activity",
    "quantity",
    "frequency",
    "distinct",
    "complete",
    "ratio",
    "fact",
    "per_unit",
    "inactivity",
]


def lead_part(build: ModelBuilder) -> Json:
    """The part of a model that makes lead scores; no ladders, grades or bands yet."""
    rng = build.rng
    names = rng.sample(["fit", "engagement", "spam"], rng.randint(1, 3))
    model: Json = {"model": f"m{rng.randint(0, 9)}", "resolution": build.resolution, "timezone": build.zone}
    roomy = {"1m": "6d", "15m": "100d"}.get(build.resolution, "400d")
    model["lateness"] = roomy if build.chance(0.7) else build.span(5, 40)
    model["scores"] = {name: build.score(applies=True) for name in names}
    groups: dict[str, Json] = {}
    for name in names:
        if build.chance(0.4):
            groups[f"g_{name}"] = {"score": name, **rng.choice([{"max": 10}, {"min": 0}, {"max": 15, "min": -5}])}
    if groups:
        model["groups"] = groups
    model["rules"] = [build.rule(n, rng.choice(names), groups, KINDS) for n in range(rng.randint(2, 8))]
    if build.chance(0.6):
        weights = {name: rng.choice([0.25, 0.4, 1, -1]) for name in rng.sample(names, rng.randint(1, len(names)))}
        model["combined"] = {"total": {"weights": weights}}
        if build.chance(0.5):
            model["combined"]["total"]["clamp"] = build.clamp()
    if build.chance(0.45):
        model["account"] = account_part(build, [*names, *(model.get("combined") or {})])
        if build.account_scores and "combined" in model and build.chance(0.5):
            model["combined"]["total"]["weights"]["account.score"] = 0.5
            model["account"]["scores"]["account"]["rollup"]["score"] = names[0]
    return model


def account_part(build: ModelBuilder, scores: list[str]) -> Json:
    """The account section without ladders."""
    rng = build.rng
    ways: list[Json] = [
        {"sum": True},
        {"max": True},
        {"top": rng.randint(1, 3)},
        {"diminishing": rng.choice([0.5, 0.8])},
    ]
    rollup = {"score": rng.choice(scores), **rng.choice(ways)}
    if build.chance(0.4):
        rollup["per_member"] = rng.choice([5, 10, 20])
    score: Json = {**build.score(applies=False), "rollup": rollup}
    if build.chance(0.5):
        score["breadth"] = {"fact": "department", "min_score": rng.choice([0, 2, 5]), "points": {1: 3, 2: 20}}
    rules: list[Json] = [
        {"id": "ra", "kind": "activity", "score": "account", "on": {"channel": "account", "type": "funding"}}
    ]
    rules[0] |= {"points": 40, "decay": {"half_life": build.span(1, 10)}}
    if build.chance(0.6):
        rules.append({"id": "rf", "kind": "fact", "score": "account", "when": {"tier": "gold"}, "points": 30})
    if build.chance(0.4):
        rules.append({"id": "rh", "kind": "per_unit", "score": "account", "fact": "headcount", "each": 0.5, "max": 20})
    return {"scores": {"account": score}, "rules": rules}
