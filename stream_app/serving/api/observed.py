"""What a server of the API shows on a port of its own: requests, the projection that it reads, all groups' lag; and its health.

The rule: this port needs no API key, so it is never the API's. Routes are told by their templates, never by a path.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stream_app.ops import metric_names as names
from stream_app.ops.families import Family, gauge
from stream_app.ops.health import TURN_SECONDS, Loop
from stream_app.ops.http import Endpoints, standard_pages
from stream_app.ops.lag import Reading
from stream_app.ops.lag_export import OLD_SECONDS, LagCollector, keep_looking
from stream_app.ops.lag_reader import LagReader
from stream_app.serving.api.problems import Problem
from stream_app.serving.api.service import Service

_METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"))
_SCRAPE_SECONDS = 0.5
_OTHER = "other"

_log = logging.getLogger(__name__)


class ApiMetrics:
    """Counts requests, and asks the service how it stands when Prometheus asks. Made in the server's event loop."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = names.HTTP_REQUESTS.counter(self.registry)
        self._seconds = names.HTTP_SECONDS.histogram(self.registry)
        self._loop = Loop()
        self._service: Service | None = None

    def watch(self, service: Service) -> None:
        """This is the service that is served."""
        self._service = service
        names.HTTP_STREAMS.gauge(self.registry).set_function(lambda: service.streams)
        ready = names.SERVED_READY.gauge(self.registry)
        ready.set_function(lambda: float(self._unready(_SCRAPE_SECONDS) is None))

    def counted(self, app: ASGIApp) -> ASGIApp:
        """An application whose answers are counted, those of requests that it refuses included."""

        async def count(scope: Scope, receive: Receive, send: Send) -> None:
            began = time.perf_counter()

            async def sent(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._answered(scope, message["status"], time.perf_counter() - began)
                await send(message)

            await app(scope, receive, sent if scope["type"] == "http" else send)

        return count

    def _answered(self, scope: Scope, status: int, seconds: float) -> None:
        route = scope.get("route")
        template = route.path if isinstance(route, Route) else _OTHER
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        self._requests.labels(template, method, status).inc()
        self._seconds.labels(template).observe(seconds)

    def dead(self) -> str | None:
        """Why the server must be taken for dead, or None; asked from another thread."""
        return self._loop.fault()

    def unready(self) -> str | None:
        """Why nothing can be read, or None; asked from another thread."""
        return self._unready(TURN_SECONDS)

    def _unready(self, seconds: float) -> str | None:
        if self._service is None:
            return "it is starting"
        try:
            self._loop.ask(self._service.ready(), seconds)
        except Problem as problem:
            return problem.detail
        except TimeoutError:
            return f"the projection's server did not answer within {seconds:g} s"
        return None


class ServedProjection(Collector):
    """How far the projection is behind its topics, by its own positions: nobody's committed offsets."""

    def __init__(self, service: Service, clock: Callable[[], float] = time.time) -> None:
        self._service, self._clock = service, clock
        self._lock = threading.Lock()
        self._readings: Sequence[Reading] = ()
        self._read_at = 0.0

    async def look(self, reader: LagReader) -> None:
        """Ask the server where it stands, and Kafka what is left."""
        projection, readings = self._service.projection, list[Reading]()
        try:
            live = (await projection.generations()).live
            if live is not None:
                stored = await projection.positions(live)
                readings = await reader.left_behind({TopicPartition(*place): at for place, at in stored.items()})
        except RedisError as error:
            _log.warning("where the projection stands cannot be read: %s", type(error).__name__)
        with self._lock:
            self._readings, self._read_at = readings, self._clock()

    def collect(self) -> Iterable[Family]:
        """See prometheus-client."""
        with self._lock:
            readings = self._readings if self._clock() - self._read_at < OLD_SECONDS else ()
        left: dict[str, int] = {}
        oldest: dict[str, float] = {}
        for one in readings:
            left[one.topic] = left.get(one.topic, 0) + one.lag
            oldest[one.topic] = max(oldest.get(one.topic, 0.0), one.seconds)
        yield gauge(names.SERVED_LAG, [((topic,), count) for topic, count in left.items()])
        yield gauge(names.SERVED_DELAY, [((topic,), seconds) for topic, seconds in oldest.items()])


@asynccontextmanager
async def observed(metrics: ApiMetrics, service: Service, host: str, port: int, cluster: str) -> AsyncIterator[None]:
    """Serve metrics and health meanwhile, and read the lag where there is a broker. Raises `KnownError`."""
    metrics.watch(service)
    with Endpoints(host, port, standard_pages(metrics.registry, metrics.dead, metrics.unready)).tell():
        looking = asyncio.create_task(_look_on(metrics, service, cluster))
        looking.add_done_callback(_failed)
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait([looking])


async def _look_on(metrics: ApiMetrics, service: Service, cluster: str) -> None:
    settings = service.settings
    if settings.bootstrap is None:
        return
    lag, projection = LagCollector(cluster), ServedProjection(service)
    metrics.registry.register(lag)
    metrics.registry.register(projection)
    await keep_looking(lag, settings.bootstrap, settings.manifest, also=projection.look)


def _failed(looking: asyncio.Task[None]) -> None:
    """A defect: the API goes on, and an alert says that nobody can tell the lag."""
    if not looking.cancelled() and (error := looking.exception()) is not None:
        _log.error("the lag is read no more", exc_info=error)
