"""`ops/`: rules, dashboards and their provisioning fit each other and the metrics. System tests run them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stream_app.ops.metric_names import METRICS

ROOT = Path(__file__).parents[3]
OPS = ROOT / "ops"
RULES = YAML(typ="safe").load(OPS / "prometheus" / "rules.yml")["groups"][0]["rules"]
DASHBOARDS = {
    path.name: json.loads(path.read_text()) for path in sorted((OPS / "grafana" / "dashboards").glob("*.json"))
}
SERIES = {series for metric in METRICS for series in metric.series()}


def named(expression: str) -> set[str]:
    """The metrics that a query names."""
    return set(re.findall(r"\b(?:leadscorer|kafka|process)_\w+", expression))


def queries(dashboard: dict[str, Any]) -> list[str]:
    """The queries of a dashboard."""
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_can_be_acted_upon(rule: dict[str, Any]) -> None:
    """It names metrics that exist, how bad it is, and a section of the runbook that says what to do."""
    assert named(rule["expr"]) - SERIES == set()
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["annotations"]["summary"]
    file, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor == rule["alert"].lower()
    assert f"\n### {rule['alert']}\n" in (ROOT / file).read_text(encoding="utf-8")
    timing = (OPS / "prometheus" / "rules.test.yml").read_text()
    assert f"alertname: {rule['alert']}\n" in timing  # with what is expected, not only that it is quiet


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_shows_what_there_is(name: str) -> None:
    """Its queries name metrics that exist; panels have ids of their own, a title and a word of explanation."""
    dashboard = DASHBOARDS[name]
    for query in queries(dashboard):
        assert named(query) - SERIES - {"process_resident_memory_bytes"} == set(), query
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["title"]
        assert panel["type"] == "row" or panel["description"]


def test_every_metric_is_watched() -> None:
    """A metric that no dashboard and no alert looks at is not worth its scrape, but for a few that people ask for."""
    watched = {name for dashboard in DASHBOARDS.values() for query in queries(dashboard) for name in named(query)}
    watched |= {name for rule in RULES for name in named(rule["expr"])}
    unseen = {metric.name for metric in METRICS if not watched & {metric.name, *metric.series()}}
    assert unseen == {
        "leadscorer_records_total",
        "leadscorer_lanes",
        "kafka_consumergroup_group_max_lag",
        "leadscorer_lag_looked_at_seconds",
    }


def test_provisioning_fits() -> None:
    """Dashboards ask the datasource that is provisioned; uids are their own; Prometheus reads the rules that are there."""
    (source,) = YAML(typ="safe").load(OPS / "grafana" / "provisioning" / "datasources" / "prometheus.yml")[
        "datasources"
    ]
    for dashboard in DASHBOARDS.values():
        assert set(re.findall(r'"uid": "(\w+)"', json.dumps(dashboard["panels"]))) == {source["uid"]}
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS)
    config = YAML(typ="safe").load(OPS / "prometheus" / "prometheus.yml")
    assert [(OPS / "prometheus" / name).is_file() for name in config["rule_files"]] == [True]
    assert {job["job_name"] for job in config["scrape_configs"]} == {"worker", "lag", "projector", "serve", "connect"}
