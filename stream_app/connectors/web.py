"""HTTP to a vendor: one request, one bounded reply; what goes wrong on the way becomes an outcome.

No redirects, no proxies of the environment, no cookies; a time-out over all; answers are read up to a bound.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson
from yarl import URL

from stream_app.connectors.contract import Again, Fault
from stream_app.connectors.guard import ForbiddenAddressError, GuardedResolver, is_public, literal

_MOST_BYTES = 8 << 20
_LONGEST_WAIT = 24 * 3600.0
_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: headers by their names in lower case, the body cut off at a bound."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON; None where it is none."""
        try:
            return orjson.loads(self.body)
        except ValueError:
            return None

    def again(self, fault: Fault) -> Again:
        """This reply as a reason to send again."""
        return Again(self.words(), fault, retry_after(self.headers.get("retry-after"), datetime.now(UTC)))

    def words(self) -> str:
        """The status and the beginning of the body, on one line."""
        text = " ".join(self.body[:_SHOWN].decode(errors="replace").split())
        return f"HTTP {self.status}: {text}" if text else f"HTTP {self.status}"


class Web:
    """A client. `open` it in the event loop that uses it."""

    def __init__(self, timeout: float, parallel: int, allow_private: bool, allow_http: bool = False) -> None:
        self._timeout, self._parallel = timeout, parallel
        self._allow_private, self._allow_http = allow_private, allow_http
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make ready; a second time does nothing."""
        if self._session is not None:
            return
        connector = aiohttp.TCPConnector(
            limit=self._parallel, resolver=GuardedResolver(self._allow_private), use_dns_cache=False
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=self._timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers={"User-Agent": "stream-app"},
        )

    async def close(self) -> None:
        """Let go of connections."""
        if self._session is not None:
            await self._session.close()

    def url_problem(self, text: str) -> str | None:
        """Why a URL must not be used; None if it may. A name's addresses are checked later, on connecting."""
        try:
            url = URL(text)
        except ValueError:
            return "it is no URL"
        if url.scheme not in ("https", "http") or not url.host:
            return "expected https://HOST/..."
        if url.scheme == "http" and not self._allow_http:
            return "expected https; allow_http would permit it"
        if url.user is not None or url.password is not None:
            return "a user or password does not belong into a URL"
        address = literal(url.host)
        if address is not None and not self._allow_private and not is_public(address):
            return f"{address} is not public: allow_private would permit it"
        return None

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> "Reply | Again":
        """Send one request. A failure on the way is `Again`, the endpoint's fault."""
        assert self._session is not None, "open() comes first"
        if (problem := self.url_problem(url)) is not None:
            return Again(problem, Fault.endpoint)
        try:
            async with self._session.request(
                method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
            ) as response:
                content = bytearray()
                async for chunk in response.content.iter_any():
                    content += chunk
                    if len(content) > _MOST_BYTES:
                        break
                return Reply(
                    response.status,
                    {name.lower(): value for name, value in response.headers.items()},
                    bytes(content[:_MOST_BYTES]),
                )
        except TimeoutError:
            return Again(f"no answer within {self._timeout:g} s", Fault.endpoint)
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            cause = error.__cause__ if isinstance(error.__cause__, ForbiddenAddressError) else error
            return Again(f"{type(cause).__name__}: {cause}"[:_SHOWN], Fault.endpoint)


def retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds of a `Retry-After` header (RFC 9110, 10.2.3), a number or a date, within a day; None where there is none."""
    if not text:
        return None
    text = text.strip()
    if text.isdigit():
        return min(float(text[:9]), _LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), _LONGEST_WAIT)
