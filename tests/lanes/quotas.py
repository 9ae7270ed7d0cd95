"""A slow broker: producers are held back by Kafka's own client quotas (AlterClientQuotas, key 49, version 0)."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_KEY, _VERSION = 49, 0
_QUOTA = "producer_byte_rate"


@asynccontextmanager
async def slow_producers(broker: str, bytes_per_second: float) -> AsyncIterator[None]:
    """Hold every producer of the broker to a rate while inside."""
    await _alter(broker, bytes_per_second)
    try:
        yield
    finally:
        await _alter(broker, None)


async def _alter(broker: str, rate: float | None) -> None:
    """Set, or with None remove, the default client's quota."""
    entity = struct.pack(">i", 1) + _string("client-id") + struct.pack(">h", -1)
    change = struct.pack(">i", 1) + _string(_QUOTA) + struct.pack(">d?", rate or 0.0, rate is None)
    body = struct.pack(">i", 1) + entity + change + struct.pack(">?", False)
    request = struct.pack(">hhi", _KEY, _VERSION, 1) + _string("quotas") + body
    host, port = broker.rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", await asyncio.wait_for(reader.readexactly(4), 10))
        answer = await asyncio.wait_for(reader.readexactly(size), 10)
    finally:
        writer.close()
        await writer.wait_closed()
    _correlation, _throttled, entries, error = struct.unpack_from(">iiih", answer)
    assert (entries, error) == (1, 0), answer


def _string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()
