"""A connector's metrics and health on a port (docs/metrics.md)."""

import logging
from collections.abc import Callable

from prometheus_client import CollectorRegistry, ProcessCollector

from stream_app.connectors.desk import Desk
from stream_app.connectors.parked import Index
from stream_app.ops import metric_names as names
from stream_app.ops.http import Endpoints, health_page, metrics_page

_STUCK_MS = 60_000

log = logging.getLogger("stream_app.connectors")


class Metrics:
    """Counts for the runner (`ports.Meter`), and serves what it counted. Port 0 takes a free one and says which."""

    def __init__(self, name: str, host: str, port: int) -> None:
        self._name, self._host, self._port = name, host, port
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._sent = names.CONNECTOR_SENT.counter(self._registry)
        self._request = names.CONNECTOR_REQUEST_SECONDS.histogram(self._registry).labels(name)
        self._delay = names.CONNECTOR_DELAY_SECONDS.histogram(self._registry).labels(name)
        self._ready = False

    def watch(self, desk: Desk, parked: Index, quiet_ms: Callable[[], int]) -> None:
        """Begin to serve; `quiet_ms` is how long ago records were last asked for."""
        for metric, tell in (
            (names.CONNECTOR_QUEUE, lambda: desk.size),
            (names.CONNECTOR_PARKED, lambda: len(parked)),
            (names.CONNECTOR_OPEN, lambda: float(desk.breaker.open)),
        ):
            metric.gauge(self._registry).labels(self._name).set_function(tell)
        pages = {
            "/metrics": metrics_page(self._registry),
            "/livez": health_page(lambda: "it reads no more" if self._ready and quiet_ms() > _STUCK_MS else None),
            "/readyz": health_page(lambda: None if self._ready else "it is starting, or the vendor is not there"),
        }
        served = Endpoints(self._host, self._port, pages)
        log.info("serving %s on http://%s:%d", ", ".join(pages), served.host, served.port)

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
        self._sent.labels(self._name, result).inc()

    def delay(self, seconds: float) -> None:
        """As `ports.Meter`."""
        self._delay.observe(seconds)
