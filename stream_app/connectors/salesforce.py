"""Salesforce: Leads created or updated by an external id field, up to 200 a request.

Pages (looked up in November 2026; never run against Salesforce):
- https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections_upsert.htm:
  PATCH .../composite/sobjects/Lead/FIELD, results in the order of the records, each with `success` and `errors`.
- https://developer.salesforce.com/docs/platform/api-rest/guide/errorcodes.md: 401 INVALID_SESSION_ID is an expired token, 403
  REQUEST_LIMIT_EXCEEDED the day's limit, 503 a busy server.
- https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/headers_api_usage.htm: `Sforce-Limit-Info:
  api-usage=used/limit`; near the limit sending pauses, so that others' integrations go on working.
- .../dome_delete_record.htm by external id: DELETE .../sobjects/Lead/FIELD/VALUE; 404 is gone already.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import orjson

from stream_app.connectors.contract import (
    Again,
    Change,
    Delivered,
    Fault,
    Item,
    Kind,
    Outcome,
    Permit,
    Refused,
    Skip,
    Split,
)
from stream_app.connectors.fields import apply
from stream_app.connectors.salesforce_login import Login, Token, private_key
from stream_app.connectors.salesforce_settings import SalesforceSettings
from stream_app.connectors.sources import EmailOf, value_of
from stream_app.connectors.web import Reply, Web

_USAGE = re.compile(r"api-usage=(\d{1,12})/(\d{1,12})")
_PASSING = frozenset(
    (
        "UNABLE_TO_LOCK_ROW",
        "SERVER_UNAVAILABLE",
        "REQUEST_RUNNING_TOO_LONG",
        "QUERY_TIMEOUT",
        "TXN_SECURITY_METERING_ERROR",
    )
)
"""Errors of one record that pass."""
_LIMIT = "REQUEST_LIMIT_EXCEEDED"
_PAUSE = 900.0
"""Seconds between looks at a day's limit that is used up."""


