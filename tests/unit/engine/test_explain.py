"""Explanations: every point is told, and the parts add up to the score exactly (scoring.md section 5; S079, S085)."""

from pathlib import Path
from typing import Any

from stream_app.engine.explain import explain
from stream_app.ingest.events import parse_event
from stream_app.modelfiles import read_model
from stream_app.runtime.lead import Lead
from stream_app.runtime.world import World


def _world(repository: Path) -> World:
    world = World(read_model("b2b-saas"))
    for line in (repository / "examples" / "events.ndjson").read_bytes().splitlines():
        world.apply(parse_event(line, channel=None))
    return world


def _sum(told: dict[str, Any]) -> float:
    """Adds the parts up in the order in which the engine does: base, members, loose rules, groups."""
    total: float = told["base"] + told.get("members", 0.0)
    for rule in told["rules"]:
        if rule["group"] is None:
            total += rule["points"]
    for group in told["groups"]:
        total += group["value"]
    return total


def test_parts_add_up_exactly(repository: Path) -> None:
    """Base, rules and groups make the sum; with what the clamp took it is the value; combined scores likewise."""
    world = _world(repository)
    for subject in (*world.leads.values(), *world.accounts.values()):
        told = explain(subject)
        values = dict(zip(subject.plan.score_names, subject.card.scores, strict=True))
        for name, score in told.items():
            if "parts" in score:
                assert sum(part["points"] for part in score["parts"]) == score["sum"]
            else:
                assert _sum(score) == score["sum"]
            assert score["value"] == values[name]
            assert score["sum"] + score["taken_by_clamp"] == score["value"]


def test_every_rule_with_points_names_what_made_them(repository: Path) -> None:
    """A rule on activities tells how many there were and when the last was; a sum tells each of its parts."""
    world = _world(repository)
    lead = world.find("user:u-7")
    assert isinstance(lead, Lead)
    rules = {rule["rule"]: rule for rule in explain(lead)["engagement"]["rules"]}
    pricing = rules["pricing_page"]
    assert (pricing["count"], pricing["last_at"]) == (1, "2026-03-04T09:00:00Z")
    assert pricing["points"] == sum(part["points"] for part in pricing["activities"])
