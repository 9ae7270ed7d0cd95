"""HubSpot: contacts created or updated in batches, through the dated API that succeeds CRM v3.

Pages (looked up in November 2026; never run against HubSpot):
- https://developers.hubspot.com/docs/api-reference/2026-03/crm/objects/contacts/batch/upsert-contacts: up to 100 inputs of
  `id`, `idProperty`, `properties`, `objectWriteTraceId`; no input twice.
- https://developers.hubspot.com/docs/api-reference/latest/error-handling: 207 with `errors` that name the inputs'
  `objectWriteTraceId`; a 400 for the batch where it does not. Unknown properties are a validation error.
- https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide: `lifecyclestage` only moves forward; to
  move it back it is cleared first, in a request of its own.
- .../crm/objects/contacts/gdpr/gdpr-delete-contact: deletes for good; an address that is unknown is blocked for the future.
- .../crm/properties: a missing property is a 404 and can be made; one that is there is a 409.
- https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines: 190 requests in 10 s; 429 beyond.
"""

from collections.abc import Sequence
from typing import Any

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
from stream_app.connectors.fields import Field, apply
from stream_app.connectors.hubspot_settings import HubSpotSettings
from stream_app.connectors.sources import NAMED, EmailOf, Value, split_name, value_of
from stream_app.connectors.web import Reply, Web
from stream_app.errors import KnownError

STAGE = "lifecyclestage"
_NUMBERS = ("seq", "revision")
_DOWN = (401, 403, 408, 423)
"""What an operator must mend (a token, a scope) or what passes: no record's fault, so nothing is parked for it."""


class HubSpot:
    """See the module."""

    absolute = True

    def __init__(self, settings: HubSpotSettings, web: Web, email_of: EmailOf) -> None:
        self._settings = settings
        self._web = web
        self._email_of = email_of
        self._contacts = f"{settings.url}/crm/objects/{settings.version}/contacts"

    async def start(self) -> Again | None:
        """Check that the mapped properties are there; make those that are missing. Raises `KnownError` where it can't."""
        await self._web.open()
        for field in self._settings.fields:
            if (away := await self._have_property(field)) is not None:
                return away
        return None

    def pause(self) -> float:
        """HubSpot says 429 where it wants less."""
        return 0.0

    async def stop(self) -> None:
        """Let go of connections."""
        await self._web.close()

    # -- mapping --------------------------------------------------------------------------------------------------

    def item(self, change: Change) -> Item | Skip | Refused:
        """The contact's properties; a lead without the id is nobody HubSpot could know."""
        if change.subject != "lead":
            return Skip("account")
        identity = value_of(change, self._settings.id_source, self._email_of)
        if identity is None:
            return Skip(f"no {self._settings.id_source}")
        if change.kind is Kind.erased:
            return Item(change, str(identity), None) if self._settings.erased == "delete" else Skip("erased")
        properties = apply(self._settings.fields, change, self._email_of)
        if isinstance(properties, Refused):
            return properties
        if not properties:
            return Skip("no field")
        return Item(change, str(identity), {name: _text(value) for name, value in properties.items()})

    def shown(self, item: Item) -> Any:
        """The input of the batch."""
        if item.change.kind is Kind.erased:
            return {"POST": f"{self._contacts}/gdpr-delete", "body": self._erasure(item)}
        shown = {"POST": f"{self._contacts}/batch/upsert", "input": self._input(item, item.body)}
        return {**shown, "cleared_first": [STAGE]} if self._moves_back(item) else shown

    def _input(self, item: Item, properties: dict[str, str]) -> dict[str, Any]:
        return {
            "id": item.target,
            "idProperty": self._settings.id_property,
            "properties": properties,
            "objectWriteTraceId": item.change.id,
        }

    def _erasure(self, item: Item) -> dict[str, str]:
        return {"objectId": item.target, "idProperty": self._settings.id_property}

    def _moves_back(self, item: Item) -> bool:
        down = item.change.document.get("direction") == "down"
        return down and self._settings.backwards == "clear" and bool(item.body) and STAGE in item.body

    # -- sending --------------------------------------------------------------------------------------------------

    async def send(self, items: Sequence[Item], permit: Permit) -> Sequence[Outcome]:
        """One upsert; before it another that clears the stages which move back. An erasure is a request of its own."""
        if items[0].change.kind is Kind.erased:
            return await self._erase(items, permit)
        back = [item for item in items if self._moves_back(item)]
        if back:
            cleared = await self._upsert([self._input(item, {STAGE: ""}) for item in back])
            if any(not isinstance(outcome, Delivered) for outcome in cleared):
                return _merged(items, back, cleared)
            await permit()
        return await self._upsert([self._input(item, item.body) for item in items])

    async def _erase(self, items: Sequence[Item], permit: Permit) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for number, item in enumerate(items):
            if number:
                await permit()
            reply = await self._post(f"{self._contacts}/gdpr-delete", self._erasure(item))
            gone = isinstance(reply, Reply) and (reply.status < 300 or reply.status == 404)
            outcomes.append(Delivered() if gone else _whole(reply))
        return outcomes

    async def _upsert(self, inputs: list[dict[str, Any]]) -> list[Outcome]:
        reply = await self._post(f"{self._contacts}/batch/upsert", {"inputs": inputs})
        if isinstance(reply, Again) or reply.status not in (200, 201, 207):
            return [_whole(reply)] * len(inputs)
        refused = _errors(reply.json())
        if refused is None:
            return [Split(reply.words())] * len(inputs)
        return [
            Refused(refused[one["objectWriteTraceId"]]) if one["objectWriteTraceId"] in refused else Delivered()
            for one in inputs
        ]

    async def _post(self, url: str, body: object) -> Reply | Again:
        return await self._web.request("POST", url, self._headers(), orjson.dumps(body))

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._settings.token.value}", "Content-Type": "application/json"}

    async def _have_property(self, field: Field) -> Again | None:
        url = f"{self._settings.url}/crm/properties/{self._settings.version}/contacts"
        reply = await self._web.request("GET", f"{url}/{field.name}", self._headers())
        if isinstance(reply, Reply) and reply.status == 404:
            if not self._settings.make_properties:
                raise KnownError(f"HubSpot has no property {field.name}: make it, or say make_properties: true")
            reply = await self._post(url, _definition(field, self._settings.group))
        if isinstance(reply, Again):
            return reply
        if reply.status in (401, 403):
            raise KnownError(f"HubSpot refuses the token {self._settings.token}: {reply.words()}")
        if reply.status == 429 or reply.status >= 500:
            return reply.again(Fault.endpoint)
        if reply.status >= 300 and reply.status != 409:  # 409: another one was quicker
            raise KnownError(f"HubSpot won't have the property {field.name}: {reply.words()}")
        return None


