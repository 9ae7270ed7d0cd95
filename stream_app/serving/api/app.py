"""The API as an ASGI application (one composition root for `stream-app serve`)."""

from collections.abc import Awaitable, Callable

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from stream_app.serving.api.endpoints import ENDPOINTS
from stream_app.serving.api.keyring import Keyring
from stream_app.serving.api.openapi import openapi
from stream_app.serving.api.problems import Problem
from stream_app.serving.api.service import Service, Settings, guarded
from stream_app.serving.api.stream import STREAM
from stream_app.serving.projection.base import Projection

ROOT = "/api/v1"
LONGEST_PATH = 8_192
LARGEST_BODY = 16_384

Handler = Callable[[Request], Awaitable[Response]]


def create_app(settings: Settings, projection: Projection, keyring: Keyring) -> ASGIApp:
    """The application. It opens and closes nothing: the projection is the caller's."""
    return app_of(Service(settings, projection, keyring))


def app_of(service: Service) -> ASGIApp:
    """The same, of a service that others look at too."""
    document = orjson.dumps(openapi(), option=orjson.OPT_INDENT_2)

    async def described(request: Request) -> Response:
        return Response(document, media_type="application/json", headers={"Cache-Control": "public, max-age=300"})

    async def live(request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def ready(request: Request) -> Response:
        try:
            await service.ready()
        except Problem as problem:
            return problem.response()
        return PlainTextResponse("ok\n")

    routes = [Route(f"{ROOT}/openapi.json", described), Route("/livez", live), Route("/readyz", ready)]
    routes += [Route(ROOT + one.path, guarded(service, one)) for one in (*ENDPOINTS, STREAM)]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _refused, Exception: _failed})
    app.router.redirect_slashes = False
    return Gate(app)


class Gate:
    """Bounds requests, and routes by the path as it was sent, so that a key may hold an encoded slash."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http":
            problem = _bounds(scope)
            if problem is not None:
                await problem.response()(scope, receive, send)
                return
            scope["path"] = scope["raw_path"].decode("ascii", "replace")  # in place: who counts answers sees the route
        await self._app(scope, receive, send)


def _bounds(scope: Scope) -> Problem | None:
    if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_PATH:
        return Problem(414, "too-long", "The URL is too long", f"at most {LONGEST_PATH} bytes")
    for name, value in scope["headers"]:
        if name == b"content-length" and (not value.isdigit() or len(value) > 9 or int(value) > LARGEST_BODY):
            return Problem(413, "too-large", "The body is too large", f"at most {LARGEST_BODY} bytes; none is read")
    return None


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        problem = Problem(405, "method", "Only GET and HEAD", "this API is read only", error.headers)
    elif error.status_code == 404:
        problem = Problem(404, "not-found", "Not found", f"there is nothing here; see {ROOT}/openapi.json")
    else:
        problem = Problem(error.status_code, "http", "HTTP error", error.detail, error.headers)
    return problem.response()


async def _failed(request: Request, error: Exception) -> Response:
    return Problem(500, "internal", "It went wrong", "the server's log has more").response()
