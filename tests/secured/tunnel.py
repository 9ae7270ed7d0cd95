"""TLS in front of a server that has none: the Valkey of the tests is built without it."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

from tests.secured.authority import LOOPBACK, Authority


@asynccontextmanager
async def tunnel(authority: Authority, url: str) -> AsyncIterator[int]:
    """A port where a server's bytes go in and out over TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("valkey"))
    to = urlsplit(url)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(to.hostname, to.port)
        with suppress(asyncio.CancelledError):  # the test is over; the streams would log it
            await asyncio.gather(_pump(reader, back), _pump(there, writer))

    server = await asyncio.start_server(serve, LOOPBACK, 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
