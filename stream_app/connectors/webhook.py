"""Standard Webhooks: a signed POST for each change.

https://www.standardwebhooks.com; the specification is
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md. `webhook-id` is the change's id,
the same at every attempt: receivers drop what they know. 2xx is success; 410 disables the endpoint; 429, 502 and 504 ask
for less; 3xx and all else is a failure, tried again by the schedule and parked at its end.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from stream_app.connectors.contract import (
    Again,
    Change,
    Delivered,
    Disabled,
    Fault,
    Item,
    Kind,
    Outcome,
    Permit,
    Refused,
    Skip,
)
from stream_app.connectors.fields import apply
from stream_app.connectors.sources import EmailOf
from stream_app.connectors.web import Reply, Web
from stream_app.connectors.webhook_settings import WebhookSettings

_TYPES = {Kind.transition: "transition", Kind.score: "score", Kind.erased: "erased"}
_THROTTLES = (429,)
_DOWN = range(500, 600)


def signature(keys: Sequence[bytes], identity: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one `v1` signature a key, the newest first."""
    content = b".".join((identity.encode(), str(timestamp).encode(), body))
    signed = (base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys)
    return " ".join(f"v1,{one}" for one in signed)


class Webhook:
    """See the module. `seconds` is the time of an attempt, since the epoch."""

    absolute = False

    def __init__(self, settings: WebhookSettings, web: Web, seconds: Callable[[], int], email_of: EmailOf) -> None:
        self._settings = settings
        self._web = web
        self._seconds = seconds
        self._email_of = email_of

    async def start(self) -> Again | None:
        """Nothing is asked of an endpoint beforehand."""
        await self._web.open()
        return None

    def pause(self) -> float:
        """An endpoint speaks by its answers alone."""
        return 0.0

    async def stop(self) -> None:
        """Let go of connections."""
        await self._web.close()

    def item(self, change: Change) -> Item | Skip | Refused:
        """`{"type": "lead.transition", "timestamp": ..., "data": ...}`: the whole document, or the mapped fields."""
        data: Any = change.document
        if self._settings.fields and change.kind is not Kind.erased:
            data = apply(self._settings.fields, change, self._email_of)
            if isinstance(data, Refused):
                return data
        payload = {
            "type": f"{change.subject}.{_TYPES[change.kind]}",
            "timestamp": change.document["at"],
            "data": data,
        }
        return Item(change, "", orjson.dumps(payload))

    def shown(self, item: Item) -> Any:
        """The request without its signature."""
        return {"POST": self._settings.url, "webhook-id": item.change.id, "body": orjson.loads(item.body)}

    async def send(self, items: Sequence[Item], permit: Permit) -> Sequence[Outcome]:
        """One request an item; a batch is one item."""
        outcomes = []
        for number, item in enumerate(items):
            if number:
                await permit()
            outcomes.append(await self._send(item))
        return outcomes

    async def _send(self, item: Item) -> Outcome:
        now = self._seconds()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": item.change.id,
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self._settings.keys, item.change.id, now, item.body),
        }
        reply = await self._web.request("POST", self._settings.url, headers, item.body)
        return reply if isinstance(reply, Again) else classify(reply)


def classify(reply: Reply) -> Outcome:
    """What an answer means. Raises `Disabled` for 410."""
    if 200 <= reply.status < 300:
        return Delivered()
    if reply.status == 410:
        raise Disabled("the endpoint answers 410 Gone: it wants no more of these; mend it, then say 'enable'")
    if reply.status in _THROTTLES:
        return reply.again(Fault.throttle)
    if reply.status in _DOWN or 300 <= reply.status < 400:
        return reply.again(Fault.endpoint)
    return reply.again(Fault.record)
