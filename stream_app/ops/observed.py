"""What a worker process shows to the outside: its metrics and health on a port."""

import logging
from collections.abc import Callable

from prometheus_client import CollectorRegistry, ProcessCollector

from stream_app.ops.health import WorkerHealth
from stream_app.ops.http import Endpoints, health_page, metrics_page
from stream_app.ops.worker_metrics import Ledger, WorkerCollector
from stream_app.streaming.lanes import Lanes

log = logging.getLogger(__name__)


def observe(host: str, port: int | None, ledger: Ledger) -> Callable[[Lanes], None]:
    """What to call with a worker's lanes, in its event loop, once they are made. Without a port nothing is served."""

    def start(lanes: Lanes) -> None:
        if port is None:
            return
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(WorkerCollector(lanes, ledger))
        health = WorkerHealth(lanes)
        pages = {
            "/metrics": metrics_page(registry),
            "/livez": health_page(health.dead),
            "/readyz": health_page(health.unready),
        }
        served = Endpoints(host, port, pages)
        log.info("serving %s on http://%s:%d", ", ".join(pages), served.host, served.port)

    return start
