"""Forgetting a person: the lead, its aliases, and what was published of them (docs/erasure.md).

The rule: a request goes to a key, and along its chain to the lead. There one transaction removes the state and the score
record, takes the contributions back, says `erased` on `transitions`, leaves a mark without personal data, and asks each
alias to do the same. An event that is not later than the erasure is dropped from then on, wherever it comes from.
"""

import uuid
from typing import Any

import orjson

from stream_app.engine.ladders import Cause
from stream_app.engine.times import format_time
from stream_app.runtime.lead import Lead
from stream_app.streaming.processor import Output
from stream_app.worker.entries import Alias, Erased, Kept, kept_of
from stream_app.worker.links import Erase
from stream_app.worker.partition import Partition


class Erasing:
    """See the module."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._register = partition.register

    def take(self, key: str, erase: Erase, hops: int) -> None:
        """A request or its consequence, to a key that belongs here."""
        found = self._register.find(key)
        if erase.of is not None:
            if isinstance(found, Alias) and found.to == erase.of:
                self._erase(key, found, erase, erase.at)
        elif isinstance(found, Alias):
            self._partition.send_link(found.to, erase, hops + 1)
        elif isinstance(found, Lead):
            before = self._partition.forget(key)
            self._partition.retire(found, Cause("crm"))
            kept = before.counted_by(kept_of(found.subject)) if before is not None else kept_of(found.subject)
            self._erase(key, kept, erase, max(erase.at, found.subject.latest))
        else:
            self._erase(key, found, erase, erase.at)

    def _erase(self, key: str, kept: Kept | None, erase: Erase, at: int) -> None:
        known = kept is not None and not isinstance(kept, Erased)
        kept = kept if kept is not None else Kept()
        self._register.mark(key, Erased(kept.seq, kept.revision, {}, max(at, kept.erased_at)))
        for alias in kept.links:
            self._partition.send_link(alias, Erase(erase.request, at, key))
        document = erased_document(key, erase.request, at, erase.of, known, list(kept.links))
        topic, model = self._partition.scoring.names.transitions, self._partition.scoring.model.name
        self._partition.send(erased_output(topic, document, model))
        self._partition.counts["erasure"] += 1


def erased_document(key: str, request: str, at: int, of: str | None, known: bool, aliases: list[str]) -> dict[str, Any]:
    """What `transitions` says of an erasure (schemas/erased.schema.json)."""
    return {
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"lead:{key}|erased|{request}")),
        "subject": "lead",
        "lead": key,
        "erased": True,
        "at": format_time(at),
        "request": request,
        "alias_of": of,
        "known": known,
        "aliases": aliases,
    }


def erased_output(topic: str, document: dict[str, Any], model: str) -> Output:
    """The document, also readable as a CloudEvent in binary mode, as transitions are."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", document["id"].encode()),
        ("ce_type", b"leadscorer.lead.erased"),
        ("ce_source", f"/models/{model}".encode()),
        ("ce_time", document["at"].encode()),
        ("content-type", b"application/json"),
    ]
    return Output(topic, document["lead"].encode(), orjson.dumps(document), headers)
