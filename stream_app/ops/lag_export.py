"""The lag for Prometheus, under the names that kafka-lag-exporter gave it.

The rule: what is shown is what was read a moment ago, or nothing. A look that fails takes the figures away: an alert on their
absence is right, one on figures of yesterday is not.
"""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NoReturn

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from stream_app.broker import RefusedError
from stream_app.ops import metric_names as names
from stream_app.ops.families import Family, counter, gauge, value
from stream_app.ops.http import Endpoints, standard_pages
from stream_app.ops.lag import STATUSES, Judge, Lag
from stream_app.ops.lag_reader import LagError, LagReader, open_lag_reader
from stream_app.topics import Manifest

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
OLD_SECONDS = 60.0
"""Figures older than this are not shown."""


class LagCollector(Collector):
    """Holds the last look. Written by one thread, read by another."""

    def __init__(self, cluster: str, clock: Callable[[], float] = time.time) -> None:
        self._cluster, self._clock = cluster, clock
        self._lock = threading.Lock()
        self._lags: Sequence[Lag] = ()
        self._looked_at = 0.0
        self._looks = Counter[str]()

    def take(self, lags: Sequence[Lag]) -> None:
        """Show a look."""
        with self._lock:
            self._lags, self._looked_at = lags, self._clock()
            self._looks["done"] += 1

    def failed(self) -> None:
        """A look failed: show nothing."""
        with self._lock:
            self._lags = ()
            self._looks["failed"] += 1

    def fault(self) -> str | None:
        """Why there is nothing to show, or None."""
        age = self._clock() - self._looked_at
        return None if age < OLD_SECONDS else "the lag could not be read for a minute"

    def collect(self) -> Iterable[Family]:
        """See prometheus-client."""
        with self._lock:
            lags, looked_at, looks = self._lags, self._looked_at, self._looks.copy()
        if self._clock() - looked_at >= OLD_SECONDS:
            lags = ()
        yield counter(names.LAG_LOOKS, [((result,), looks[result]) for result in ("done", "failed")])
        yield value(names.LAG_LOOKED_AT, looked_at)
        yield from _places(self._cluster, lags)
        yield from _groups(self._cluster, lags)


def _places(cluster: str, lags: Iterable[Lag]) -> Iterable[GaugeMetricFamily]:
    lag, seconds, offset, latest = map(
        gauge, (names.GROUP_LAG, names.GROUP_LAG_SECONDS, names.GROUP_OFFSET, names.LATEST_OFFSET)
    )
    ends: dict[tuple[str, int], int] = {}
    for one in lags:
        reading = one.reading
        place = [cluster, reading.group, reading.topic, str(reading.partition)]
        lag.add_metric(place, reading.lag)
        seconds.add_metric(place, reading.seconds)
        if reading.committed is not None:
            offset.add_metric(place, reading.committed)
        ends[reading.topic, reading.partition] = reading.end
    for (topic, partition), end in ends.items():
        latest.add_metric([cluster, topic, str(partition)], end)
    return lag, seconds, offset, latest


def _groups(cluster: str, lags: Iterable[Lag]) -> Iterable[GaugeMetricFamily]:
    most, oldest, total, status = map(
        gauge, (names.GROUP_MAX_LAG, names.GROUP_MAX_LAG_SECONDS, names.GROUP_SUM_LAG, names.GROUP_STATUS)
    )
    groups: dict[str, list[Lag]] = {}
    for one in lags:
        groups.setdefault(one.reading.group, []).append(one)
    for group, found in groups.items():
        most.add_metric([cluster, group], max(one.reading.lag for one in found))
        oldest.add_metric([cluster, group], max(one.reading.seconds for one in found))
        total.add_metric([cluster, group], sum(one.reading.lag for one in found))
        for name in STATUSES:
            status.add_metric([cluster, group, name.replace(" ", "_")], sum(one.status == name for one in found))
    return most, oldest, total, status


async def keep_looking(
    collector: LagCollector,
    broker: str,
    manifest: Manifest,
    groups: Sequence[str] = (),
    every: float = EVERY_SECONDS,
    also: Callable[[LagReader], Awaitable[None]] | None = None,
) -> NoReturn:
    """Feed a collector for ever, through whatever happens to the broker; `also` takes a look of its own after each."""
    judge = Judge()
    while True:
        try:
            async with open_lag_reader(broker, manifest) as reader:
                while True:
                    collector.take(judge.judge(await reader.look(groups), time.monotonic()))
                    if also is not None:
                        await also(reader)
                    await asyncio.sleep(every)
        except (LagError, RefusedError) as error:
            collector.failed()
            log.warning("the lag cannot be read: %s", error)
            await asyncio.sleep(every)


async def serve_lag(
    broker: str,
    manifest: Manifest,
    groups: Sequence[str],
    cluster: str,
    host: str,
    port: int,
    ready: Callable[[str], None],
) -> NoReturn:
    """Export the lag on a port until cancelled; `ready` is told the address."""
    collector, registry = LagCollector(cluster), CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(collector)
    pages = standard_pages(registry, lambda: None, collector.fault)
    with Endpoints(host, port, pages) as served:
        ready(f"http://{served.host}:{served.port}/metrics")
        await keep_looking(collector, broker, manifest, groups)
