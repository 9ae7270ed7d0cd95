"""A stand-in for Salesforce: OAuth tokens that expire, collections of Leads, the day's limit.

https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections_upsert.htm
and the pages named in `stream_app/connectors/salesforce.py`.
"""

import base64
import json
import time
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.vendors.stand_in import StandIn

CLIENT, SECRET, USER = "3MVG9-client", "client-secret-1", "scoring@acme.example"
_BATCH = 200
_FIELDS = {"LeadKey__c", "LastName", "Company", "Lead_Score__c", "Stage__c", "Email"}


class SalesforceStandIn(StandIn):
    """Holds Leads by `LeadKey__c`. A token is good for `uses` requests. `writes` are the accepted records, in order."""

    def __init__(self, uses: int = 1_000, allowed: int = 100_000) -> None:
        super().__init__()
        self.uses, self.allowed, self.used = uses, allowed, 0
        self.public_key: rsa.RSAPublicKey | None = None
        self.logins = 0
        self._left = 0
        self.leads: dict[str, dict[str, Any]] = {}
        self.writes: list[tuple[str, dict[str, Any]]] = []
        self.locked: dict[str, int] = {}
        self.refused: set[str] = set()
        router = self._app.router
        router.add_post("/services/oauth2/token", self._token)
        router.add_patch("/services/data/v64.0/composite/sobjects/Lead/LeadKey__c", self._upsert)
        router.add_delete("/services/data/v64.0/sobjects/Lead/LeadKey__c/{key}", self._delete)

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: values[0] for name, values in parse_qs((await request.read()).decode()).items()}
        if not self._may_log_on(form):
            return web.json_response({"error": "invalid_client", "error_description": "invalid"}, status=400)
        self.logins += 1
        self._left = self.uses
        return web.json_response(
            {"access_token": f"token-{self.logins}", "instance_url": self.url, "token_type": "Bearer"}
        )

    def _may_log_on(self, form: dict[str, str]) -> bool:
        if form.get("grant_type") == "client_credentials":
            return (form.get("client_id"), form.get("client_secret")) == (CLIENT, SECRET)
        if form.get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" or self.public_key is None:
            return False
        head, claims, signature = form["assertion"].split(".")
        try:
            self.public_key.verify(_raw(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        told = json.loads(_raw(claims))
        fresh = time.time() < told["exp"] <= time.time() + 300
        return fresh and (told["iss"], told["sub"], told["aud"]) == (CLIENT, USER, self.url)

    def _refused(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") != f"Bearer token-{self.logins}" or self._left <= 0:
            return _errors(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if self.used >= self.allowed:
            return _errors(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self._left -= 1
        self.used += 1
        return None

    def _limits(self) -> dict[str, str]:
        return {"Sforce-Limit-Info": f"api-usage={self.used}/{self.allowed}"}

    async def _upsert(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        body = await request.json()
        records = body["records"]
        if len(records) > _BATCH or body["allOrNone"] is not False:
            return _errors(400, "EXCEEDED_MAX_SIZE_REQUEST", "record limit reached")
        for record in records:
            if unknown := set(record) - _FIELDS - {"attributes"}:
                return _errors(400, "INVALID_FIELD", f"No such column '{unknown.pop()}' on sobject of type Lead")
        return web.json_response([self._write(record) for record in records], headers=self._limits())

    def _write(self, record: dict[str, Any]) -> dict[str, Any]:
        key = record["LeadKey__c"]
        if record["attributes"] != {"type": "Lead"}:
            return _result("INVALID_TYPE", "not a Lead")
        if self.locked.get(key, 0) > 0:
            self.locked[key] -= 1
            return _result("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
        if key in self.refused:
            return _result("FIELD_CUSTOM_VALIDATION_EXCEPTION", "a validation rule says no")
        if key not in self.leads and not {"LastName", "Company"} <= set(record):
            return _result("REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName, Company]")
        created = key not in self.leads
        values = {name: value for name, value in record.items() if name != "attributes"}
        self.leads.setdefault(key, {}).update(values)
        self.writes.append((key, values))
        return {"id": "00Q", "success": True, "errors": [], "created": created}

    async def _delete(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        gone = self.leads.pop(request.match_info["key"], None)
        return web.Response(status=404 if gone is None else 204, headers=self._limits())


def _result(code: str, message: str) -> dict[str, Any]:
    return {"success": False, "errors": [{"statusCode": code, "message": message, "fields": []}]}


def _errors(status: int, code: str, message: str) -> web.Response:
    return web.json_response([{"errorCode": code, "message": message}], status=status)


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
