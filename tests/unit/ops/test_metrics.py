"""What metrics are called, what they hold, and that the docs say so."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from stream_app.ops.lag import Judge, Reading
from stream_app.ops.lag_export import LagCollector
from stream_app.ops.metric_docs import page
from stream_app.ops.metric_names import METRICS, Metric
from stream_app.ops.worker_metrics import Ledger, WorkerCollector
from stream_app.streaming.lanes import Lanes
from stream_app.streaming.settings import AgentSettings, WorkerSettings
from stream_app.streaming.stats import LaneStats, Tally
from stream_app.streaming.store import MemoryStore

ROOT = Path(__file__).parents[3]


def test_the_page_is_made_from_the_module() -> None:
    """`python -m stream_app.ops.metric_docs > docs/metrics.md` changes nothing."""
    assert page() == (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_names_follow_prometheus(metric: Metric) -> None:
    """Base units and `_total` on counters alone; no label that names a person."""
    assert re.fullmatch(r"(leadscorer|kafka)_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert bool(metric.buckets) == (metric.kind == "histogram")
    assert set(metric.labels) & {"lead", "account", "email", "user", "key", "event_id"} == set()


def test_names_are_used_once() -> None:
    """And each definition makes a metric of prometheus-client, for processes that count as they go."""
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    registry = CollectorRegistry()
    for metric in METRICS:
        {"counter": metric.counter, "gauge": metric.gauge, "histogram": metric.histogram}[metric.kind](registry)
    assert b"leadscorer_events_total" in generate_latest(registry)


def test_a_tally_counts_each_value_once() -> None:
    """At its bound, or the next above; beyond the last bound too."""
    tally = Tally((1.0, 10.0))
    for value in (0.5, 1.0, 2.0, 100.0):
        tally.observe(value)
    assert (tally.counts, tally.total) == ([2, 1, 1], 103.5)


def test_latency_is_of_news_alone() -> None:
    """A backfill's records are hours and years old, which says nothing of how fast this is."""
    stats = LaneStats()
    stats.told([1_000_000, 1_000_000 - 3_600_000, 1_000_500], 1_000_200)
    assert (sum(stats.latency.counts), stats.latency.total) == (1, 0.2)


@dataclass
class Processor:
    """Counts as a processor does, and does nothing else."""

    counts: Counter[str] = field(default_factory=Counter)
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    scoring: Any = None

    def timers(self) -> int:
        """None wait."""
        return 0


def test_counts_outlive_the_partition() -> None:
    """A partition that goes and comes back counts on: a counter that falls is a restart to Prometheus."""
    ledger = Ledger()
    for count in (3, 4):
        processor: Any = Processor(Counter(counted=count), Counter({("web", "counted"): count}))
        ledger.made("lead", 0, processor)
    assert ledger.totals() == {"lead": (Counter(counted=7), Counter({("web", "counted"): 7}))}


def scraped(registry: CollectorRegistry) -> dict[str, float]:
    """The samples by their name and labels, as Prometheus reads them."""
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines}


def test_a_worker_in_prometheus_words() -> None:
    """Counters, histograms whose buckets hold those below, and the standing of each lane."""
    agent = AgentSettings(name="lead", topics=["web"], changelog="log", table="leads")
    settings = WorkerSettings(broker="nowhere", app="app", partitions=1, agents=[agent], data_dir=ROOT)
    lanes = Lanes(settings, lambda *_: 1 / 0, lambda *_: MemoryStore(), lambda: 0, lambda *_: None)  # type: ignore[arg-type]
    stats = lanes.stats["lead", 0] = LaneStats(records=7, engine_seconds=0.5)
    stats.committed(0.003, 5, 2, 3)
    stats.committed(99.0, 2, 0, 0)
    ledger = Ledger()
    processor: Any = Processor(Counter(schema=2, merged=1), Counter({("web", "schema"): 2}))
    ledger.made("lead", 0, processor)
    registry = CollectorRegistry()
    registry.register(WorkerCollector(lanes, ledger))
    found = scraped(registry)
    assert {name: found[name] for name in found if 'agent="lead"' in name and "bucket" not in name} == {
        'leadscorer_events_total{agent="lead",channel="web",result="schema"}': 2.0,
        **{
            f'leadscorer_dead_letters_total{{agent="lead",reason="{reason}"}}': 2.0 * (reason == "schema")
            for reason in (
                *("future", "no_identity", "not_json", "quarantined"),
                *("schema", "too_large", "too_many_facts", "too_old"),
            )
        },
        'leadscorer_machine_events_total{agent="lead"}': 0.0,
        'leadscorer_records_total{agent="lead"}': 7.0,
        'leadscorer_outputs_total{agent="lead"}': 2.0,
        'leadscorer_state_changes_total{agent="lead"}': 3.0,
        'leadscorer_engine_seconds_total{agent="lead"}': 0.5,
        'leadscorer_transaction_seconds_count{agent="lead"}': 2.0,
        'leadscorer_transaction_seconds_sum{agent="lead"}': 99.003,
        'leadscorer_batch_records_count{agent="lead"}': 2.0,
        'leadscorer_batch_records_sum{agent="lead"}': 7.0,
        'leadscorer_event_to_transition_seconds_count{agent="lead"}': 0.0,
        'leadscorer_event_to_transition_seconds_sum{agent="lead"}': 0.0,
    }
    assert found['leadscorer_identity_total{result="merged"}'] == 1.0
    buckets = [value for name, value in found.items() if name.startswith("leadscorer_transaction_seconds_bucket")]
    assert (buckets[0], buckets[1], buckets[-2], buckets[-1]) == (0.0, 1.0, 1.0, 2.0)
    assert found["leadscorer_ready"] == 0.0


def test_lag_has_the_names_that_dashboards_know() -> None:
    """kafka-lag-exporter's; and nothing at all once a look failed or is old."""
    now = SimpleNamespace(seconds=1000.0)
    collector = LagCollector("k", clock=lambda: now.seconds)
    registry = CollectorRegistry()
    registry.register(collector)
    reading = Reading(
        group="g", state="stable", topic="t", partition=3, end=90, committed=70, lag=20, oldest_at=0, owned=True, read_at=5_000
    )  # fmt: skip
    collector.take(Judge().judge([reading], 0.0))
    place = '{cluster_name="k",group="g",partition="3",topic="t"}'
    group = '{cluster_name="k",group="g"}'
    shown = scraped(registry)
    assert {name: value for name, value in shown.items() if name.startswith("kafka_")} == {
        f"kafka_consumergroup_group_lag{place}": 20.0,
        f"kafka_consumergroup_group_lag_seconds{place}": 5.0,
        f"kafka_consumergroup_group_offset{place}": 70.0,
        'kafka_partition_latest_offset{cluster_name="k",partition="3",topic="t"}': 90.0,
        f"kafka_consumergroup_group_max_lag{group}": 20.0,
        f"kafka_consumergroup_group_max_lag_seconds{group}": 5.0,
        f"kafka_consumergroup_group_sum_lag{group}": 20.0,
    }
    assert shown['leadscorer_group_partitions{cluster_name="k",group="g",status="ok"}'] == 1.0
    now.seconds += 60
    assert [name for name in scraped(registry) if name.startswith("kafka_")] == []
    collector.take([])
    collector.failed()
    assert scraped(registry)['leadscorer_lag_looks_total{result="failed"}'] == 1.0
