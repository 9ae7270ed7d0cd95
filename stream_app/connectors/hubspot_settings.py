"""The settings of HubSpot."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from stream_app.connectors.fields import Field
from stream_app.connectors.pace import Rate
from stream_app.connectors.secrets import Secret
from stream_app.connectors.settings import Frame, Limits, read_url
from stream_app.connectors.sources import SIMPLE
from stream_app.engine.model.cursor import Cursor

LIMITS: Final = Limits(100, 4, Rate(190, 10, 19))
"""https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines: 190 requests in 10 s of a private app;
a batch holds 100."""

STAGES: Final = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
"""HubSpot's own lifecycle stages, in order; an account may have others, known by a number."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_STAGE = re.compile(r"[a-z]+|[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class HubSpotSettings:
    """`id_property` names the contact, its value is the source `id_source`. `backwards` tells what a move down does to
    `lifecyclestage`: cleared first and then set, or left as it is."""

    url: str
    token: Secret
    version: str
    id_property: str
    id_source: str
    fields: tuple[Field, ...]
    make_properties: bool
    group: str
    backwards: Literal["clear", "keep"]
    erased: Literal["delete", "ignore"]
    allow_private: bool
    allow_http: bool


def read(at: Cursor, frame: Frame) -> HubSpotSettings:
    """The `hubspot` of a configuration."""
    at.keys(
        (
            "token",
            "url",
            "version",
            "id",
            "make_properties",
            "group",
            "backwards",
            "erased",
            "allow_private",
            "allow_http",
        ),
        "a mapping with token",
    )
    private, http = frame.boolean(at, "allow_private"), frame.boolean(at, "allow_http")
    token = at.need("token", "${NAME} or secret_file")
    identity, backwards, erased = at.get("id"), at.get("backwards"), at.get("erased")
    id_property, id_source = _identity(identity) if identity is not None else ("email", "email")
    ways: tuple[Literal["clear", "keep"], ...] = ("clear", "keep")
    ends: tuple[Literal["delete", "ignore"], ...] = ("delete", "ignore")
    fields = frame.fields(_NAME, "a property's internal name: small letters, digits, underscores")
    if frame.fields_at is None:
        at.problem('"fields" is missing: name the properties to set')
    _check_stages(fields, frame)
    return HubSpotSettings(
        read_url(at, "url", "https://api.hubapi.com", http, private),
        frame.vault.read(token) if token is not None else Secret("", "nothing"),
        frame.text(at, "version", "2026-03", re.compile(r"\d{4}-\d{2}")),
        id_property,
        id_source,
        fields,
        frame.boolean(at, "make_properties", True),
        frame.text(at, "group", "contactinformation", _NAME),
        backwards.choice(ways, "what a move down does") if backwards is not None else "clear",
        erased.choice(ends, "what an erasure does") if erased is not None else "delete",
        private,
        http,
    )


def _identity(at: Cursor) -> tuple[str, str]:
    at.keys(("property", "from"), "a mapping with property and from")
    name, source = at.need("property", "a unique property's name"), at.need("from", "a source")
    return (
        name.text("a unique property's name") if name is not None else "email",
        source.known(tuple(SIMPLE), "a source") if source is not None else "email",
    )


def _check_stages(fields: tuple[Field, ...], frame: Frame) -> None:
    for one in fields:
        if one.name != "lifecyclestage" or frame.fields_at is None:
            continue
        values = [one.constant] if one.source is None else list((one.values or {}).values())
        for value in [*values, one.otherwise]:
            if value is not None and (
                _STAGE.fullmatch(str(value)) is None or str(value).isalpha() and value not in STAGES
            ):
                frame.fields_at.key_problem(
                    one.name, f"{value} is no lifecycle stage; HubSpot's are {', '.join(STAGES)}, or a number"
                )
