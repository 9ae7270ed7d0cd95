"""The settings of Salesforce."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from stream_app.connectors.fields import Field, read_fields
from stream_app.connectors.pace import Rate
from stream_app.connectors.secrets import Secret
from stream_app.connectors.settings import Frame, Limits, read_url
from stream_app.connectors.sources import SIMPLE
from stream_app.engine.model.cursor import Cursor

LIMITS: Final = Limits(200, 2, Rate(20, 1, 20), timeout=60.0, fixed=False)
"""200 records a request. Salesforce limits requests a day and long ones at a time, not requests a second; each call of a
collection counts once."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
_WHAT = "a field's API name, such as Lead_Score__c"


@dataclass(frozen=True, slots=True)
class SalesforceSettings:
    """With `username` it logs on by JWT, signed with the key `secret`; without, by client credentials. `reserve` is the
    part of the day's requests that is left to others."""

    login_url: str
    client_id: Secret
    secret: Secret
    username: str | None
    version: str
    sobject: str
    id_field: str
    id_source: str
    fields: tuple[Field, ...]
    erased: Literal["delete", "anonymise", "ignore"]
    anonymise: tuple[Field, ...]
    reserve: float
    allow_private: bool
    allow_http: bool


def read(at: Cursor, frame: Frame) -> SalesforceSettings:
    """The `salesforce` of a configuration."""
    at.keys(
        ("login_url", "client_id", "client_secret", "private_key", "username", "version", "object", "id", "erased")
        + ("anonymise", "reserve", "allow_private", "allow_http"),
        "a mapping with login_url, client_id, id",
    )
    private, http = frame.boolean(at, "allow_private"), frame.boolean(at, "allow_http")
    username, erased, anonymise, reserve = (at.get(name) for name in ("username", "erased", "anonymise", "reserve"))
    client, identity = at.need("client_id", "${NAME} or secret_file"), at.need("id", "a mapping with field and from")
    secret = at.need("private_key" if username is not None else "client_secret", "${NAME} or secret_file")
    ends: tuple[Literal["delete", "anonymise", "ignore"], ...] = ("delete", "anonymise", "ignore")
    end = erased.choice(ends, "what an erasure does") if erased is not None else "delete"
    if end == "anonymise" and anonymise is None:
        at.problem('erased: anonymise needs "anonymise": fields with constants')
    if frame.fields_at is None:
        at.problem('"fields" is missing: name the fields to set')
    id_field, id_source = _identity(identity) if identity is not None else ("", "lead")
    return SalesforceSettings(
        read_url(at, "login_url", "https://login.salesforce.com", http, private),
        frame.vault.read(client) if client is not None else Secret("", "nothing"),
        frame.vault.read(secret) if secret is not None else Secret("", "nothing"),
        username.text("a user's name") if username is not None else None,
        frame.text(at, "version", "64.0", re.compile(r"\d{2,3}\.0")),
        frame.text(at, "object", "Lead", _NAME),
        id_field,
        id_source,
        frame.fields(_NAME, _WHAT),
        end,
        read_fields(anonymise, frame.names, _NAME, _WHAT) if anonymise is not None else (),
        reserve.number("a part of 1", 0, 1) if reserve is not None else 0.05,
        private,
        http,
    )


def _identity(at: Cursor) -> tuple[str, str]:
    at.keys(("field", "from"), "a mapping with field and from")
    name, source = at.need("field", "an external id field"), at.need("from", "a source")
    field_name = name.text("an external id field") if name is not None else ""
    if name is not None and field_name and _NAME.fullmatch(field_name) is None:
        name.expected(_WHAT)
    return field_name, source.known(tuple(SIMPLE), "a source") if source is not None else "lead"
