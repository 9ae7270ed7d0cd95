"""A Salesforce access token: by client credentials, or by a JWT signed with a private key.

https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_client_credentials_flow.htm and
...?id=xcloud.remoteaccess_oauth_jwt_flow.htm. Neither answer says how long a token lasts: it is used until it is refused.
"""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from stream_app.connectors.contract import Again, Fault
from stream_app.connectors.salesforce_settings import SalesforceSettings
from stream_app.connectors.web import Web
from stream_app.errors import KnownError

_JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_JWT_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and the host that takes it."""

    value: str = field(repr=False)
    instance: str


class Login:
    """Logs on, and again when `token` is asked for after `expired`."""

    def __init__(self, settings: SalesforceSettings, web: Web, seconds: Callable[[], int]) -> None:
        self._settings = settings
        self._web = web
        self._seconds = seconds
        self._token: Token | None = None
        self._one = asyncio.Lock()

    def expired(self, token: Token) -> None:
        """A token was refused; one that came after it is kept."""
        if self._token is token:
            self._token = None

    async def token(self) -> Token | Again:
        """A token. Refused credentials are the endpoint's fault: an operator mends them, and no record is parked."""
        async with self._one:
            return self._token if self._token is not None else await self._log_on()

    async def _log_on(self) -> Token | Again:
        url = f"{self._settings.login_url}/services/oauth2/token"
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        reply = await self._web.request("POST", url, headers, urlencode(self._grant()).encode())
        if isinstance(reply, Again):
            return reply
        answer = reply.json()
        if reply.status != 200 or not isinstance(answer, dict):
            error = answer.get("error") if isinstance(answer, dict) else None
            return Again(f"Salesforce refuses to log on: HTTP {reply.status} {error or ''}".strip(), Fault.endpoint)
        instance = str(answer.get("instance_url") or "").rstrip("/")
        if (problem := self._web.url_problem(instance)) is not None:
            return Again(f"Salesforce names no usable instance: {problem}", Fault.endpoint)
        self._token = Token(str(answer.get("access_token")), instance)
        return self._token

    def _grant(self) -> dict[str, str]:
        if self._settings.username is None:
            return {
                "grant_type": "client_credentials",
                "client_id": self._settings.client_id.value,
                "client_secret": self._settings.secret.value,
            }
        return {"grant_type": _JWT_GRANT, "assertion": self._assertion(self._settings.username)}

    def _assertion(self, username: str) -> str:
        claims = {
            "iss": self._settings.client_id.value,
            "sub": username,
            "aud": self._settings.login_url,
            "exp": self._seconds() + _JWT_SECONDS,
        }
        signed = f"{_encoded({'alg': 'RS256', 'typ': 'JWT'})}.{_encoded(claims)}".encode()
        signature = private_key(self._settings.secret.value).sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return f"{signed.decode()}.{_base64(signature)}"


def private_key(text: str) -> rsa.RSAPrivateKey:
    """An RSA key in PEM. Raises `KnownError`, without the key."""
    try:
        key = serialization.load_pem_private_key(text.encode(), password=None)
    except (ValueError, TypeError):
        raise KnownError("salesforce.private_key: not a private key in PEM without a password") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise KnownError("salesforce.private_key: not an RSA key")
    return key


def _encoded(part: object) -> str:
    return _base64(orjson.dumps(part))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
