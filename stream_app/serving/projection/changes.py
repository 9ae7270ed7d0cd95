"""Records of the published topics as changes of the projection. Pure.

The rule: a change says all that the store needs for its sets, so that the store never parses a document. What no worker
of ours wrote is passed over and counted; it stops nobody.
"""

import datetime
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import starmap
from typing import Any, Literal

import msgspec

from stream_app.engine.times import parse_time
from stream_app.streaming.processor import InputRecord
from stream_app.worker.entries import is_marker, state_of

Subject = Literal["lead", "account"]

TOPICS = ("lead-scores", "account-scores", "transitions", "lead-changelog", "account-changelog")
"""What is read, by the names of the manifest."""
STATES = ("lead-changelog", "account-changelog")
"""Those that hold encoded states, of which explanations are made."""

_DISQUALIFIED = "disqualified"
_TELLS_APART = 0.001  # published scores that differ by as much are never ranked by recency
_FAR_MS = 1 << 42  # the year 2109


class Scored(msgspec.Struct, frozen=True, gc=False):
    """A score record. `ranks` has its places by the scores that are ranked (`rank_of`): ascending is the greatest first.

    `facets` (its stages and bands), `owner` and `account`, facets too, are what lists can be narrowed to. `listed` is False
    for who is in no queue: suppressed leads.
    """

    offset: int
    subject: Subject
    key: str
    revision: int
    at: int
    value: bytes
    ranks: dict[str, float]
    facets: tuple[str, ...]
    owner: str | None
    account: str | None
    listed: bool


class Gone(msgspec.Struct, frozen=True):
    """A score record's tombstone."""

    offset: int
    subject: Subject
    key: str


class Moved(msgspec.Struct, frozen=True):
    """A transition."""

    offset: int
    subject: Subject
    key: str
    value: bytes


class Erased(msgspec.Struct, frozen=True):
    """A person was erased up to `at` (ms)."""

    offset: int
    key: str
    at: int


class Stated(msgspec.Struct, frozen=True):
    """An entry of a worker's table (`worker/entries.py`), None where it is gone. `listed`: not disqualified."""

    offset: int
    subject: Subject
    key: str
    entry: bytes | None
    listed: bool


class Brought(msgspec.Struct, frozen=True):
    """What a member brings to its account, None where it left."""

    offset: int
    account: str
    lead: str
    entry: bytes | None


Change = Scored | Gone | Moved | Erased | Stated | Brought
Ranked = frozenset[str]
"""The scores by which subjects are ranked. Where one has none of them, it is ranked by each score it has."""

RankedBy = Callable[[str], Ranked]
"""The same by the version of the model that made a record."""

Reading = Callable[[InputRecord, RankedBy], Change | None]


class _Reason(msgspec.Struct, gc=False):
    last_at: datetime.datetime | None = None


class _Named(msgspec.Struct, gc=False):
    version: str


class _Record(msgspec.Struct, gc=False):
    """The fields of a score record (formats.md) by which it is found."""

    at: datetime.datetime
    model: _Named
    scores: dict[str, float]
    bands: dict[str, str]
    stages: dict[str, str]
    reasons: list[_Reason]
    revision: int
    suppressed: bool
    owner: str | None
    account_id: str | None


class _Transition(msgspec.Struct):
    subject: Subject
    at: str
    erased: bool = False
    ladder: str = ""


_record = msgspec.json.Decoder(_Record).decode
_transition = msgspec.json.Decoder(_Transition).decode
_pair = msgspec.msgpack.Decoder(tuple[str, str]).decode
_parts = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_cells = msgspec.msgpack.Decoder(dict[str, tuple[int, str, Any]]).decode
# Where a state has what is looked for, without decoding the rest (engine/encoding.py).
_FACTS, _MARKS = 6, 7


class NotOursError(ValueError):
    """A record that no worker of ours wrote."""


def change_of(base: str, record: InputRecord, ranked: RankedBy = lambda version: frozenset()) -> Change | None:
    """The change that a record of the topic `base` makes; None for one that is nothing to the projection.

    Raises `NotOursError` for what can't be read, and what `ranked` raises.
    """
    try:
        return _READERS[base](record, ranked)
    except (ValueError, msgspec.MsgspecError, IndexError) as error:
        raise NotOursError(f"{record.topic}, partition {record.partition}, offset {record.offset}: {error}") from None


