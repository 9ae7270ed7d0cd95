"""The settings of a Standard Webhooks endpoint."""

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final

from stream_app.connectors.fields import Field
from stream_app.connectors.pace import Rate
from stream_app.connectors.retry import STANDARD_WEBHOOKS
from stream_app.connectors.settings import ANY_NAME, Frame, Limits, read_url
from stream_app.engine.model.cursor import Cursor

LIMITS: Final = Limits(1, 32, Rate(1000, 1, 100), timeout=20.0, retry=STANDARD_WEBHOOKS, fixed=False)
"""The specification recommends 15 to 30 s, and leaves rates to the endpoint."""

_PREFIX = "whsec_"
_MOST_SECRETS = 4


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where to, and the keys that sign: the new one first, then those that are still to be accepted."""

    url: str
    keys: tuple[bytes, ...] = field(repr=False)
    fields: tuple[Field, ...]
    allow_private: bool
    allow_http: bool


def read(at: Cursor, frame: Frame) -> WebhookSettings:
    """The `webhook` of a configuration."""
    at.keys(("url", "secrets", "allow_private", "allow_http"), "a mapping with url and secrets")
    private, http = frame.boolean(at, "allow_private"), frame.boolean(at, "allow_http")
    secrets = at.need("secrets", "a list of ${NAME} or secret_file")
    keys = [_key(one, frame) for one in secrets.items("a list of secrets", _MOST_SECRETS)] if secrets else []
    return WebhookSettings(
        read_url(at, "url", None, http, private),
        tuple(keys),
        frame.fields(ANY_NAME, "a name of at most 128 characters"),
        private,
        http,
    )


def _key(at: Cursor, frame: Frame) -> bytes:
    """The specification, "Signature scheme": base64 with the prefix whsec_, 24 to 64 bytes."""
    secret = frame.vault.read(at)
    if frame.vault.blind or not secret.value:
        return b""
    try:
        key = base64.b64decode(secret.value.removeprefix(_PREFIX) + "==", validate=False)
    except binascii.Error:
        key = b""
    if not 24 <= len(key) <= 64:
        at.problem(f"{secret}: expected 24 to 64 bytes in base64, as whsec_...")
    return key
