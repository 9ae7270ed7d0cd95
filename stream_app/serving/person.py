"""Which records of the event topics are about one person.

The rule: whoever is named is found, whatever partition or key a producer chose. An event is about a person who goes by
one of its keys; what can't be read as an event, where its record's key or its text names one of them. Most records are
passed over by a look for the person's ids among their bytes.
"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from stream_app.engine.activity import Activity
from stream_app.engine.identity import lead_keys
from stream_app.engine.times import format_time
from stream_app.ingest import Refusal, parse_event
from stream_app.streaming.processor import InputRecord
from stream_app.worker import messages

Match = Literal["identity", "key", "mention"]


class Person:
    """Someone known by `keys` (`user:...`, `email:...`, `anon:...`)."""

    def __init__(self, keys: Iterable[str]) -> None:
        self.keys = frozenset(keys)
        self._raw_keys = frozenset(key.encode() for key in self.keys)
        self._packed = [msgspec.msgpack.encode(key) for key in self.keys]  # as workers' messages have it
        ids = [key.partition(":")[2] for key in self.keys]
        self._needles = [name.lower().encode() for name in ids if _plain(name)]
        self._odd = len(self._needles) < len(ids)  # an id that JSON may write in several ways

    def may_mention(self, record: InputRecord) -> bool:
        """Whether a record could name the person; cheap, and never wrongly False."""
        if record.key in self._raw_keys:
            return True
        value = record.value
        if value is None:
            return False
        if self._odd or b"\\" in value or not value.isascii():
            return True
        lowered = value.lower()
        return any(needle in lowered for needle in self._needles)

    def event(self, record: InputRecord, channel: str | None) -> Activity | None:
        """The event in a record, if it is about the person; None too for what is no event."""
        if not self.may_mention(record):
            return None
        channel = messages.header(record.headers, messages.CHANNEL) or channel
        try:
            activity = parse_event(record.value, channel=channel, headers=record.headers)
        except Refusal:
            return None
        return activity if self.keys.intersection(lead_keys(activity)) else None

    def match(self, record: InputRecord, channel: str | None) -> Match | None:
        """How a record is about the person: by an event's identity, by its key, or by a mention in its text."""
        if not self.may_mention(record):
            return None
        if self.event(record, channel) is not None:
            return "identity"
        if record.key in self._raw_keys:
            return "key"
        return "mention" if self._mentioned(record.value or b"") else None

    def _mentioned(self, value: bytes) -> bool:
        """Whether a value has one of the ids as a whole JSON string, or one of the keys as a MessagePack one."""
        if any(packed in value for packed in self._packed):
            return True
        text = value.decode("utf-8", "replace")
        for key in self.keys:
            kind, _, name = key.partition(":")
            where = text.lower() if kind == "email" else text
            if f'"{name}"' in where or f'"{key}"' in where:
                return True
        return False


def _plain(name: str) -> bool:
    """Whether JSON writes an id in one way only, escapes apart."""
    return name.isascii() and '"' not in name and "\\" not in name


def told(activity: Activity) -> dict[str, Any]:
    """An event as formats.md has it."""
    fields = ("event_id", "channel", "type", "user_id", "email", "anonymous_id", "account_id")
    document = {name: getattr(activity, name) for name in fields}
    document["time"] = format_time(activity.time)
    return {
        **document,
        "properties": activity.properties,
        "facts": activity.facts,
        "account_facts": activity.account_facts,
    }