class Salesforce:
    """See the module."""

    absolute = True

    def __init__(self, settings: SalesforceSettings, web: Web, seconds: Callable[[], int], email_of: EmailOf) -> None:
        self._settings = settings
        self._web = web
        self._email_of = email_of
        self._login = Login(settings, web, seconds)
        self.usage: tuple[int, int] | None = None
        """Requests of the day: used, and allowed."""

    async def start(self) -> Again | None:
        """Read the key, and log on."""
        if self._settings.username is not None:
            private_key(self._settings.secret.value)
        await self._web.open()
        token = await self._login.token()
        return token if isinstance(token, Again) else None

    async def stop(self) -> None:
        """Let go of connections."""
        await self._web.close()

    def item(self, change: Change) -> Item | Skip | Refused:
        """The record's fields; a lead without the external id is nobody Salesforce could know."""
        if change.subject != "lead":
            return Skip("account")
        identity = value_of(change, self._settings.id_source, self._email_of)
        if identity is None:
            return Skip(f"no {self._settings.id_source}")
        fields = self._settings.fields
        if change.kind is Kind.erased:
            if self._settings.erased != "anonymise":
                return Item(change, str(identity), None) if self._settings.erased == "delete" else Skip("erased")
            fields = self._settings.anonymise
        found = apply(fields, change, self._email_of)
        if isinstance(found, Refused):
            return found
        return Item(change, str(identity), found) if found else Skip("no field")

    def shown(self, item: Item) -> Any:
        """The record of the collection."""
        if item.body is None:
            return {"DELETE": self._record_path(item)}
        return {"PATCH": self._collection_path(), "record": self._record(item)}

    def _record(self, item: Item) -> dict[str, Any]:
        return {"attributes": {"type": self._settings.sobject}, **item.body, self._settings.id_field: item.target}

    def _collection_path(self) -> str:
        path = f"/services/data/v{self._settings.version}/composite/sobjects"
        return f"{path}/{self._settings.sobject}/{self._settings.id_field}"

    def _record_path(self, item: Item) -> str:
        path = f"/services/data/v{self._settings.version}/sobjects/{self._settings.sobject}"
        return f"{path}/{self._settings.id_field}/{quote(item.target, safe='')}"

    async def send(self, items: Sequence[Item], permit: Permit) -> Sequence[Outcome]:
        """One upsert of the collection; a deletion is a request of its own."""
        if items[0].body is None:
            outcomes: list[Outcome] = []
            for number, item in enumerate(items):
                if number:
                    await permit()
                reply = await self._call("DELETE", self._record_path(item), None, permit)
                gone = isinstance(reply, Reply) and reply.status in (200, 204, 404)
                outcomes.append(Delivered() if gone else _whole(reply))
            return outcomes
        body = orjson.dumps({"allOrNone": False, "records": [self._record(item) for item in items]})
        reply = await self._call("PATCH", self._collection_path(), body, permit)
        if isinstance(reply, Again) or reply.status != 200:
            return [_whole(reply)] * len(items)
        answer = reply.json()
        if not isinstance(answer, list) or len(answer) != len(items):
            return [Split("the answer does not fit the request")] * len(items)
        return [_one(result) for result in answer]

    async def _call(self, method: str, path: str, body: bytes | None, permit: Permit) -> Reply | Again:
        """A request with a token; with a new one where the old one has expired."""
        for attempt in (1, 2):
            token = await self._login.token()
            if isinstance(token, Again):
                return token
            reply = await self._request(method, path, body, token)
            if isinstance(reply, Again) or reply.status != 401:
                return self._checked(reply)
            self._login.expired(token)
            if attempt == 1:
                await permit()
        return reply

    async def _request(self, method: str, path: str, body: bytes | None, token: Token) -> Reply | Again:
        headers = {"Authorization": f"Bearer {token.value}", "Content-Type": "application/json"}
        return await self._web.request(method, f"{token.instance}{path}", headers, body)

    def _checked(self, reply: Reply | Again) -> Reply | Again:
        if isinstance(reply, Reply) and (usage := usage_of(reply)) is not None:
            self.usage = usage
        return reply

    def pause(self) -> float:
        """Seconds to leave the rest of the day's requests to others."""
        if self.usage is None:
            return 0.0
        used, allowed = self.usage
        return _PAUSE if used >= allowed * (1 - self._settings.reserve) else 0.0


def usage_of(reply: Reply) -> tuple[int, int] | None:
    """What `Sforce-Limit-Info` says."""
    match = _USAGE.search(reply.headers.get("sforce-limit-info", ""))
    return (int(match[1]), int(match[2])) if match is not None else None


def _whole(reply: Reply | Again) -> Outcome:
    """An answer to the request as a whole."""
    if isinstance(reply, Again):
        return reply
    codes = _codes(reply.json())
    if _LIMIT in codes:
        return Again(f"the day's requests are used up ({_LIMIT})", Fault.throttle, _PAUSE)
    if reply.status == 429:
        return reply.again(Fault.throttle)
    if reply.status >= 500 or reply.status in (401, 403, 408) or codes & _PASSING:
        return reply.again(Fault.endpoint)
    return Split(reply.words())


def _one(result: Any) -> Outcome:
    """An UpsertResult."""
    if isinstance(result, dict) and result.get("success") is True:
        return Delivered()
    errors = result.get("errors") if isinstance(result, dict) else None
    codes = _codes(errors)
    said = "; ".join(str(one.get("message") or "")[:200] for one in errors or [] if isinstance(one, dict))
    reason = f"{', '.join(sorted(codes)) or 'refused'}: {said}"
    if _LIMIT in codes:
        return Again(reason, Fault.throttle, _PAUSE)
    return Again(reason, Fault.record) if codes & _PASSING else Refused(reason)


def _codes(errors: Any) -> set[str]:
    if not isinstance(errors, list):
        return set()
    return {str(one.get("statusCode") or one.get("errorCode")) for one in errors if isinstance(one, dict)}
