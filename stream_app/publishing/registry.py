"""Every version of the model that was published or proposed, and what each lane has: the topic `scoring-models`, read.

The topic is compacted. A version's record holds its document, all its publications and the proposal that waits, so nothing
is ever forgotten; a lane's record, which the lane writes in the transaction that took the version up, what it has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from stream_app.errors import KnownError
from stream_app.publishing.generation import (
    GENERATION,
    SIDE,
    Generation,
    Settled,
    read_generation,
    read_settled,
)
from stream_app.worker.publications import Mode

LANE: Final = b"lane:"  # head of the keys of lanes' records
LIVE: Final = "live"
SHORT: Final = 12  # digits of a version as people read it
_LEAST: Final = 4  # digits that name a version
MAX_TEXT: Final = 1_000  # characters of a note or a name


class Publication(msgspec.Struct, frozen=True, omit_defaults=True):
    """One time that a version went live: its `number` in the sequence, when it was published and from when on it is in
    force (ms), by whom, why, what became of the transitions, and who approved it for which team."""

    number: int
    published_at: int
    at: int
    by: str
    note: str
    mode: Mode
    approvals: dict[str, str] = {}


class Proposal(msgspec.Struct, frozen=True, omit_defaults=True):
    """A version that waits for approvals of `needs`: when (ms), by whom, over which live version ("" for none)."""

    proposed_at: int
    by: str
    note: str
    mode: Mode
    over: str
    needs: list[str]
    approvals: dict[str, str] = {}

    @property
    def missing(self) -> list[str]:
        """Whose approval it still needs."""
        return [role for role in self.needs if role not in self.approvals]


class Version(msgspec.Struct, frozen=True, omit_defaults=True):
    """A version of a model: its document as JSON, its publications (oldest first), the proposal that waits."""

    model: str
    version: str
    document: dict[str, Any]
    publications: list[Publication] = []
    proposal: Proposal | None = None

    @property
    def number(self) -> int:
        """The number of its latest publication, 0 if it was never published."""
        return self.publications[-1].number if self.publications else 0

    @property
    def key(self) -> bytes:
        """That of its record."""
        return f"{self.model}:{self.version}".encode()


class Lane(msgspec.Struct, frozen=True):
    """What one lane has: the version, how many of its subjects still stand under an earlier one, of how many."""

    agent: str
    partition: int
    number: int
    model: str
    version: str
    left: int
    of: int


_encode = msgspec.json.Encoder().encode
_version = msgspec.json.Decoder(Version).decode
_lane = msgspec.json.Decoder(Lane).decode


@dataclass(frozen=True)
class Registry:
    """All versions by their hash, all lanes that ever took one up, all generations of tables, and which of their lanes
    stand still."""

    versions: Mapping[str, Version] = field(default_factory=dict)
    lanes: tuple[Lane, ...] = ()
    generations: tuple[Generation, ...] = ()
    settled: tuple[Settled, ...] = ()

    @property
    def live(self) -> Version | None:
        """The version published last, None while there is none."""
        best = max(self.versions.values(), key=lambda version: version.number, default=None)
        return best if best is not None and best.number else None

    @property
    def newest_first(self) -> list[Version]:
        """The live one, then those published before it; proposals that never went live first of all."""
        return sorted(self.versions.values(), key=lambda one: (one.number != 0, -one.number, one.version))

    def find(self, text: str) -> Version:
        """The version that the first digits of its hash name, or `live`. Raises `KnownError` for none, or several."""
        if text == LIVE and self.live is not None:
            return self.live
        found = [one for name, one in self.versions.items() if len(text) >= _LEAST and name.startswith(text)]
        if len(found) == 1:
            return found[0]
        known = ", ".join(one.version[:SHORT] for one in self.newest_first[:5]) or "none"
        raise KnownError(f"{text}: {'several versions start so' if found else 'no such version'} (there are: {known})")


def read_registry(records: Iterable[tuple[bytes, bytes | None]]) -> Registry:
    """The registry that a topic's records make, oldest first. Raises `KnownError` for one that is not ours."""
    latest: dict[bytes, bytes | None] = dict(records)
    versions: list[Version] = []
    lanes: list[Lane] = []
    generations: list[Generation] = []
    settled: list[Settled] = []
    for key, value in latest.items():
        try:
            if value is None:
                continue
            if key.startswith(LANE):
                lanes.append(_lane(value))
            elif key.startswith(GENERATION):
                generations.append(read_generation(value))
            elif key.startswith(SIDE):
                settled.append(read_settled(value))
            else:
                versions.append(_version(value))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise KnownError(f"scoring-models: the record of {key.decode(errors='replace')!r}: {error}") from None
    lanes.sort(key=lambda lane: (lane.agent != "lead", lane.partition))
    generations.sort(key=lambda one: one.number)
    return Registry({one.version: one for one in versions}, tuple(lanes), tuple(generations), tuple(settled))


def names_version(text: str) -> bool:
    """Whether a word can name a version."""
    return text == LIVE or (_LEAST <= len(text) <= 64 and not set(text) - set("0123456789abcdef"))


def version_bytes(version: Version) -> bytes:
    """A version's record."""
    return _encode(version)
