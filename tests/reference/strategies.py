"""Random examples for hypothesis: `examples()` draws (model, events, until); `minimise` makes a failing one small."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from hypothesis import strategies as st

from tests.reference.random_histories import HistoryBuilder
from tests.reference.random_ladders import finish
from tests.reference.random_models import Json, ModelBuilder, lead_part
from tests.reference.replaying import Replay
from tests.reference.timeline import parse_time
from tests.reference.world import normalise

Example = tuple[Json, list[Json], int]


def generate(seed: int, *, events: int | None = None, account_scores: bool = False) -> Example:
    """The example of a seed: a valid model document, events in order of arrival, and `until` in ms.

    `events` fixes about how many (default 1 to 30); `account_scores` lets leads use their account's score.
    """
    rng = Random(seed)
    build = ModelBuilder(rng, account_scores=account_scores)
    model = lead_part(build)
    history = HistoryBuilder(rng, build, model)
    count = events if events is not None else rng.choice([1, 3, 6, 10, 15, 20, 30])
    if rng.random() < 0.6:
        made = history.events(count)
        build.edges = values_taken(model, made)
        finish(build, model)
        history.model = model
        made += history.events(max(1, count // 3))
    else:
        finish(build, model)
        made = history.events(count)
    last = max(parse_time(event["time"]) for event in made)
    boundary = (last // build.unit + rng.choice([1, 3, 25])) * build.unit
    untils = [last, last + 1, boundary, boundary + rng.randrange(build.unit), boundary]
    return model, made, rng.choice([*untils, *untils, last - rng.randrange(20 * build.unit)])


def values_taken(model: Json, events: list[Json]) -> dict[str, list[float]]:
    """Values that the scores of a model without ladders take in a history, for thresholds that are hit exactly."""
    run = Replay(model)
    taken: dict[str, set[float]] = {}
    for raw in events:
        run.apply(normalise(raw), None)
        for subject in run.world.subjects():
            for name, value in run.scorer.card(subject, subject.clock or 0).raw.items():
                taken.setdefault(name, set()).add(round(value, 9))
    return {name: sorted(values) for name, values in taken.items()}


def examples(*, account_scores: bool = False) -> st.SearchStrategy[Example]:
    """Examples by seed. Shrink a failing one with `minimise`: a smaller seed is no smaller example."""
    return st.integers(0, 2**32 - 1).map(lambda seed: generate(seed, account_scores=account_scores))


def minimise(example: Example, fails: Callable[[Example], bool]) -> Example:
    """A smaller example that still fails: events, rules, ladders, stages and settings dropped one after another."""
    while True:
        for smaller in _smaller(example):
            if fails(smaller):
                example = smaller
                break
        else:
            return example


def _smaller(example: Example) -> Iterator[Example]:
    model, events, until = example
    size = len(events) // 2
    while size >= 1:
        for start in range(0, len(events), size):
            yield model, events[:start] + events[start + size :], until
        size //= 2
    for path in list(_paths(model)):
        changed = copy.deepcopy(model)
        _drop(changed, path)
        if _whole(changed):
            yield changed, events, until
    for number, event in enumerate(events):
        for field in ("properties", "facts", "account_facts", "account_id", "anonymous_id", "email"):
            others = {"user_id", "email", "anonymous_id"} - {field}
            if event.get("channel") == "crm" and (field == "properties" or event["type"] == "unlink"):
                continue
            if field in event and (others & set(event) or field not in ("anonymous_id", "email", "account_id")):
                changed_event = {name: value for name, value in event.items() if name != field}
                yield model, [*events[:number], changed_event, *events[number + 1 :]], until


_OPTIONAL = {
    "limit", "decay", "weight", "group", "class", "where", "clamp", "base", "precision", "applies_to", "min_dwell", "cooldown",
    "blocked_by", "sticky", "hold", "route", "actions", "breadth", "per_member", "max", "min", "grades", "bands", "ladders",
    "combined", "account", "groups", "facts", "signal", "channel", "lateness", "timezone",
}  # fmt: skip


def _paths(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """What could be left out of a model."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in _OPTIONAL or (
                path and path[-1] in ("ladders", "scores", "weights", "grades", "bands") and len(part) > 1
            ):
                yield (*path, key)
            yield from _paths(value, (*path, key))
    elif isinstance(part, list):
        for index, value in enumerate(part):
            stages = len(path) > 1 and path[-2] == "ladders"
            if path and (path[-1] == "rules" or (stages and index)):
                yield (*path, index)
            yield from _paths(value, (*path, index))


def _drop(model: Json, path: tuple[Any, ...]) -> None:
    target: Any = model
    for key in path[:-1]:
        target = target[key]
    del target[path[-1]]


def _whole(model: Json) -> bool:
    """Whether everything that a model names is there."""
    scores = {*model.get("scores", {}), *(model.get("combined") or {})}
    groups = model.get("groups") or {}
    text = str({"ladders": model.get("ladders"), "grades": model.get("grades"), "bands": model.get("bands")})
    named = {name for name in ("fit", "engagement", "spam", "total") if f"'{name}'" in text + str(model.get("account"))}
    named |= {name for spec in (model.get("combined") or {}).values() for name in spec["weights"] if "." not in name}
    named |= {rule["score"] for rule in model.get("rules", [])} | {group["score"] for group in groups.values()}
    if "account." in text + str(model.get("combined")) and "account" not in model:
        return False
    if "'profile'" in str(model.get("ladders")) and "profile" not in (model.get("grades") or {}):
        return False
    if "'temperature'" in str(model.get("ladders")) and "temperature" not in (model.get("bands") or {}):
        return False
    return named <= scores and all(rule.get("group", None) in (None, *groups) for rule in model.get("rules", []))
