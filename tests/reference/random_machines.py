"""Machines put into a random example: rules that find them, and activities in bursts, marked, or from scanners."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

from tests.reference.random_models import CHANNELS, TYPES
from tests.reference.timeline import format_time, parse_time

Json = dict[str, Any]
Example = tuple[Json, list[Json], int]
AGENTS = ["Mozilla/5.0 (X11; Linux x86_64) Firefox/128.0", "Googlebot/2.1", "Barracuda Sentinel (EE)", 5]


def with_machines(example: Example, seed: int) -> Example:
    """The example with machines in it; still valid. Mostly any event may come late, so that merges find every sweep."""
    rng = Random(f"machines {seed}")
    model, events, until = copy.deepcopy(example)
    model["machines"] = [rule for rule in _rules(rng) if rng.random() < 0.8]
    if rng.random() < 0.7:
        model["lateness"] = "800d"
    bursts = [burst for event in events if rng.random() < 0.6 for burst in _burst(rng, event)]
    for burst in bursts:
        at = rng.randrange(len(events) + 1)
        events.insert(at if rng.random() < 0.5 else len(events), burst)
    for event in events:
        if event.get("channel") != "crm" and rng.random() < 0.2:
            event["properties"] = {**(event.get("properties") or {}), **_mark(rng)}
    last = max(parse_time(event["time"]) for event in events)
    return model, events, max(until, last) if rng.random() < 0.9 else until


def _rules(rng: Random) -> list[Json]:
    sweeps = [
        {
            "mail": "mail",
            "link": rng.choice(["link", "n"]),
            "links": rng.choice([2, 2, 3, 4]),
            "seconds": rng.choice([5, 10, 60]),
        }
        for _ in range(2)
    ]
    rules: list[Json] = [
        {"id": "first sweep", "on": rng.choice([{}, {}, {}, _selector(rng)]), "sweep": dict(sweeps[0])},
        {"id": "marked", "on": {"where": {"machine": True}}},
        {"id": "scanner", "scanner": "agent"},
        {"id": "kind", "on": {**_selector(rng), "where": {"machine": {"exists": True}}}},
        {"id": "second sweep", "on": rng.choice([{}, {}, {}, _selector(rng)]), "sweep": dict(sweeps[rng.randrange(2)])},
    ]
    rng.shuffle(rules)
    return rules


def _selector(rng: Random) -> Json:
    return rng.choice(
        [{"type": rng.choice(TYPES)}, {"channel": rng.sample(CHANNELS[:4], 2)}, {"type": rng.sample(TYPES, 2)}]
    )


def _mark(rng: Random) -> Json:
    return rng.choice([{"machine": True}, {"machine": False}, {"machine": "yes"}, {"agent": rng.choice(AGENTS)}])


def _burst(rng: Random, event: Json) -> list[Json]:
    """Clicks about the time of an event, by the same person; some of them twice."""
    if event.get("channel") == "crm":
        return []
    made = []
    start = parse_time(event["time"])
    mail = rng.choice(["n1", "N1", "n2"])
    for number in range(rng.randint(1, 5)):
        properties = {
            **(event.get("properties") or {}),
            "mail": mail,
            "link": rng.choice(["a", "A", "b", "c", "d", 1, 1.0]),
        }
        if rng.random() < 0.1:
            properties |= _mark(rng)
        at = start + rng.choice([0, 0, 1, 999, 1000, 1001, 5000, 9999, 10_000, rng.randrange(90_000)])
        click = {**event, "event_id": f"{event['event_id']}{'bm'[number % 2]}{number}", "time": format_time(at)}
        made.append({**click, "properties": properties})
        if rng.random() < 0.1:
            made.append(copy.deepcopy(made[-1]))
    return made
