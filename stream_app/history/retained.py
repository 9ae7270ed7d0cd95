"""The events that a running system's topics still hold, in bulk: committed ones only, from the beginning to the end as
it is now. What-if and tuning read them through this, and so does whatever recomputes scores.

The rule: order is the record's timestamp's, then the manifest's order of topics, then the partition's and the offset's:
what a lane's merge makes of records that are in order within their partitions.
"""

from collections.abc import AsyncIterator, Sequence
from typing import BinaryIO, NamedTuple

import msgspec

from stream_app.engine.activity import Activity
from stream_app.engine.times import format_time
from stream_app.history.past import Keys, Past
from stream_app.ingest import Refusal, parse_event
from stream_app.serving.reading import TopicReader
from stream_app.streaming.processor import InputRecord
from stream_app.topics import Topic

_encode = msgspec.json.Encoder().encode


class Retained(NamedTuple):
    """One record of an event topic: what it states, or why it states nothing."""

    topic: Topic
    record: InputRecord
    event: Activity | Refusal


async def retained_events(reader: TopicReader) -> AsyncIterator[Sequence[Retained]]:
    """All retained events, a batch of one partition at a time, in the order of its offsets."""
    topics = reader.manifest.events()
    for topic in topics:
        async for _, records in reader.scan(reader.partitions(topic.base), f"reading {topic.base}"):
            yield [Retained(topic, record, _event(record, topic)) for record in records]


def _event(record: InputRecord, topic: Topic) -> Activity | Refusal:
    try:
        return parse_event(record.value, channel=topic.channel, headers=record.headers)
    except Refusal as refusal:
        return refusal


async def past_of_topics(reader: TopicReader, spool: BinaryIO, path: str, now: int) -> Past:
    """The history in a system's event topics, written to the file `spool` (at `path`) an event a line.

    `now` is the present: what claims to be later counts for nothing.
    """
    past, offset = Past(path, now), 0
    async for batch in retained_events(reader):
        for one in batch:
            if isinstance(one.event, Refusal):
                past.unreadable += 1
                continue
            line = encoded(one.event)
            spool.write(line + b"\n")
            past.add(offset, len(line), keys_of(one.event), one.event.time, one.record.timestamp)
            offset += len(line) + 1
    spool.flush()
    return past


def keys_of(activity: Activity) -> Keys:
    """Whom an activity concerns."""
    return Keys("", activity.user_id, activity.email, activity.anonymous_id, activity.account_id)


def encoded(activity: Activity) -> bytes:
    """An activity as a native event, which `parse_event` reads back as it is."""
    event: dict[str, object] = {
        "event_id": activity.event_id,
        "type": activity.type,
        "time": format_time(activity.time),
    }
    for name in ("channel", "user_id", "email", "anonymous_id", "account_id"):
        value = getattr(activity, name)
        if value is not None:
            event[name] = value
    for name in ("properties", "facts", "account_facts"):
        value = getattr(activity, name)
        if value:
            event[name] = value
    return _encode(event)
