"""A process that serves the API: uvicorn with bounds of its own."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import uvicorn

from stream_app.errors import KnownError
from stream_app.serving.api.app import app_of
from stream_app.serving.api.keyring import Keyring
from stream_app.serving.api.observed import ApiMetrics, observed
from stream_app.serving.api.service import Service, Settings
from stream_app.serving.projection.store import open_store

_log = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Says where it listens once it does."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[int], None]) -> None:
        super().__init__(config)
        self._listening = listening

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Being told to stop is no failure: uvicorn's own would end the process by the signal again."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: object = None) -> None:
        """See uvicorn."""
        await super().startup()
        if self.started:
            self._listening(self.servers[0].sockets[0].getsockname()[1])


def serve(
    settings: Settings,
    *,
    redis: str,
    keys: str,
    key_file: Path,
    host: str,
    port: int,
    metrics: tuple[str, int, str] | None = None,
    listening: Callable[[int], None] = lambda port: None,
    follow: Callable[[], Awaitable[None]],
) -> None:
    """Serve until SIGTERM or SIGINT; `listening` is told the port. Raises `KnownError` where it can't.

    `metrics`: a host and a port to serve metrics and health on, and the name of the cluster in them. `follow` keeps what the
    settings give up to date, and is awaited all the while.
    """
    keyring = Keyring(key_file)
    keyring.keys()  # a damaged file is told at once
    asyncio.run(_serve(settings, redis, keys, keyring, host, port, metrics, listening, follow))


async def _serve(
    settings: Settings,
    redis: str,
    keys: str,
    keyring: Keyring,
    host: str,
    port: int,
    metrics: tuple[str, int, str] | None,
    listening: Callable[[int], None],
    follow: Callable[[], Awaitable[None]],
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(redis, keys))
        service = Service(settings, store, keyring)
        app = app_of(service)
        if metrics is not None:
            meter = ApiMetrics()
            app = meter.counted(app)
            await stack.enter_async_context(observed(meter, service, *metrics))
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,  # paths name people; the service logs routes
            server_header=False,
            lifespan="off",
            http="h11",
            ws="none",
            limit_concurrency=512,
            backlog=512,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=3,
            h11_max_incomplete_event_size=32_768,
        )
        server = _Server(config, listening)
        following = asyncio.create_task(_followed(follow, server))
        try:
            await server.serve()
        except SystemExit:
            raise KnownError(f"can't listen on {host}, port {port}: is it taken?") from None
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
        if not server.started:
            raise KnownError(f"can't listen on {host}, port {port}: is it taken?")


async def _followed(follow: Callable[[], Awaitable[None]], server: _Server) -> None:
    """A server that no longer follows must not serve on."""
    try:
        await follow()
    finally:
        server.should_exit = True
