"""The subjects of a partition under a new version of the model (scoring.md section 9): in the background, all of them.

The rule: a subject is carried over when it is next looked at, by an event, a timer or its turn in the background, so nothing
ever sees one under a version that is not in force. It is advanced to the time from which the version is in force under
the old one; what it knows is decoded under the new one, the ladders move (cause `model`), and its record is published.
Which version a state stands under is written in it, so a restart takes up what is left without a cursor.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from stream_app.engine.encoding import tag_of
from stream_app.streaming.processor import Clock, Output, StateReader
from stream_app.worker.backlog import Backlog
from stream_app.worker.composition import Scoring
from stream_app.worker.entries import is_marker, state_of
from stream_app.worker.versions import VERSIONS, Versions

Entries = Iterable[tuple[bytes, bytes | None]]


class Subjects(Protocol):
    """The leads or the accounts of a partition."""

    def switch(self, scoring: Scoring) -> None:
        """Score under another version from now on; what has happened so far is told under the present one."""

    def entries(self, state: Entries) -> Entries:
        """Those of a table's entries that are subjects'."""

    def staged(self) -> Entries:
        """The entries that are not in the table yet."""

    def entry(self, raw: bytes) -> bytes | None:
        """A subject's entry; None where it is at hand, or no more."""

    def look(self, raw: bytes) -> None:
        """Look at a subject, which carries it over."""

    def send(self, output: Output) -> None:
        """Send a record along with what else comes of the records."""


class Restating:
    """See the module."""

    def __init__(self, versions: Versions, subjects: Subjects, state: StateReader) -> None:
        self.versions = versions
        self._subjects = subjects
        self._state = state
        self._backlog = Backlog()

    @property
    def waiting(self) -> bool:
        """Whether there may be subjects to be carried over, or it is not said yet that there are none."""
        return len(self._backlog) > 0 or len(self.versions.chain) > 1

    def restore(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Find those that wait among recovered entries."""
        self._backlog.fill(self._waiting(entries))

    def take(self, value: bytes | None, clock: Clock) -> bool:
        """Take a published version up; False for one that came before. Raises `Refusal` for one that is none: the one in
        force stays."""
        if not self.versions.take(value, clock):
            return False
        self._subjects.switch(self.versions.current.scoring)
        self._backlog = Backlog()
        self._backlog.fill(self._waiting(self._state.items()))
        self._backlog.fill(self._waiting(self._subjects.staged()))
        self._report()
        return True

    def run(self, budget: int) -> None:
        """Carry up to so many over."""
        for raw in self._backlog.turn(budget):
            entry = self._subjects.entry(raw)
            if entry is not None and self._waits(entry):
                self._subjects.look(raw)
                self._backlog.done()
        if self._backlog.news() or (not len(self._backlog) and len(self.versions.chain) > 1):
            self._report()

    def _waiting(self, entries: Entries) -> Iterator[bytes]:
        return (key for key, entry in self._subjects.entries(entries) if entry is not None and self._waits(entry))

    def _waits(self, entry: bytes) -> bool:
        return not is_marker(entry) and not self.versions.stands(tag_of(state_of(entry)))

    def _report(self) -> None:
        if not len(self._backlog):
            self.versions.settled()
        self._subjects.send(self.versions.report(len(self._backlog), self._backlog.size))


def is_version(key: bytes) -> bool:
    """Whether an entry of a table is one of the versions'."""
    return key.startswith(VERSIONS)
