"""`/metrics`, `/livez` and `/readyz` of a process that serves nothing else, answered by a thread of its own.

The rule: the answer does not depend on the process's event loop, so that a process which hangs can say so; and nothing that
is asked costs it more than the asking: few requests at a time, small, each with a deadline.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from stream_app.errors import KnownError

log = logging.getLogger(__name__)

_SECONDS = 5.0
_AT_ONCE = 8


class Answer(NamedTuple):
    """A status code and a body."""

    status: int
    body: bytes
    kind: str = "text/plain; charset=utf-8"


Page = Callable[[], Answer]


def metrics_page(registry: CollectorRegistry) -> Page:
    """The registry's metrics, as Prometheus reads them. Other web frameworks may serve the same answer."""
    return lambda: Answer(200, generate_latest(registry), CONTENT_TYPE_LATEST)


def health_page(fault: Callable[[], str | None]) -> Page:
    """200 and `ok`, or 503 and the fault."""

    def page() -> Answer:
        found = fault()
        return Answer(200, b"ok\n") if found is None else Answer(503, f"{found}\n".encode())

    return page


def standard_pages(
    registry: CollectorRegistry, dead: Callable[[], str | None], unready: Callable[[], str | None]
) -> dict[str, Page]:
    """What every process serves: its metrics, why it must be taken for dead, and what it waits for."""
    return {"/metrics": metrics_page(registry), "/livez": health_page(dead), "/readyz": health_page(unready)}


class _Server(ThreadingHTTPServer):
    """A thread a request, and no more than a few: who finds them all busy is turned away."""

    daemon_threads = True

    def __init__(self, place: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._free = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__(place, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """See socketserver."""
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """See socketserver."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class Endpoints:
    """A small HTTP server in a thread, which ends with the process. Port 0 takes a free one. Also a context manager.

    Raises `KnownError` where the port is taken.
    """

    def __init__(self, host: str, port: int, pages: Mapping[str, Page]) -> None:
        try:
            self._server = _Server((host, port), _handler(pages))
        except OSError as error:
            raise KnownError(f"cannot serve metrics on {host}:{port}: {error.strerror}") from None
        self._paths = list(pages)
        self.host, self.port = host, int(self._server.server_address[1])
        thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        thread.start()

    def tell(self) -> Self:
        """Log where it is."""
        log.info("serving %s on http://%s:%d", ", ".join(self._paths), self.host, self.port)
        return self

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _answer(page: Page) -> Answer:
    try:
        return page()
    except Exception:
        log.exception("a page could not be made")
        return Answer(500, b"failed: see the log\n")


def _handler(pages: Mapping[str, Page]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SECONDS

        def do_GET(self) -> None:
            """Answer."""
            page = pages.get(self.path.partition("?")[0])
            answer = _answer(page) if page is not None else Answer(404, b"no such page\n")
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: Prometheus asks every few seconds."""

    return Handler
