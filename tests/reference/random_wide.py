"""Random examples made wider: what few models use, and what few histories hold, put into a random example.

Each part is put in by chance, so that most examples have one or two of them and stay small.
"""

from __future__ import annotations

import copy
from random import Random
from typing import Any

from tests.reference.random_models import ITEMS, RESOLUTIONS
from tests.reference.timeline import MINUTE, format_time, parse_duration, parse_time

Json = dict[str, Any]
Example = tuple[Json, list[Json], int]


def widen(example: Example, seed: int) -> Example:
    """The example with some rarer parts; still valid."""
    rng = Random(f"wide {seed}")
    model, events, until = copy.deepcopy(example)
    for chance, change in MODEL_PARTS:
        if rng.random() < chance:
            change(rng, model)
    for chance, disturb in HISTORY_PARTS:
        if rng.random() < chance:
            disturb(rng, events, model)
    if rng.random() < 0.2:
        until = _odd_until(rng, events, model)
    return model, events, until


def _unit(model: Json) -> int:
    resolution: str = model.get("resolution", "1h")
    return RESOLUTIONS.get(resolution) or parse_duration(resolution)


def _minutes(ms: int) -> str:
    return f"{max(ms, MINUTE) // MINUTE}m"


def _some_rules(rng: Random, model: Json, kinds: tuple[str, ...]) -> list[Json]:
    return [rule for rule in model["rules"] if rule["kind"] in kinds and rng.random() < 0.6]


