"""A connector's metrics and health on a port (docs/metrics.md)."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, ProcessCollector

from stream_app.connectors.clock import Clock
from stream_app.connectors.contract import Fault
from stream_app.connectors.desk import Desk
from stream_app.connectors.parked import Index
from stream_app.connectors.runner import Runner
from stream_app.ops import metric_names as names
from stream_app.ops.health import Loop
from stream_app.ops.http import Endpoints, standard_pages

_STUCK_MS = 60_000
_RESULTS = ("ok", "retried", "parked")
_FAILURES = (*Fault, "refused", "split")


class Metrics:
    """Counts for the runner (`ports.Meter`), and serves what it counted. Port 0 takes a free one and says which."""

    def __init__(self, name: str, host: str, port: int) -> None:
        self._name, self._host, self._port = name, host, port
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        sent = names.CONNECTOR_SENT.counter(self._registry)
        self._sent = {result: sent.labels(name, result) for result in _RESULTS}
        failures = names.CONNECTOR_FAILURES.counter(self._registry)
        self._failures = {str(kind): failures.labels(name, kind) for kind in _FAILURES}
        self._request = names.CONNECTOR_REQUEST_SECONDS.histogram(self._registry).labels(name)
        self._delay = names.CONNECTOR_DELAY_SECONDS.histogram(self._registry).labels(name)
        self._ready = False

    def watch(self, runner: Runner, desk: Desk, parked: Index, clock: Clock, timeout: float) -> None:
        """Begin to serve, in the connector's event loop; `timeout` is how long a request may take (s)."""

        def oldest() -> float:
            since = desk.oldest
            return 0.0 if since is None else max(0, clock.now() - since) / 1000

        for metric, tell in (
            (names.CONNECTOR_QUEUE, lambda: desk.size),
            (names.CONNECTOR_OLDEST, oldest),
            (names.CONNECTOR_PARKED, lambda: len(parked)),
            (names.CONNECTOR_OPEN, lambda: float(desk.breaker.open)),
            (names.CONNECTOR_STUCK, lambda: runner.stuck_ms() / 1000),
            (names.CONNECTOR_READY, lambda: float(self._ready)),
        ):
            metric.gauge(self._registry).labels(self._name).set_function(tell)
        loop, longest = Loop(), max(_STUCK_MS, int(timeout * 2000))

        def dead() -> str | None:
            if (fault := loop.fault()) is not None:
                return fault
            if self._ready and clock.now() - runner.polled_at > _STUCK_MS:
                return "it reads no more"
            return "a batch is on its way and gives no sign" if runner.stuck_ms() > longest else None

        pages = standard_pages(self._registry, dead, self._unready)
        Endpoints(self._host, self._port, pages).tell()

    def _unready(self) -> str | None:
        return None if self._ready else "it is starting, or the vendor is not there"

    def ready_after(self, then: Callable[[], None]) -> Callable[[], None]:
        """What to call once it is ready."""

        def ready() -> None:
            self._ready = True
            then()

        return ready

    def request(self, seconds: float) -> None:
        """As `ports.Meter`."""
        self._request.observe(seconds)

    def sent(self, result: str) -> None:
        """As `ports.Meter`."""
        self._sent[result].inc()

    def failed(self, kind: str) -> None:
        """As `ports.Meter`."""
        self._failures[kind].inc()

    def delay(self, seconds: float) -> None:
        """As `ports.Meter`."""
        self._delay.observe(seconds)
