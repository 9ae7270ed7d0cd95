"""Metrics that are made when Prometheus asks, from numbers that somebody else counts."""

from collections.abc import Iterable
from typing import TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from stream_app.ops.metric_names import Metric
from stream_app.streaming.stats import Tally

Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily
Samples = Iterable[tuple[tuple[str, ...], float]]
"""Labels' values, and the number."""
_Filled = TypeVar("_Filled", CounterMetricFamily, GaugeMetricFamily)


def counter(metric: Metric, samples: Samples = ()) -> CounterMetricFamily:
    """A counter, with its samples or still without."""
    return _filled(CounterMetricFamily(metric.name, metric.help, labels=metric.labels), samples)


def gauge(metric: Metric, samples: Samples = ()) -> GaugeMetricFamily:
    """A gauge, with its samples or still without."""
    return _filled(GaugeMetricFamily(metric.name, metric.help, labels=metric.labels), samples)


def value(metric: Metric, number: float) -> GaugeMetricFamily:
    """A gauge without labels."""
    return gauge(metric, [((), number)])


def histogram(metric: Metric, tallies: Iterable[tuple[tuple[str, ...], Iterable[Tally]]]) -> HistogramMetricFamily:
    """A histogram: for labels' values, the sum of some tallies with the metric's bounds."""
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, some in tallies:
        family.add_metric(labels, *_buckets(metric.buckets, list(some)))
    return family


def _filled(family: _Filled, samples: Samples) -> _Filled:
    for labels, number in samples:
        family.add_metric(labels, number)
    return family


def _buckets(bounds: Iterable[float], tallies: list[Tally]) -> tuple[list[tuple[str, float]], float]:
    """Prometheus's buckets, each of which holds those below it too, and the sum."""
    buckets, total = [], 0
    for number, bound in enumerate([*map(str, bounds), "+Inf"]):
        total += sum(tally.counts[number] for tally in tallies)
        buckets.append((bound, float(total)))
    return buckets, sum(tally.total for tally in tallies)
