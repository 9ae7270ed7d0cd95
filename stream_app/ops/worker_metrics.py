"""A worker's metrics, read from its lanes when Prometheus asks, and its health.

The rule: the lanes know nothing of this. They count for themselves (`streaming/stats`), and what they counted is put into
Prometheus's words here, in the thread that answers the request.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol, get_args, runtime_checkable

from prometheus_client.registry import Collector

from stream_app.ingest.refusal import Code
from stream_app.ops import metric_names as names
from stream_app.ops.families import Family, counter, gauge, histogram, value
from stream_app.ops.metric_names import Metric
from stream_app.streaming.lane import Lane
from stream_app.streaming.lanes import Lanes, Unit
from stream_app.streaming.processor import Processor
from stream_app.streaming.stats import LaneStats, Tally
from stream_app.worker.composition import Scoring

REASONS = frozenset(get_args(Code))
_IDENTITY = ("linked", "merged", "conflict", "erasure")

Counts = tuple[Counter[str], Counter[tuple[str, str]]]


@runtime_checkable
class Counting(Protocol):
    """A processor that counts."""

    scoring: Scoring
    counts: Counter[str]
    events: Counter[tuple[str, str]]

    def timers(self) -> int:
        """How many timers wait."""


class Ledger:
    """What all processors of this process have counted, those whose partitions have gone included."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[Unit, Counts] = {}  # the counts alone: a processor holds a partition's leads
        self._gone: dict[str, Counts] = {}

    def made(self, agent: str, partition: int, processor: Processor) -> None:
        """A processor begins; the one that had its partition before counts no more."""
        if isinstance(processor, Counting):
            with self._lock:
                before = self._live.get((agent, partition))
                if before is not None:
                    _add(self._gone, agent, before)
                self._live[agent, partition] = (processor.counts, processor.events)

    def totals(self) -> Mapping[str, Counts]:
        """Counts, and counts by channel, of each agent."""
        found: dict[str, Counts] = {}
        with self._lock:
            for agent, gone in self._gone.items():
                _add(found, agent, gone)
            for (agent, _), live in self._live.items():
                _add(found, agent, live)
        return found


def _add(totals: dict[str, Counts], agent: str, more: Counts) -> None:
    counts, events = totals.setdefault(agent, (Counter(), Counter()))
    counts.update(more[0].copy())
    events.update(more[1].copy())


class WorkerCollector(Collector):
    """Puts a worker's counts into Prometheus's words."""

    def __init__(self, lanes: Lanes, ledger: Ledger, clock: Callable[[], float] = time.time) -> None:
        self._lanes, self._ledger, self._clock = lanes, ledger, clock

    def collect(self) -> Iterable[Family]:
        """See prometheus-client."""
        yield from _counted(self._ledger.totals())
        by_agent: dict[str, list[LaneStats]] = {}
        for (agent, _), stats in list(self._lanes.stats.items()):
            by_agent.setdefault(agent, []).append(stats)
        yield from _worked(by_agent)
        lanes = self._lanes.all()
        yield from _standing(lanes, self._clock())
        yield gauge(names.LANES, [((agent,), n) for agent, n in Counter(lane.agent.name for lane in lanes).items()])
        yield value(names.READY, float(self._lanes.recovered()))
        yield gauge(names.MODEL, Counter(_models(lanes)).items())


def _models(lanes: Iterable[Lane]) -> Iterator[tuple[str, ...]]:
    """Each lane's model, and its version as people read it."""
    for lane in lanes:
        processor = lane.processor
        if isinstance(processor, Counting):
            yield processor.scoring.model.name, processor.scoring.model.version[:12]


def _counted(totals: Mapping[str, Counts]) -> Iterator[Family]:
    events, letters, keys, machines = map(
        counter, (names.EVENTS, names.DEAD_LETTERS, names.IDENTITY, names.MACHINE_EVENTS)
    )
    identity: Counter[str] = Counter()
    for agent, (counts, by_channel) in sorted(totals.items()):
        for (channel, result), count in sorted(by_channel.items()):
            events.add_metric([agent, channel, result], count)
        for reason in sorted(REASONS):
            letters.add_metric([agent, reason], counts[reason])
        machines.add_metric([agent], counts["machine"])
        identity.update({result: counts[result] for result in _IDENTITY})
    for result in _IDENTITY:
        keys.add_metric([result], identity[result])
    yield from (events, letters, keys, machines)


def _worked(by_agent: Mapping[str, list[LaneStats]]) -> Iterator[Family]:
    sums: list[tuple[Metric, Callable[[LaneStats], float]]] = [
        (names.RECORDS, lambda stats: stats.records),
        (names.OUTPUTS, lambda stats: stats.outputs),
        (names.CHANGES, lambda stats: stats.changes),
        (names.ENGINE_SECONDS, lambda stats: stats.engine_seconds),
    ]
    for metric, count in sums:
        family = counter(metric)
        for agent, found in sorted(by_agent.items()):
            family.add_metric([agent], sum(map(count, found)))
        yield family
    tallies: list[tuple[Metric, Callable[[LaneStats], Tally]]] = [
        (names.TRANSACTION_SECONDS, lambda stats: stats.transaction_times),
        (names.BATCH_RECORDS, lambda stats: stats.batches),
        (names.LATENCY, lambda stats: stats.latency),
    ]
    for metric, tally in tallies:
        yield histogram(metric, [((agent,), map(tally, found)) for agent, found in sorted(by_agent.items())])


def _standing(lanes: Iterable[Lane], now: float) -> Iterator[Family]:
    families = {
        metric: gauge(metric)
        for metric in (names.STATE_ENTRIES, names.RECOVERY_LEFT, names.TIMERS, names.TIMERS_LATE, names.STUCK_SECONDS)
    }
    for lane in lanes:
        labels = [lane.agent.name, str(lane.partition)]
        families[names.RECOVERY_LEFT].add_metric(labels, lane.stats.recovery_left)
        families[names.STUCK_SECONDS].add_metric(labels, lane.stats.stuck_seconds)
        processor = lane.processor
        if processor is None:
            continue
        families[names.STATE_ENTRIES].add_metric(labels, len(lane.store))
        if isinstance(processor, Counting):
            due = processor.next_due()
            families[names.TIMERS].add_metric(labels, processor.timers())
            families[names.TIMERS_LATE].add_metric(labels, 0.0 if due is None else max(0.0, now - due / 1000))
    yield from families.values()
