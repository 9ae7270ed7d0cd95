"""A stand-in for HubSpot's dated CRM API: what its pages document of batch upserts, properties, GDPR deletion and limits.

https://developers.hubspot.com/docs/api-reference/2026-03/crm/objects/contacts/batch/upsert-contacts and the pages named in
`stream_app/connectors/hubspot.py`. Where the pages leave it open whether a bad input fails a batch or only itself,
`multi_status` chooses.
"""

import re
import time
from collections import deque
from typing import Any

from aiohttp import web

from tests.vendors.stand_in import StandIn

TOKEN = "pat-eu1-11111111-2222-3333-4444-555555555555"
STAGES = ["subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer"]
_BATCH = 100
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


class HubSpotStandIn(StandIn):
    """Holds contacts by e-mail address. `writes` are the accepted inputs, in order, duplicates included."""

    def __init__(self, multi_status: bool = True, requests: int = 190, per: float = 10.0) -> None:
        super().__init__()
        self.token = TOKEN
        self.multi_status = multi_status
        self._most, self._per = requests, per
        self._times: deque[float] = deque()
        self.limited = 0
        self.contacts: dict[str, dict[str, str]] = {}
        self.writes: list[tuple[str, str, dict[str, str]]] = []
        self.properties = {"email": "string", "lifecyclestage": "enumeration", "firstname": "string"}
        self.blocked: set[str] = set()
        router = self._app.router
        router.add_post("/crm/objects/2026-03/contacts/batch/upsert", self._upsert)
        router.add_post("/crm/objects/2026-03/contacts/gdpr-delete", self._delete)
        router.add_get("/crm/properties/2026-03/contacts/{name}", self._property)
        router.add_post("/crm/properties/2026-03/contacts", self._make)

    def _refused(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return _error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found")
        now = time.monotonic()
        while self._times and self._times[0] <= now - self._per:
            self._times.popleft()
        if len(self._times) >= self._most:
            self.limited += 1
            return _error(429, "RATE_LIMITS", "You have reached your ten_secondly_rolling limit.")
        self._times.append(now)
        return None

    async def _upsert(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        inputs = (await request.json())["inputs"]
        identities = [one["id"] for one in inputs]
        if len(inputs) > _BATCH or len(set(identities)) < len(identities):
            return _error(400, "VALIDATION_ERROR", "too many inputs, or one id twice")
        problems = {one["objectWriteTraceId"]: problem for one in inputs if (problem := self._problem(one))}
        if problems and not self.multi_status:
            return _error(400, "VALIDATION_ERROR", next(iter(problems.values())))
        for one in inputs:
            if one["objectWriteTraceId"] not in problems:
                self._write(one)
        errors = [
            {"status": "error", "message": problem, "context": {"objectWriteTraceId": [trace]}}
            for trace, problem in problems.items()
        ]
        body = {"status": "COMPLETE", "results": [], "numErrors": len(errors), "errors": errors}
        return web.json_response(body, status=207 if errors else 200)

    def _problem(self, one: dict[str, Any]) -> str | None:
        if one["idProperty"] != "email" or _EMAIL.fullmatch(one["id"]) is None or one["id"] in self.blocked:
            return f"Email address {one['id']} is invalid"
        for name, value in one["properties"].items():
            kind = self.properties.get(name)
            if kind is None:
                return f'Property "{name}" does not exist'
            if not isinstance(value, str):
                return f'Property "{name}" is not a string'
            if kind == "number" and re.fullmatch(r"-?\d+(\.\d+)?", value) is None:
                return f'Property "{name}": {value} was not a valid number'
            if name == "lifecyclestage" and value not in ["", *STAGES]:
                return f"{value} was not one of the allowed options"
        return None

    def _write(self, one: dict[str, Any]) -> None:
        self.writes.append((one["id"], one["objectWriteTraceId"], one["properties"]))
        contact = self.contacts.setdefault(one["id"], {"email": one["id"]})
        for name, value in one["properties"].items():
            before = contact.get("lifecyclestage", "")
            backwards = name == "lifecyclestage" and before and value and STAGES.index(value) < STAGES.index(before)
            if not backwards:  # silently, as HubSpot does
                contact[name] = value

    async def _delete(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        body = await request.json()
        if self.contacts.pop(body["objectId"], None) is None:
            self.blocked.add(body["objectId"])
        return web.Response(status=204)

    async def _property(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        name = request.match_info["name"]
        if name not in self.properties:
            return _error(404, "OBJECT_NOT_FOUND", "Property does not exist")
        return web.json_response({"name": name, "type": self.properties[name]})

    async def _make(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        body = await request.json()
        if not {"name", "label", "groupName", "type", "fieldType"} <= set(body):
            return _error(400, "VALIDATION_ERROR", "a field is missing")
        if body["name"] in self.properties:
            return _error(409, "OBJECT_ALREADY_EXISTS", "Property already exists")
        self.properties[body["name"]] = body["type"]
        return web.json_response(body, status=201)


def _error(status: int, category: str, message: str) -> web.Response:
    return web.json_response({"status": "error", "category": category, "message": message}, status=status)
