"""What all endpoints share, and how each is guarded: key and scope, parameters, time, ETag, one line of log.

The rule: the log has the route, never the path or the query: both name people.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import Response

from stream_app.engine.times import format_time
from stream_app.errors import KnownError
from stream_app.serving.api.asked import Asked
from stream_app.serving.api.keyring import ApiKey, Keyring
from stream_app.serving.api.problems import Problem, bad_parameter, unavailable
from stream_app.serving.in_force import InForce
from stream_app.serving.projection.base import GoneError, Projection
from stream_app.streaming.app import wall_clock
from stream_app.topics import Manifest

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an API is told. `bootstrap` is for the stream of transitions, which there is none of without it.

    `in_force` is asked at each request for the version to go by.
    """

    in_force: Callable[[], InForce]
    manifest: Manifest
    bootstrap: str | None = None
    seconds: float = 10.0
    streams: int = 50
    clock: Callable[[], int] = wall_clock


class Service:
    """The parts of a running API."""

    def __init__(self, settings: Settings, projection: Projection, keyring: Keyring) -> None:
        self.settings, self.projection, self.keyring = settings, projection, keyring
        self.streams = 0
        self._at_work = asyncio.Semaphore(2)
        self._ready_generation: int | None = None

    async def ready(self) -> None:
        """Whether there is a whole projection to read. Raises `Problem`."""
        try:
            known = await self.projection.generations()
        except RedisError:
            raise unavailable("the projection's server does not answer") from None
        if known.live is None or not (known.ready or known.live == self._ready_generation):
            raise unavailable("the projection is being built", 5)
        self._ready_generation = known.live

    async def compute(self, work: Callable[[], Any]) -> Any:
        """Do what costs CPU time beside the event loop, two at a time."""
        async with self._at_work:
            return await asyncio.to_thread(work)

    def admitted(self, request: Request, scope: str) -> ApiKey:
        """Who asks. Raises `Problem` unless a key with the scope is given."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        key = None
        if scheme.lower() == "bearer":
            key = self.keyring.holder(token.strip(), format_time(self.settings.clock()))
        if key is None:
            detail = "give an API key: Authorization: Bearer sak_..."
            raise Problem(401, "unauthorized", "No valid API key", detail, {"WWW-Authenticate": "Bearer"})
        if scope not in key.scopes:
            headers = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
            raise Problem(403, "forbidden", "The API key does not reach here", f"it needs the scope {scope}", headers)
        return key


Answer = Callable[[Service, Asked], Awaitable[Any]]


@dataclass(frozen=True)
class Endpoint:
    """One path under `/api/v1`: who may ask, which parameters it has, and what answers; a `Response` or what JSON has."""

    path: str
    scope: str
    params: Sequence[str]
    answer: Answer


def guarded(service: Service, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint as Starlette calls it."""

    async def handle(request: Request) -> Response:
        began = time.monotonic()
        who = "-"
        try:
            who = service.admitted(request, endpoint.scope).id
            asked = Asked(request, service.settings.clock())
            asked.only(endpoint.params)
            async with asyncio.timeout(service.settings.seconds):
                await service.ready()
                answer = await endpoint.answer(service, asked)
            response = answer if isinstance(answer, Response) else _json(request, answer)
        except Problem as problem:
            response = problem.response()
        except TimeoutError:
            response = unavailable(f"no answer within {service.settings.seconds:g} s").response()
        except (GoneError, RedisError):
            response = unavailable("the projection's server does not answer, or is empty").response()
        except KnownError as error:
            _log.error("%s: %s", endpoint.path, type(error).__name__)
            response = Problem(500, "internal", "It went wrong", "what is stored can't be read").response()
        ms = (time.monotonic() - began) * 1e3
        _log.info("%s %s %s %.1f ms key=%s", request.method, endpoint.path, response.status_code, ms, who)
        return response

    return handle


def _json(request: Request, document: Any) -> Response:
    body = orjson.dumps(document)
    tag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if _matches(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _matches(given: str | None, tag: str) -> bool:
    if given is None:
        return False
    if len(given) > 4_096:
        raise bad_parameter("If-None-Match", "longer than 4096 characters")
    tags = [one.strip().removeprefix("W/") for one in given.split(",")]
    return "*" in tags or tag in tags