def stage_facet(ladder: str, stage: str) -> str:
    """The list of those on a stage."""
    return f"stage:{ladder}={stage}"


def band_facet(name: str, band: str) -> str:
    """The list of those in a band."""
    return f"band:{name}={band}"


def owner_facet(owner: str) -> str:
    """The list of an owner's leads."""
    return f"owner:{owner}"


def account_facet(account_id: str) -> str:
    """The list of an account's members."""
    return f"account:{account_id}"


def rank_of(score: float, recency: int) -> float:
    """A place in a ranked list, lower for a greater score, among equal scores for a later `recency` (ms).

    One number for both, so that a list needs one write. Recency is the part of it below half of the third decimal; of a
    score below a thousand it is good to the second or two, of one below a million to half an hour.
    """
    return -(score + _TELLS_APART / 2 * (min(recency, _FAR_MS) / _FAR_MS))


def _lead_score(record: InputRecord, ranked: RankedBy) -> Change:
    return _scored("lead", record, ranked)


def _account_score(record: InputRecord, ranked: RankedBy) -> Change:
    return _scored("account", record, ranked)


def _scored(subject: Subject, record: InputRecord, ranked: RankedBy) -> Change:
    key = _key(record)
    value = record.value
    if value is None:
        return Gone(record.offset, subject, key)
    found = _record(value)
    at = _ms(found.at)
    times = [reason.last_at for reason in found.reasons if reason.last_at is not None]
    recency = _ms(max(times)) if times else at
    scores = found.scores
    chosen = ranked(found.model.version)
    names = [name for name in scores if name in chosen] or scores
    return Scored(
        offset=record.offset,
        subject=subject,
        key=key,
        revision=found.revision,
        at=at,
        value=value,
        ranks={name: rank_of(scores[name], recency) for name in names},
        facets=_facets_of(tuple(found.stages.items()), tuple(found.bands.items())),
        owner=None if found.owner is None else owner_facet(found.owner),
        account=None if found.account_id is None or subject != "lead" else account_facet(found.account_id),
        listed=not found.suppressed,
    )


@lru_cache(1 << 12)
def _facets_of(stages: tuple[tuple[str, str], ...], bands: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    return (*starmap(stage_facet, sorted(stages)), *starmap(band_facet, sorted(bands)))


def _moved(record: InputRecord, _: RankedBy) -> Change | None:
    if record.value is None:
        return None
    found = _transition(record.value)
    if found.erased:
        return Erased(record.offset, _key(record), parse_time(found.at))
    if not found.ladder:
        return None
    return Moved(record.offset, found.subject, _key(record), record.value)


def _lead_state(record: InputRecord, _: RankedBy) -> Change | None:
    key = record.key or b""
    if not key.startswith((b"user:", b"email:", b"anon:")):
        return None  # the lane's own, or the mark of an erased lead, which says nothing of the person
    return _stated("lead", record, key.decode())


def _account_entry(record: InputRecord, _: RankedBy) -> Change | None:
    key = record.key or b""
    if key[:1] == b"a":
        return _stated("account", record, key[1:].decode())
    if key[:1] == b"m":
        account, lead = _pair(key[1:])
        return Brought(record.offset, account, lead, record.value)
    return None


def _stated(subject: Subject, record: InputRecord, key: str) -> Stated:
    entry = record.value
    return Stated(record.offset, subject, key, entry, entry is None or not _disqualified(entry))


def _disqualified(entry: bytes) -> bool:
    """Whether the CRM's last word on somebody is that he is none to sell to."""
    if _DISQUALIFIED.encode() not in entry or is_marker(entry):
        return False
    parts: Sequence[msgspec.Raw] = _parts(memoryview(state_of(entry))[1:])
    outcome = _cells(parts[_MARKS]).get("outcome")
    fact = _cells(parts[_FACTS]).get(_DISQUALIFIED)
    return (outcome is not None and outcome[2] == _DISQUALIFIED) or (fact is not None and fact[2] is True)


def _key(record: InputRecord) -> str:
    if not record.key:
        raise ValueError("a record without a key")
    return record.key.decode()


def _ms(at: datetime.datetime) -> int:
    return round(at.timestamp() * 1000)


_READERS: dict[str, Reading] = {
    "lead-scores": _lead_score,
    "account-scores": _account_score,
    "transitions": _moved,
    "lead-changelog": _lead_state,
    "account-changelog": _account_entry,
}
