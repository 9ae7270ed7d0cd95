"""Against server-side request forgery; the vendor's Retry-After."""

from datetime import UTC, datetime

import pytest

from stream_app.connectors.contract import Again, Fault
from stream_app.connectors.guard import ForbiddenAddressError, GuardedResolver, is_public
from stream_app.connectors.web import Web, retry_after

PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "64:ff9b::a00:1",
    "2001:0:7f00:1::",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_networks_that_are_not_public_are_refused(address: str) -> None:
    """Loopback, private, link-local (the clouds' metadata), shared, multicast; in IPv6's clothes too."""
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_public_ones_are_not(address: str) -> None:
    """Anybody's."""
    assert is_public(address)


async def test_what_was_checked_is_what_is_connected_to() -> None:
    """The resolver hands out the very addresses that it checked; one bad among them refuses the host."""

    async def public(host: str, port: int) -> list[str]:
        return ["93.184.215.14", "2606:2800:21f::1"]

    async def rebound(host: str, port: int) -> list[str]:
        return ["93.184.215.14", "127.0.0.1"]

    found = await GuardedResolver(False, public).resolve("a.example", 443)
    assert [one["host"] for one in found] == ["93.184.215.14", "2606:2800:21f::1"]
    with pytest.raises(ForbiddenAddressError, match="a.example is 127.0.0.1, which is not public"):
        await GuardedResolver(False, rebound).resolve("a.example", 443)
    assert len(await GuardedResolver(True, rebound).resolve("a.example", 443)) == 2


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "2130706433", "0x7f.1"])
async def test_this_machine_is_not_reached_whatever_it_is_called(host: str) -> None:
    """By a name, an address, or the odd forms that resolvers take."""
    client = Web(5, 1, allow_private=False, allow_http=True)
    await client.open()
    try:
        found = await client.request("POST", f"http://{host}:9/hook", {})
    finally:
        await client.close()
    assert isinstance(found, Again) and found.fault is Fault.endpoint
    assert "not public" in found.reason or "not a canonical IPv4 address" in found.reason


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("99999999999", 86_400.0),
        ("Sun, 01 Mar 2026 10:01:00 GMT", 60.0),
        ("Sun, 01 Mar 2026 09:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    """RFC 9110: seconds or a date; bounded by a day."""
    assert retry_after(text, datetime(2026, 3, 1, 10, tzinfo=UTC)) == seconds
