"""A projector's metrics, made of what it counted when Prometheus asks, and its health."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.registry import Collector

from stream_app.ops import metric_names as names
from stream_app.ops.families import Family, counter, gauge, histogram, value
from stream_app.ops.health import STUCK_SECONDS, Loop
from stream_app.ops.http import Endpoints, standard_pages
from stream_app.serving.projection.watch import KINDS, Watch, Why

_REASONS: tuple[Why, ...] = ("unreachable", "gap", "gone", "shrunk")


class ProjectorCollector(Collector):
    """Puts a projector's counts into Prometheus's words."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def collect(self) -> Iterable[Family]:
        """See prometheus-client."""
        watch = self._watch
        updates = [((kind, "taken"), watch.taken[one]) for one, kind in KINDS.items()]
        updates += [((kind, "older"), watch.older[one]) for one, kind in KINDS.items()]
        updates += [((base, "unreadable"), count) for base, count in sorted(watch.unreadable.copy().items())]
        yield counter(names.UPDATES, updates)
        yield histogram(names.PROJECTION_BATCH_RECORDS, [((), [watch.batches])])
        yield histogram(names.PROJECTION_BATCH_SECONDS, [((), [watch.batch_times])])
        yield histogram(names.RECORD_TO_PROJECTION, [((), [watch.delays])])
        yield gauge(names.PROJECTION_LAG, [((topic,), left) for topic, left in watch.left_by_topic().items()])
        yield gauge(names.PROJECTION_DELAY, [((topic,), age) for topic, age in watch.delay_seconds().items()])
        yield value(names.PROJECTION_STUCK, watch.stuck_seconds())
        yield counter(names.PROJECTION_RETRIES, [((why,), watch.retries[why]) for why in _REASONS])
        yield value(names.PROJECTION_READY, float(watch.unready() is None))
        if watch.generations.live is not None:
            yield value(names.PROJECTION_GENERATION, watch.generations.live)
        yield value(names.PROJECTION_REBUILDING, float(watch.generations.building is not None))
        yield value(names.PROJECTION_PARTITIONS, len(watch.left))


class ProjectorHealth:
    """Answers from another thread. Made in the event loop whose projector it is about."""

    def __init__(self, watch: Watch, stuck_after: float = STUCK_SECONDS) -> None:
        self._watch, self._stuck_after, self._loop = watch, stuck_after, Loop()

    def dead(self) -> str | None:
        """Why the projector must be taken for dead, or None."""
        if (fault := self._loop.fault()) is not None:
            return fault
        stuck = self._watch.stuck_seconds()
        if stuck < self._stuck_after:
            return None
        trouble = f": {self._watch.trouble}" if self._watch.trouble is not None else ""
        left = sum(self._watch.left_by_topic().values())
        return f"{left} offsets are left and none was projected for {stuck:.0f} s{trouble}"

    def unready(self) -> str | None:
        """What the projector waits for before what it keeps is whole, or None."""
        return self._watch.unready()


def observe_projector(watch: Watch, host: str, port: int) -> Endpoints:
    """Serve a projector's metrics and health on a port. Called in its event loop. Raises `KnownError`."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(ProjectorCollector(watch))
    health = ProjectorHealth(watch)
    return Endpoints(host, port, standard_pages(registry, health.dead, health.unready)).tell()
