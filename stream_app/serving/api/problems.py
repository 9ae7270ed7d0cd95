"""What goes wrong, as the client is told: RFC 9457, one format for all errors."""

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

BASE = "https://stream-app.example/problems/"  # an identifier, no page (RFC 2606): docs/query-api.md lists them


class Problem(Exception):
    """An answer other than success. `kind` names it for programs, `detail` says it to people, without what they sent."""

    def __init__(
        self, status: int, kind: str, title: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(title)
        self.status, self.kind, self.title, self.detail = status, kind, title, detail
        self.headers = dict(headers or {})
        self.more = more

    def response(self) -> Response:
        """As HTTP."""
        document = {"type": BASE + self.kind, "title": self.title, "status": self.status, "detail": self.detail}
        headers = {"Cache-Control": "no-store", **self.headers}
        body = orjson.dumps({**document, **self.more})
        return Response(body, self.status, headers, media_type="application/problem+json")


def bad_parameter(name: str, detail: str) -> Problem:
    """A query parameter, header or part of the path that can't be."""
    return Problem(400, "bad-parameter", "A parameter is wrong", f"{name}: {detail}", parameter=name)


def not_found(what: str) -> Problem:
    """Nobody and nothing by this name."""
    return Problem(404, "not-found", "Not found", what)


def unavailable(detail: str, seconds: int = 2) -> Problem:
    """Try again later."""
    return Problem(503, "unavailable", "Not available now", detail, {"Retry-After": str(seconds)})
