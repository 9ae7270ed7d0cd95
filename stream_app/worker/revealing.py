"""What was taken over from another generation, made public: in the background, and whoever is looked at before.

The rule: a subject is revealed once, when it is next looked at; its entry in `before` goes in the same transaction as what
is published of it. So a restart finds what is left without a cursor.
"""

from collections.abc import Callable, Sequence

from stream_app.worker.backlog import Backlog
from stream_app.worker.before import BEFORE, Before, before_key, read_before
from stream_app.worker.succession import Succession


class Revealing:
    """See the module. `look` looks at a subject by its key in the table; `done` hears, now and then, how many are left of
    how many. `hiding`: what happens to those that wait is not public."""

    def __init__(
        self,
        succession: Succession,
        entry: Callable[[bytes], bytes | None],
        look: Callable[[bytes], None],
        done: Callable[[int, int], None],
    ) -> None:
        self._succession = succession
        self._entry = entry
        self._look = look
        self._done = done
        self._backlog = Backlog()
        self.hiding = succession.catching_up

    @property
    def waiting(self) -> bool:
        """Whether there may be subjects to be revealed, or it is not said yet that there are none."""
        return self._succession.revealing

    def restore(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Find those that wait among recovered entries."""
        self._backlog.fill(key[len(BEFORE) :] for key, _ in entries if key.startswith(BEFORE))

    def begin(self) -> None:
        """From now on they are revealed. What happened before must have been dealt with."""
        self.hiding = False
        self._done(len(self._backlog), self._backlog.size)

    def of(self, raw: bytes) -> Before | None:
        """What was public of a subject that is not revealed yet; None for all others."""
        entry = self._entry(before_key(raw))
        return None if entry is None else read_before(entry)

    def hides(self, raw: bytes) -> bool:
        """Whether what happens to a subject is not public now."""
        return self.hiding and self._entry(before_key(raw)) is not None

    def run(self, budget: int) -> None:
        """Reveal up to so many."""
        for raw in self._backlog.turn(budget):
            if self._entry(before_key(raw)) is not None:
                self._look(raw)
                self._backlog.done()
        if not len(self._backlog):
            self._succession.revealed()
            self._done(0, self._backlog.size)
        elif self._backlog.news():
            self._done(len(self._backlog), self._backlog.size)
