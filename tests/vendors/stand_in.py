"""What the stand-in servers of vendors have in common: a real HTTP server on a free loopback port, and its bad days."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from aiohttp import web

Hook = Callable[[web.Request], Awaitable[None]]


class StandIn:
    """A vendor. Subclasses add routes; a context manager. What it got is looked at afterwards."""

    def __init__(self) -> None:
        self.requests = 0
        self.bad: deque[web.Response] = deque()
        """Answers given to the next requests instead of the right ones, before anything takes effect."""
        self.down = False
        """Whether every request gets a 503."""
        self.slow: float = 0.0
        """Seconds that every answer takes."""
        self.hang = False
        """Whether no request gets an answer."""
        self.on_request: Hook | None = None
        self.on_effect: Hook | None = None
        """Called after a request took effect and before it is answered."""
        self.on_answer: Hook | None = None
        """Called once the answer is on its way."""
        self.url = ""
        self._app = web.Application(middlewares=[self._day], client_max_size=16 << 20)
        self._runner = web.AppRunner(self._app, shutdown_timeout=0.1)
        self._let_go = asyncio.Event()

    @web.middleware
    async def _day(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.requests += 1
        if self.on_request is not None:
            await self.on_request(request)
        if self.hang:
            await self._let_go.wait()
        if self.slow:
            await asyncio.sleep(self.slow)
        if self.down:
            return web.Response(status=503, text="down for maintenance")
        if self.bad:
            return self.bad.popleft()
        response = await handler(request)
        if self.on_effect is not None:
            await self.on_effect(request)
        if self.on_answer is not None:
            with contextlib.suppress(ConnectionError):  # whoever asked was killed meanwhile
                await response.prepare(request)
                await response.write_eof()
            await self.on_answer(request)
        return response

    def once(self, path: str, *answers: web.Response) -> None:
        """Give these answers to the first requests whose path ends so."""

        async def see(request: web.Request) -> None:
            if request.path.endswith(path):
                self.bad.extend(answers)
                self.on_request = None

        self.on_request = see

    def storm(self, count: int, after: str | None = None) -> None:
        """The next requests are too many."""
        headers = {"Retry-After": after} if after is not None else {}
        self.bad.extend(web.Response(status=429, headers=headers) for _ in range(count))

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go.set()
        await self._runner.cleanup()