def _definition(field: Field, group: str) -> dict[str, Any]:
    """A number where the source is one and is not translated, else a text."""
    source = field.source or ""
    named = split_name(source)
    number = field.values is None and (source in _NUMBERS or (named is not None and named[0].startswith("scores")))
    label = f"{field.name} (stream-app)"
    kind = {"type": "number", "fieldType": "number"} if number else {"type": "string", "fieldType": "text"}
    about = NAMED.get(named[0], "") if named is not None else ""
    return {
        "name": field.name,
        "label": label,
        "groupName": group,
        "description": f"{source}: {about}".strip(": "),
        **kind,
    }


def _text(value: Value) -> str:
    """HubSpot's properties are texts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _whole(reply: Reply | Again) -> Outcome:
    """An answer to the request as a whole."""
    if isinstance(reply, Again):
        return reply
    if reply.status == 429:
        return reply.again(Fault.throttle)
    if reply.status >= 500 or reply.status in _DOWN:
        return reply.again(Fault.endpoint)
    return Split(reply.words())


def _errors(answer: Any) -> dict[str, str] | None:
    """The refused inputs of a 207, by trace id; None where one can't be told apart."""
    found: dict[str, str] = {}
    errors = answer.get("errors") if isinstance(answer, dict) else None
    for error in errors if isinstance(errors, list) else []:
        context = error.get("context") if isinstance(error, dict) else None
        traces = context.get("objectWriteTraceId") if isinstance(context, dict) else None
        if not isinstance(traces, list) or not traces:
            return None
        for trace in traces:
            found[str(trace)] = str(error.get("message") or "refused")[:300]
    return found


def _merged(items: Sequence[Item], back: Sequence[Item], cleared: Sequence[Outcome]) -> list[Outcome]:
    """Clearing did not go through: what it was for has its outcome, the others wait for the next batch."""
    by_id = {item.change.id: outcome for item, outcome in zip(back, cleared, strict=True)}
    worst = next(outcome for outcome in cleared if not isinstance(outcome, Delivered))
    rest: Outcome = worst if isinstance(worst, Again) else Split("another record of the batch was refused")
    return [
        rest if isinstance(by_id.get(one.change.id, rest), Delivered) else by_id.get(one.change.id, rest)
        for one in items
    ]
