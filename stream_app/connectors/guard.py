"""Against server-side request forgery: which addresses may be connected to. The check is at the moment of connecting.

The rule: the address that was checked is the one that is connected to. A name is resolved here, every address it has is
checked, and the connection is made to those; so no second answer of a name server gets between. Redirects are not
followed. An address of a network that is not public is refused unless the configuration says `allow_private`.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""A host and port to its addresses."""

_NAT64 = ip_network("64:ff9b::/96")
_SHARED = ip_network("100.64.0.0/10")


class ForbiddenAddressError(OSError):
    """A host that lies, in part at least, in a network that is not public."""

    def __init__(self, host: str, address: str) -> None:
        super().__init__(f"{host} is {address}, which is not public: allow_private would permit it")


def is_public(address: str) -> bool:
    """Whether an address is globally reachable; those that carry an IPv4 address are judged by it too."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv4Address):
        return found.is_global and not found.is_multicast and found not in _SHARED
    return found.is_global and not found.is_multicast and all(is_public(str(one)) for one in _carried(found))


def _carried(address: IPv6Address) -> list[IPv4Address]:
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _NAT64:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return [one for one in found if one is not None]


def literal(host: str) -> str | None:
    """The address that a URL's host is, if it is one: such a host is not resolved, so it is checked by itself."""
    try:
        return str(ip_address(host.strip("[]").partition("%")[0]))
    except ValueError:
        return None


async def resolve_by_system(host: str, port: int) -> list[str]:
    """What the system's resolver says."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class GuardedResolver(AbstractResolver):
    """aiohttp's resolver, which lets nothing through that is not public."""

    def __init__(self, allow_private: bool, resolve: Resolve = resolve_by_system) -> None:
        self._allow_private = allow_private
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Every address of a host. Raises `ForbiddenAddressError` if any of them must not be connected to."""
        addresses = await self._resolve(host, port)
        for address in addresses:
            if not self._allow_private and not is_public(address):
                raise ForbiddenAddressError(host, address)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing to close."""