def sub_unit_windows(rng: Random, model: Json) -> None:
    """Windows and signals shorter than a unit, or a minute off whole ones."""
    unit = _unit(model)
    for rule in _some_rules(rng, model, ("frequency", "distinct", "complete", "ratio")):
        rule["window"] = _minutes(rng.choice([unit // 2, unit - MINUTE, unit + MINUTE, 3 * unit - MINUTE, unit]))


def odd_resolution(rng: Random, model: Json) -> None:
    """Units that divide no day."""
    model["resolution"] = rng.choice(["7m", "50m", "90m", "5h", "11h", "23h"])
    unit = _unit(model)
    for rule in _some_rules(rng, model, ("inactivity",)):
        rule["after"] = {_minutes(unit // 3): -1, _minutes(unit * 2): -5, _minutes(unit * 2 + MINUTE): 4}


def odd_steps(rng: Random, model: Json) -> None:
    """Steps that rise, that fall below 0 and that end above it."""
    unit = _unit(model)
    for rule in _some_rules(rng, model, ("activity", "quantity")):
        ages = sorted(rng.sample(range(1, 12), 3))
        factors: list[float] = rng.choice([[2, 0.5, 3], [0, 1, 0], [0.5, 0, 0.25], [1, 1, 1], [0.5, 0.25, 0.1]])
        rule["decay"] = {
            "steps": {
                _minutes(age * unit - rng.choice([0, 0, MINUTE])): f for age, f in zip(ages, factors, strict=True)
            }
        }


def odd_decays(rng: Random, model: Json) -> None:
    """Spans shorter than a unit or no whole number of them."""
    unit = _unit(model)
    for rule in _some_rules(rng, model, ("activity", "quantity")):
        span = rng.choice([unit // 2, unit + MINUTE, 5 * unit - MINUTE, 2 * unit])
        rule["decay"] = {rng.choice(["half_life", "linear", "expire"]): _minutes(span)}


def calendar_limits(rng: Random, model: Json) -> None:
    """Limits by every period in a zone whose clocks change."""
    model["timezone"] = rng.choice(
        ["Australia/Lord_Howe", "America/St_Johns", "Europe/Dublin", "Asia/Kathmandu", "Africa/Casablanca"]
    )
    for rule in _some_rules(rng, model, ("activity", "quantity")):
        rule["limit"] = {"times": rng.choice([1, 1, 2, 5]), "per": rng.choice(["hour", "day", "week", "month"])}


def negative_quantities(rng: Random, model: Json) -> None:
    """Amounts of either sign, with and without a ceiling."""
    for rule in _some_rules(rng, model, ("quantity",)):
        rule |= {"each": rng.choice([-2, -0.5, 0, 1.5]), "field": "n"}
        rule.pop("max", None)
        if rng.random() < 0.5:
            rule["max"] = rng.choice([-1, 0, 3])


def clamped_groups(rng: Random, model: Json) -> None:
    """Groups with both bounds, or a single value."""
    for group in (model.get("groups") or {}).values():
        group |= rng.choice([{"min": -3, "max": 3}, {"min": 2, "max": 8}, {"min": 1, "max": 1}])


def nested_combined(rng: Random, model: Json) -> None:
    """Combined scores of combined scores, some absent, some subtracted."""
    scores = list(model["scores"])
    combined = model.setdefault("combined", {})
    below = "total" if "total" in combined else rng.choice(scores)
    weights = {below: rng.choice([1, -1, -0.5, 2])}
    weights[rng.choice(scores)] = rng.choice([0, 0.1, -2])
    combined["mixed"] = {"weights": weights, "precision": rng.choice([0, 2])}
    if rng.random() < 0.5:
        combined["mixed"]["clamp"] = rng.choice([[0, None], [None, 5], [-5, 30]])
    combined["top"] = {"weights": {"mixed": rng.choice([0.5, -1]), below: 1}}
    if rng.random() < 0.3:
        combined["mixed"]["applies_to"] = {"vip": True}
    if "ladders" in model and rng.random() < 0.7:
        edge = rng.choice([-5, 0, 1, 2.5, 10])
        model["ladders"]["extra"] = [
            {"stage": "x0"},
            {"stage": "x1", "enter": {"scores": {"top": {"ge": edge}}}, "hold": {"scores": {"top": {"ge": edge - 1}}}},
            {
                "stage": "x2",
                "enter": {"scores": {"top": {"ge": edge + 2}, "mixed": {"lt": 10}}},
                "min_dwell": _minutes(_unit(model) * 3 // 2),
            },
        ]


def applying(rng: Random, model: Json) -> None:
    """Scores that apply to some leads only, for what is made of them."""
    for score in model["scores"].values():
        if rng.random() < 0.5:
            score["applies_to"] = rng.choice(
                [
                    {"vip": {"ne": True}},
                    {"employees": {"exists": True}},
                    {"email_domain": "acme.example"},
                    {"account.tier": "gold"},
                ]
            )


def waiting(rng: Random, model: Json) -> None:
    """Dwells and cooldowns of less than a unit, of no whole number, and long ones."""
    unit = _unit(model)
    for ladder in (model.get("ladders") or {}).values():
        for stage in ladder:
            for name in ("min_dwell", "cooldown"):
                if rng.random() < 0.6:
                    stage[name] = _minutes(
                        rng.choice([MINUTE, unit // 2, unit, unit + MINUTE, 10 * unit - MINUTE, 40 * unit])
                    )


def stuck_stages(rng: Random, model: Json) -> None:
    """Sticky stages in the middle, blocked ones, and one that only looks at scores left behind."""
    for ladder in (model.get("ladders") or {}).values():
        for stage in ladder[1:]:
            if rng.random() < 0.3:
                stage["sticky"] = True
            if rng.random() < 0.3:
                name = rng.choice(list(model["scores"]))
                stage["blocked_by"] = rng.choice(
                    [
                        {"scores": {name: {"lt": 3}}},
                        {"facts": {"account.tier": "gold"}},
                        {"not": {"facts": {"vip": True}}},
                    ]
                )


def busy_accounts(rng: Random, model: Json) -> None:
    """Accounts with several scores, rule kinds, a combined score, signals and facts on their ladders."""
    account = model.get("account")
    if account is None:
        return
    unit = _unit(model)
    score = rng.choice([*model["scores"], *(model.get("combined") or {})])
    ways: list[Json] = [{"sum": True}, {"max": True}, {"top": 2}, {"diminishing": rng.choice([0.5, 0.9, 1, 0])}]
    if "account.score" not in str(model):
        account["scores"]["reach"] = {
            "rollup": {"score": score, **rng.choice(ways), "per_member": rng.choice([0, 3, 10])},
            "breadth": {
                "fact": rng.choice(["department", "country", "email_domain"]),
                "min_score": rng.choice([-10, 0, 2]),
                "points": {2: 5, 3: -7},
            },
            "precision": 1,
        }
        account["combined"] = {"both": {"weights": {"account": 0.5, "reach": rng.choice([1, -1])}, "clamp": [0, 60]}}
    own = {"channel": "account"}
    account["rules"] += [
        {
            "id": "af",
            "kind": "frequency",
            "score": "account",
            "on": dict(own),
            "window": _minutes(unit * 3),
            "tiers": {1: 4, 2: 9},
        },
        {
            "id": "ai",
            "kind": "inactivity",
            "score": "account",
            "on": dict(own),
            "after": {_minutes(unit * 2): -3, _minutes(unit * 9): -20},
        },
        {
            "id": "aq",
            "kind": "quantity",
            "score": "account",
            "on": dict(own),
            "each": 1,
            "field": "n",
            "limit": {"times": 1, "per": "day"},
        },
    ][: rng.randint(1, 3)]
    account["ladders"] = {
        **(account.get("ladders") or {}),
        "stirred": [
            {"stage": "s0"},
            {
                "stage": "s1",
                "enter": {
                    "any": [{"signal": {"on": dict(own), "within": _minutes(unit * 4)}}, {"facts": {"tier": "gold"}}]
                },
                "cooldown": _minutes(unit),
            },
            {
                "stage": "s2",
                "enter": {"scores": {"account": {"gt": rng.choice([0, 10, 40])}}},
                "hold": {},
                "min_dwell": _minutes(unit * 5 + MINUTE),
            },
        ],
    }


def account_facts_in_rules(rng: Random, model: Json) -> None:
    """Leads' rules on their account's facts."""
    score = rng.choice(list(model["scores"]))
    model["rules"] += [
        {"id": "w1", "kind": "per_unit", "score": score, "fact": "account.headcount", "each": 1, "min": -2, "max": 9},
        {"id": "w2", "kind": "fact", "score": score, "when": {"account.tier": {"ne": "tin"}}, "points": 2},
        {"id": "w3", "kind": "fact", "score": score, "when": {"growth": {"ge": 0.2}}, "points": -3},
    ][: rng.randint(1, 3)]


def odd_values(rng: Random, events: list[Json], model: Json) -> None:
    """Properties and facts of every type and size."""
    odd: list[Any] = [
        1e15,
        -1e15,
        0.1,
        1e-9,
        2**40 + 1,
        "",
        " ",
        "ﬁ",
        "İ",
        "ŞŞ",
        ["a", 1, True],
        [],
        True,
        "a" * 300,
        "-0",
        -0.0,
    ]
    for event in events:
        if rng.random() < 0.5 and event.get("channel") not in ("crm", "account"):
            event["properties"] = {
                **(event.get("properties") or {}),
                rng.choice(["n", "item", "path", "tags"]): rng.choice(odd),
            }
        if rng.random() < 0.2 and "facts" in event:
            event["facts"] = {
                **event["facts"],
                rng.choice(["employees", "vip", "first_name", "department"]): rng.choice(odd),
            }


def equal_times(rng: Random, events: list[Json], model: Json) -> None:
    """Runs of events at one time, often a boundary: only their ids order them."""
    unit = _unit(model)
    start = 0
    while start < len(events):
        end = start + rng.randint(1, 4)
        at = parse_time(events[start]["time"])
        if rng.random() < 0.5:
            at = at // unit * unit
        for event in events[start:end]:
            event["time"] = format_time(at)
        start = end


def late_crm(rng: Random, events: list[Json], model: Json) -> None:
    """Marks and stages set late, twice, and in another order than their times."""
    ladders = model.get("ladders") or {}
    for number, event in enumerate(list(events)):
        if rng.random() < 0.25 and any(name in event for name in ("user_id", "email", "anonymous_id")):
            keys: Json = {name: event[name] for name in ("user_id", "email", "anonymous_id") if name in event}
            late = parse_time(event["time"]) - rng.choice([0, 0, 1, MINUTE, 3 * _unit(model)])
            kind = rng.choice(["stage_set", "stage_set", "suppress", "unsuppress", "owner_set"])
            crm: Json = {
                "event_id": f"c{number:03d}",
                "channel": "crm",
                "type": kind,
                "time": format_time(late),
                **keys,
            }
            crm["properties"] = {"owner": rng.choice(["kim", "lou"])} if kind != "stage_set" else {}
            if kind == "stage_set" and not ladders:
                crm |= {"type": "outcome", "properties": {"outcome": "lost"}}
            elif kind == "stage_set":
                name = rng.choice(list(ladders))
                crm["properties"] = {
                    "ladder": name,
                    "stage": rng.choice([*(s["stage"] for s in ladders[name]), "nowhere"]),
                }
            events.insert(min(len(events), events.index(event) + rng.randint(0, 3)), crm)


def chains(rng: Random, events: list[Json], model: Json) -> None:
    """Keys linked in chains: a browser to an address, the address to a user, then parted, then used again."""
    at = parse_time(events[len(events) // 2]["time"])
    mail, user, anon = (
        rng.choice(["p0@acme.example", "p1@gmail.com"]),
        rng.choice(["u0", "u1"]),
        rng.choice(["a0", "a1"]),
    )
    links: list[Json] = [
        {"anonymous_id": anon, "email": mail}, {"email": mail, "user_id": user}, {"anonymous_id": anon},
        {"anonymous_id": anon, "user_id": user}, {"email": mail, "anonymous_id": anon, "user_id": user},
    ]  # fmt: skip
    rng.shuffle(links)
    for number, keys in enumerate(links):
        at += rng.choice([0, 1, MINUTE, _unit(model)])
        event: Json = {"event_id": f"l{number}", "channel": "web", "type": "page_view", "time": format_time(at), **keys}
        if len(keys) > 1 and rng.random() < 0.3:
            event |= {"channel": "crm", "type": "unlink"}
        events.append(event)


def wandering(rng: Random, events: list[Json], model: Json) -> None:
    """Leads that go from account to account, in order."""
    events.sort(key=lambda event: parse_time(event["time"]))
    for event in events:
        if rng.random() < 0.4:
            event["account_id"] = rng.choice(["acme", "globex", "acme.example"])
        if rng.random() < 0.15:
            event["account_facts"] = {rng.choice(["tier", "headcount", "growth"]): rng.choice(["gold", 5, 0.3, None])}


def repeats(rng: Random, events: list[Json], model: Json) -> None:
    """Ids taken again much later, or with another content, around the edge of lateness."""
    lateness = parse_duration(model.get("lateness", "30d"))
    for event in rng.sample(events, min(3, len(events))):
        again = {
            **event,
            "time": format_time(parse_time(event["time"]) + rng.choice([0, 1, lateness, lateness + 1, -lateness])),
        }
        if rng.random() < 0.5:
            again["event_id"] += "r"
        events.append(again)


def many_values(rng: Random, events: list[Json], model: Json) -> None:
    """More distinct values than any tier asks for."""
    for number, event in enumerate(events):
        if event.get("channel") not in ("crm", "account"):
            event["properties"] = {**(event.get("properties") or {}), "item": rng.choice([f"v{number % 6}", *ITEMS])}


def _odd_until(rng: Random, events: list[Json], model: Json) -> int:
    times = [parse_time(event["time"]) for event in events]
    unit = _unit(model)
    return rng.choice(
        [min(times), max(times), max(times) // unit * unit, max(times) + 200 * unit, (min(times) + max(times)) // 2]
    )


MODEL_PARTS = [
    (0.15, odd_resolution), (0.3, sub_unit_windows), (0.3, odd_steps), (0.2, odd_decays), (0.3, calendar_limits), (0.3, negative_quantities),
    (0.4, clamped_groups), (0.3, nested_combined), (0.2, applying), (0.3, waiting), (0.2, stuck_stages), (0.5, busy_accounts),
    (0.2, account_facts_in_rules),
]  # fmt: skip
HISTORY_PARTS = [
    (0.2, odd_values), (0.2, equal_times), (0.25, late_crm), (0.2, chains), (0.1, wandering), (0.2, repeats), (0.1, many_values),
]  # fmt: skip
