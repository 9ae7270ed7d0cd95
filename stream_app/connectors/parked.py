"""Parked records: what could not be sent, kept until an operator says what becomes of it. Pure.

The rules:
- A record is parked when the vendor refuses it, when the configuration has no value for it, or when its retries are used up.
- Its lead's later records go on (`after_parked: go_on`), or are parked behind it (`park`).
- A later record that was delivered makes it obsolete where the vendor's records are set, not appended to: it says so.
- An erasure removes what is parked of its lead.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec

from stream_app.connectors.changes import change_of_document
from stream_app.connectors.contract import Change, Place

DISABLED = b"disabled"
"""The key of the record that says that the vendor wants no more."""

_SHORT = 500


@dataclass(frozen=True, slots=True)
class Parked:
    """One parked record, under its change's id. `parked_at` is ms; `times` counts how often it was parked.

    `state` is `retry` once an operator asked for that. `obsolete_by` is the id of a later change that was delivered.
    """

    id: str
    key: str
    kind: str
    reason: str
    parked_at: int
    times: int
    topic: str
    partition: int
    offset: int
    document: Mapping[str, Any] = field(repr=False)
    state: Literal["parked", "retry"] = "parked"
    obsolete_by: str | None = None

    @property
    def place(self) -> Place:
        """Where it was read."""
        return Place(self.topic, self.partition, self.offset)

    def is_before(self, change: Change) -> bool:
        """Whether it was read before a change, of the same partition."""
        place = change.place
        return (self.topic, self.partition) == (place.topic, place.partition) and self.offset < place.offset

    def change(self) -> Change:
        """The change again."""
        return change_of_document(self.place, dict(self.document))


def key_of(change: Change) -> str:
    """Whose order a change keeps."""
    return f"{change.subject}|{change.key}"


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Parked).decode


class Index:
    """All that is parked, as the topic tells it record by record."""

    def __init__(self) -> None:
        self.disabled: str | None = None
        self._records: dict[str, Parked] = {}
        self._by_key: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[Parked]:
        """In the order of their places."""
        return iter(sorted(self._records.values(), key=lambda one: (one.topic, one.partition, one.offset)))

    def get(self, identity: str) -> Parked | None:
        """The record parked under an id."""
        return self._records.get(identity)

    def of(self, key: str) -> list[Parked]:
        """What is parked of a lead or account."""
        return [self._records[identity] for identity in sorted(self._by_key.get(key, ()))]

    def apply(self, key: bytes, value: bytes | None) -> Parked | None:
        """A record of the topic; what it parks or asks to be sent again. Raises `ValueError` for one that is not ours."""
        if key == DISABLED:
            self.disabled = None if value is None else str(msgspec.json.decode(value))
            return None
        identity = key.decode()
        known = self._records.pop(identity, None)
        if known is not None:
            left = self._by_key[known.key]
            left.discard(identity)
            if not left:
                del self._by_key[known.key]
        if value is None:
            return None
        record = _decode(value)
        self._records[identity] = record
        self._by_key.setdefault(record.key, set()).add(identity)
        return record

    def parking(self, change: Change, reason: str, now: int) -> tuple[bytes, bytes]:
        """The topic's record that parks a change."""
        known = self._records.get(change.id)
        times = known.times + 1 if known is not None else 1
        place = change.place
        reason = " ".join(reason.split())[:_SHORT]
        record = Parked(
            id=change.id,
            key=key_of(change),
            kind=change.kind.value,
            reason=reason,
            parked_at=now,
            times=times,
            topic=place.topic,
            partition=place.partition,
            offset=place.offset,
            document=change.document,
        )
        return change.id.encode(), _encode(record)


def asking_again(record: Parked) -> tuple[bytes, bytes]:
    """The topic's record that asks for a parked one to be sent."""
    return record.id.encode(), _encode(replace(record, state="retry"))


def made_obsolete(record: Parked, by: str) -> tuple[bytes, bytes]:
    """The topic's record that says that a later change was delivered."""
    return record.id.encode(), _encode(replace(record, obsolete_by=by))


def disabling(reason: str) -> tuple[bytes, bytes]:
    """The topic's record that says that the vendor wants no more."""
    return DISABLED, _encode(reason)
