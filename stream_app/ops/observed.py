"""What a worker process shows to the outside: its metrics and health on a port."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, ProcessCollector

from stream_app.ops.health import WorkerHealth
from stream_app.ops.http import Endpoints, standard_pages
from stream_app.ops.worker_metrics import Ledger, WorkerCollector
from stream_app.streaming.lanes import Lanes


def observe(host: str, port: int | None, ledger: Ledger) -> Callable[[Lanes], None]:
    """What to call with a worker's lanes, in its event loop, once they are made. Without a port nothing is served."""

    def start(lanes: Lanes) -> None:
        if port is None:
            return
        registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(WorkerCollector(lanes, ledger))
        health = WorkerHealth(lanes)
        Endpoints(host, port, standard_pages(registry, health.dead, health.unready)).tell()

    return start
