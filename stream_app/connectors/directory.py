"""Leads' e-mail addresses, for vendors that know people by them: a lead's key may be one, or one of its aliases.

The rule: aliases are read from the worker's changelog of leads, to its end at start and on from there before each batch of
changes. Only linked addresses are kept. A change that is read before its lead's address was linked has none: the lead's next
change has it.
"""

from aiokafka import AIOKafkaConsumer, TopicPartition

from stream_app.broker import client_options
from stream_app.connectors.sources import email_in_key
from stream_app.worker.entries import Alias, is_marker, marker_of

_EMAIL = b"email:"
_AT_ONCE = 20_000


class Addresses:
    """The addresses by lead, as the changelog tells them entry by entry. Pure."""

    def __init__(self) -> None:
        self._to: dict[str, str] = {}  # address -> lead
        self._of: dict[str, list[str]] = {}  # lead -> its addresses, the first linked first

    def apply(self, key: bytes, entry: bytes | None) -> None:
        """An entry of the changelog."""
        if not key.startswith(_EMAIL):
            return
        address = key.removeprefix(_EMAIL).decode()
        marker = marker_of(entry) if entry is not None and is_marker(entry) else None
        lead = marker.to if isinstance(marker, Alias) else None
        before = self._to.get(address)
        if before == lead:
            return
        if before is not None:
            del self._to[address]
            self._of[before].remove(address)
            if not self._of[before]:
                del self._of[before]
        if lead is not None:
            self._to[address] = lead
            self._of.setdefault(lead, []).append(address)

    def email_of(self, key: str) -> str | None:
        """A lead's address: its key, or the alias that was linked first."""
        found = self._of.get(key)
        return email_in_key(key) or (found[0] if found else None)


class Directory:
    """See the module. `open`, then `poll` again and again."""

    def __init__(self, broker: str, changelog: str, partitions: int) -> None:
        self.addresses = Addresses()
        self._places = [TopicPartition(changelog, number) for number in range(partitions)]
        self._consumer = AIOKafkaConsumer(
            **client_options(broker),
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=8 << 20,
        )

    async def open(self) -> None:
        """Read all that is there."""
        await self._consumer.start()
        self._consumer.assign(self._places)
        await self._consumer.seek_to_beginning(*self._places)
        ends = await self._consumer.end_offsets(self._places)
        while [place for place in self._places if await self._consumer.position(place) < ends[place]]:
            await self._read(200)

    async def poll(self) -> None:
        """Read what is new, without waiting for it."""
        while await self._read(0) == _AT_ONCE:
            pass

    async def _read(self, timeout_ms: int) -> int:
        found = await self._consumer.getmany(*self._places, timeout_ms=timeout_ms, max_records=_AT_ONCE)
        for records in found.values():
            for record in records:
                self.addresses.apply(record.key or b"", record.value)
        return sum(map(len, found.values()))

    async def close(self) -> None:
        """Let go of the connection."""
        await self._consumer.stop()
