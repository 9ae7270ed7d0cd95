"""The records that scoring sends: transitions, score records, dead letters, and messages between agents."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from stream_app.ingest import Refusal
from stream_app.ingest.dead_letters import PARSING, SCORING, Origin, dead_letter_content
from stream_app.ops.correlation import correlated
from stream_app.streaming.processor import OWN, InputRecord, Output
from stream_app.topics import Manifest
from stream_app.worker.messages import KIND, OURS

log = logging.getLogger(__name__)

_BY_THE_ENGINE = ("future", "too_old", "too_many_facts")


@dataclass(frozen=True, slots=True)
class Names:
    """The names on the broker of the topics that scoring writes."""

    lead_scores: str
    account_scores: str
    transitions: str
    dead_letters: str
    lead_inbox: str
    account_inbox: str


def names_of(manifest: Manifest) -> Names:
    """The manifest's names."""
    return Names(
        manifest["lead-scores"].name,
        manifest["account-scores"].name,
        manifest["transitions"].name,
        manifest["dead-letters"].name,
        manifest["lead-inbox"].name,
        manifest["account-inbox"].name,
    )


def transition_output(topic: str, document: Mapping[str, Any], key: bytes) -> Output:
    """A transition, also readable as a CloudEvent in binary mode (formats.md, "A transition")."""
    if log.isEnabledFor(logging.DEBUG):
        moved = {name: document[name] for name in ("subject", "ladder", "from", "to", "seq")}
        log.debug("transition", extra={**correlated(document), **moved})
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", document["id"].encode()),
        ("ce_type", f"leadscorer.{document['subject']}.transition".encode()),
        ("ce_source", f"/models/{document['model']['id']}".encode()),
        ("ce_time", document["at"].encode()),
        ("content-type", b"application/json"),
    ]
    return Output(topic, key, orjson.dumps(document), headers)


def score_output(topic: str, document: Mapping[str, Any], key: bytes) -> Output:
    """A score record, or with an empty document a tombstone."""
    return Output(topic, key, orjson.dumps(document) if document else None)


def dead_letter(topic: str, record: InputRecord, refusal: Refusal) -> Output:
    """The original record, with headers that say why and where it was refused.

    It stays in its partition. The key of a refused record is anybody's: of a flood each may be another, and a megabyte.
    """
    stage = SCORING if refusal.code in _BY_THE_ENGINE else PARSING
    origin = Origin(record.topic, record.partition, record.offset, record.timestamp)
    letter = dead_letter_content(refusal, origin, record.key, record.value, record.headers, stage)
    return Output(topic, letter.key, letter.value, letter.headers, partition=OWN)


def message(topic: str, kind: str, key: str, value: bytes, timestamp: int) -> Output:
    """A message to the other agent, in the order of the `timestamp` that caused it."""
    return Output(topic, key.encode(), value, [(KIND, kind.encode())], timestamp)


def forwarded(topic: str, record: InputRecord, key: str, extra: Sequence[tuple[str, bytes]]) -> Output:
    """A record on its way to the partition of its key; it keeps its timestamp, and the headers that its producer wrote."""
    own = [header for header in record.headers if not header[0].startswith(OURS)]
    return Output(topic, key.encode(), record.value, [*own, *extra], record.timestamp)
