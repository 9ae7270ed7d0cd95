"""A receiver of Standard Webhooks, which verifies every request with the PyPI package `standardwebhooks`."""

import json
from collections import Counter
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook, WebhookVerificationError

from tests.vendors.stand_in import StandIn

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


class Receiver(StandIn):
    """Takes what is signed with `secret`; refuses for good what is about the leads in `refused`.

    `deliveries` holds each accepted request's id and payload, in order, duplicates included.
    """

    def __init__(self, secret: str = SECRET) -> None:
        super().__init__()
        self._webhook = Webhook(secret)
        self.refused: set[str] = set()
        self.words = "no such person here"
        self.status = 204
        self.unverified = 0
        self.deliveries: list[tuple[str, Any]] = []
        self._app.router.add_post("/hook", self._take)

    @property
    def hook(self) -> str:
        """Where to send."""
        return f"{self.url}/hook"

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            self._webhook.verify(body, dict(request.headers))
        except WebhookVerificationError:
            self.unverified += 1
            return web.Response(status=401)
        if self.status >= 300:
            return web.Response(status=self.status, headers={"Location": "/hook"})
        payload = json.loads(body)
        if payload["data"].get("lead") in self.refused:
            return web.Response(status=400, text=self.words)
        self.deliveries.append((request.headers["webhook-id"], payload))
        return web.Response(status=self.status)

    def times(self) -> Counter[str]:
        """How often each id came."""
        return Counter(identity for identity, _ in self.deliveries)

    def effects(self) -> dict[str, list[int]]:
        """The `seq` of each lead's transitions in the order they came, ids that came before left out."""
        seen: set[str] = set()
        found: dict[str, list[int]] = {}
        for identity, payload in self.deliveries:
            if identity not in seen and "ladder" in payload["data"]:
                found.setdefault(payload["data"]["lead"], []).append(payload["data"]["seq"])
            seen.add(identity)
        return found
