"""Random grades, bands and ladders for a random model; every `hold` is implied by its `enter`."""

from __future__ import annotations

import copy
from typing import Any

from tests.reference.random_models import FACTS, Json, ModelBuilder

Parts = dict[str, Any]


def finish(build: ModelBuilder, model: Json) -> None:
    """Add grades, bands and ladders to a model whose scores are there."""
    rng = build.rng
    scores = [*model["scores"], *(model.get("combined") or {})]
    if build.chance(0.3):
        rows = {"score": rng.choice(scores), "ranges": {"A": 10, "B": 5, "C": 0}}
        columns = {"score": rng.choice(scores), "ranges": {"1": 8, "2": 0, "3": -5}}
        model["grades"] = {"profile": {"rows": rows, "columns": columns}}
    if build.chance(0.4):
        ranges = {"hot": 15, "warm": build.rng.choice([5, 8, 10]), "cold": 0}
        model["bands"] = {"temperature": {"score": rng.choice(scores), "ranges": ranges}}
    ladders = {name: ladder(build, name, scores, model) for name in ["life", "level"][: rng.choice([1, 1, 2, 2, 0])]}
    if ladders:
        model["ladders"] = ladders
    if model.get("account") and build.chance(0.7):
        model["account"]["ladders"] = {"account": ladder(build, "acc", ["account"], {})}


def ladder(build: ModelBuilder, name: str, scores: list[str], model: Json) -> list[Json]:
    """One ladder of two to five stages."""
    rng = build.rng
    stages: list[Json] = [{"stage": f"{name}0"}]
    score = rng.choice(scores)
    edges = sorted(build.edge(score) for _ in range(rng.randint(1, 3)))
    for number, edge in enumerate(edges, 1):
        stage: Json = {"stage": f"{name}{number}"}
        _conditions(build, stage, score, edge, model)
        if build.chance(0.4):
            stage["min_dwell"] = build.span(1, 12)
        if build.chance(0.4):
            stage["cooldown"] = build.span(1, 12)
        if build.chance(0.25):
            stage["blocked_by"] = rng.choice([{"facts": {"opted_out": True}}, {"scores": {score: {"ge": edge + 10}}}])
        if build.chance(0.1):
            stage["sticky"] = True
        if build.chance(0.2):
            stage |= {"route": "sales", "actions": {"campaign": "x"}}
        stages.append(stage)
    if build.chance(0.3):
        stages.append(rng.choice([{"sticky": True}, {}, {"sticky": True, "hold": {"scores": {score: {"ge": 5}}}}]))
        stages[-1] = {"stage": f"{name}_customer", **stages[-1]}
    return stages


def _conditions(build: ModelBuilder, stage: Json, score: str, edge: float, model: Json) -> None:
    """`enter`, and `hold`: absent, {} or each alternative of `enter` with some tests weaker and some left out."""
    count = 2 if build.chance(0.25) else 1
    alternatives = [_alternative(build, score, edge, model, first=n == 0) for n in range(count)]
    stage["enter"] = alternatives[0] if count == 1 else {"any": alternatives}
    draw = build.rng.random()
    if draw < 0.45:
        return
    if draw < 0.55:
        stage["hold"] = {}
        return
    weaker = [_weaker(build, one) for one in alternatives]
    stage["hold"] = weaker[0] if count == 1 else {"any": weaker}


def _alternative(build: ModelBuilder, score: str, edge: float, model: Json, *, first: bool) -> Parts:
    rng = build.rng
    parts: Parts = {}
    lead = bool(model)
    if first or build.chance(0.3):
        parts["scores"] = {score: {"ge": edge} if build.chance(0.85) else {"gt": edge}}
        if build.chance(0.1):
            parts["scores"][score]["le"] = edge + 20
    if lead and (not parts or build.chance(0.2)):
        signal: Json = {"on": build.selector(), "within": f"{rng.randint(1, 10) * build.unit // 60_000}m"}
        parts["signal"] = signal
    if lead and build.chance(0.3):
        name = rng.choice(list(FACTS))
        parts["facts"] = {"opted_out": {"ne": True}} if build.chance(0.6) else {name: build.test(FACTS[name])}
    if "grades" in model and build.chance(0.3):
        parts["grades"] = {"profile": {"in": rng.sample(["A1", "A2", "B1", "B2", "C1", "C2"], 3)}}
    if "bands" in model and build.chance(0.3):
        parts["bands"] = {"temperature": ["hot", "warm"]}
    if not parts:
        parts["scores"] = {score: {"ge": edge}}
    return parts


def _weaker(build: ModelBuilder, parts: Parts) -> Parts:
    kept: Parts = {}
    for name, part in copy.deepcopy(parts).items():
        if kept and build.chance(0.3):
            continue
        if name == "scores":
            ((score, test),) = part.items()
            slack = build.rng.choice([0, 1, 2, 5])
            kept[name] = {score: {op: bound + slack if op == "le" else bound - slack for op, bound in test.items()}}
        elif name == "signal":
            minutes = int(part["within"][:-1]) + build.rng.choice([0, 1, 2]) * build.unit // 60_000
            kept[name] = {"on": part["on"], "within": f"{minutes}m"}
        else:
            kept[name] = part
    return kept
