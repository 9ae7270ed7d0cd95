"""Generations of tables that are built beside the live one, as the topic `scoring-models` has them (docs/decisions/0040).

A generation is a shadow (it scores live until somebody promotes or abandons it), a rebuild (it takes the live one's place once
it has caught up) or a quarantine (a rebuild without what condemned sources sent).
"""

from typing import Final, Literal

import msgspec

from stream_app.errors import KnownError
from stream_app.ingest.condemned import Condemned
from stream_app.worker.publications import Mode

GENERATION: Final = b"generation:"  # head of the keys of their records
SIDE: Final = b"side:"  # head of the keys of the reports of their lanes, which say where they stand still

Purpose = Literal["shadow", "rebuild", "quarantine"]
Status = Literal["running", "settling", "taken_over", "finished", "abandoned"]


class Generation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of them: its number, the version that it scores by, what for, when (ms), by whom and why it was begun.

    `condemned` are the sources that count for nothing in it, `added` those of them that it is about, `released` those that
    count again. `group` is the live workers' consumer group, after which that of its own is named. `publication` is the number under which it took the live one's place.
    """

    number: int
    model: str
    version: str
    purpose: Purpose
    started_at: int
    by: str
    note: str = ""
    mode: Mode = "emit"
    status: Status = "running"
    condemned: list[Condemned] = []
    added: list[Condemned] = []
    released: list[Condemned] = []
    group: str = ""
    publication: int = 0
    needs: list[str] = []
    approvals: dict[str, str] = {}

    @property
    def key(self) -> bytes:
        """That of its record."""
        return GENERATION + str(self.number).encode()

    @property
    def active(self) -> bool:
        """Whether its lanes have work to do."""
        return self.status in ("running", "settling")

    @property
    def open(self) -> bool:
        """Whether it has topics of its own."""
        return self.active or self.status == "taken_over"

    @property
    def missing(self) -> list[str]:
        """Whose approval it still needs before it can take the live one's place."""
        return [role for role in self.needs if role not in self.approvals]

    @property
    def reason(self) -> str:
        """Why leads move because of it, for their transitions; empty where the version says enough."""
        return "quarantine: " + ", ".join(map(str, self.added)) if self.added else ""

    def __str__(self) -> str:
        return f"{self.purpose} {self.number}"


class Settled(msgspec.Struct, frozen=True):
    """What a lane of a generation that stands still has read of each of its inputs."""

    agent: str
    partition: int
    generation: int
    positions: dict[str, int]


encode = msgspec.json.Encoder().encode
read_generation = msgspec.json.Decoder(Generation).decode
read_settled = msgspec.json.Decoder(Settled).decode


def condemned_now(generations: list[Generation]) -> list[Condemned]:
    """The sources that are condemned in the live generation: those of the one that took its place last."""
    taken = [one for one in generations if one.status in ("taken_over", "finished")]
    return list(max(taken, key=lambda one: one.publication).condemned) if taken else []


def one_of(generations: list[Generation], purpose: Purpose | None, number: int | None) -> Generation:
    """The active generation that is meant: by its number, else the only one of a purpose. Raises `KnownError`.

    By its number one that was given up is meant, too: something of it may be left.
    """
    left = [one for one in generations if one.status == "abandoned" and one.number == number]
    found = left or [
        one for one in generations if one.active and purpose in (None, one.purpose) and number in (None, one.number)
    ]
    if len(found) == 1:
        return found[0]
    what = purpose or "shadow, rebuild or quarantine"
    if found:
        raise KnownError(
            f"which {what}? There are {', '.join(str(one.number) for one in found)}: say --generation NUMBER"
        )
    raise KnownError(f"there is no {what} at work" + (f" with the number {number}" if number is not None else ""))
