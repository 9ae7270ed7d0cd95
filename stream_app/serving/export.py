"""All that a running system knows of one person, machine readable: for access requests (GDPR articles 15 and 20).

The rule: complete rather than brief. Over-long to read is no fault here; a record that is missing would be. Retained
records are streamed, so that memory does not grow with the topics.
"""

import base64
from collections.abc import AsyncIterator, Sequence
from typing import Any

import orjson

from stream_app.serving.leads import known_keys, view_of_stored
from stream_app.serving.lookup import Erased, contribution_of, stored_lead
from stream_app.serving.person import Person
from stream_app.serving.reading import TopicReader
from stream_app.serving.state_document import state_document
from stream_app.serving.subjects import lead_from
from stream_app.streaming.processor import InputRecord
from stream_app.topics import Kind
from stream_app.worker.composition import Scoring
from stream_app.worker.entries import state_of

Document = dict[str, Any]

_SAID: dict[Kind, str] = {
    "event": "event",
    "inbox": "inbox",
    "transitions": "transition",
    "dead-letters": "dead-letter",
}


async def exported(reader: TopicReader, scoring: Scoring, meant: Sequence[str]) -> tuple[Document, Person]:
    """What the tables and the published topics know of whom the likeliest of some keys (`keys_meant`) stands for, and the person to look for in the others.

    `known` is false where there is no such lead: its records, refused ones for example, may be there all the same.
    """
    stored = await stored_lead(reader, meant)
    if stored is None or isinstance(stored, Erased):
        told: Document = {"known": False, "asked": list(meant)}
        if stored is not None:
            told["erased_at"] = stored.at
        return told, Person(meant)
    lead = lead_from(scoring.leads, state_of(stored.entry))
    view = await view_of_stored(reader, scoring, stored, None, None)
    keys = known_keys(lead, stored)
    home = lead.account_id
    shares = None if home is None else await contribution_of(reader, home, stored.key)
    document: Document = {
        "known": True,
        "asked": list(meant),
        **view.as_json(),
        "state": state_document(scoring.leads, lead.subject),
        "account_contribution": shares,
    }
    return document, Person(keys)


async def records_about(reader: TopicReader, person: Person) -> AsyncIterator[Document]:
    """Every retained record of the event topics, the inboxes, `transitions` and the dead letters about a person.

    `matched` says how: an event's `identity`, the record's `key`, or a `mention` in what is no event of the person.
    """
    kinds = {topic.name: (topic.channel, _SAID[topic.kind]) for topic in reader.manifest if topic.kind in _SAID}
    places = [place for topic in reader.manifest if topic.name in kinds for place in reader.partitions(topic.base)]
    async for place, records in reader.scan(places, "reading events"):
        channel, said = kinds[place.topic]
        for record in records:
            matched = person.match(record, channel)
            if matched is not None:
                yield {"record": said, "matched": matched, **_told(record)}


def _told(record: InputRecord) -> Document:
    document: Document = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "key": _text(record.key),
        "headers": [[name, _text(value)] for name, value in record.headers],
    }
    try:
        document["value"] = None if record.value is None else orjson.loads(record.value)
    except orjson.JSONDecodeError:
        document["value_base64"] = base64.b64encode(record.value or b"").decode()
    return document


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else bytes(raw).decode("utf-8", "backslashreplace")
