"""Who waits for a new version of the model, and how much of that is done at a time."""

from collections.abc import Iterable, Iterator
from typing import Final

AT_ONCE: Final = 3  # subjects carried over before the lane looks for records again: about fifty in a transaction
SHARE: Final = 8  # records of a slice for each subject that is carried over besides
_LOOKS: Final = 20  # keys looked at for each subject that may be carried over: those that were busy are done already
_REPORTS: Final = 10  # reports of how far a lane is, about


class Backlog:
    """The subjects of a partition that may stand under another version than the one in force, by their keys in the table.

    `size` is how many there were.
    """

    def __init__(self) -> None:
        self.size = 0
        self._keys: list[bytes] = []
        self._told = 0
        self._budget = 0

    def __len__(self) -> int:
        return len(self._keys)

    def fill(self, keys: Iterable[bytes]) -> None:
        """Others wait, besides."""
        self._keys += keys
        self.size = self._told = len(self._keys)

    def turn(self, budget: int) -> Iterator[bytes]:
        """Keys to look at, until `done` was said so many times. Each comes once."""
        self._budget = budget
        for _ in range(min(budget * _LOOKS, len(self._keys))):
            if self._budget <= 0:
                return
            yield self._keys.pop()

    def done(self) -> None:
        """A subject was carried over."""
        self._budget -= 1

    def news(self) -> bool:
        """Whether so much has been done since the last time that it is worth a report."""
        if self._told and (not self._keys or self._told - len(self._keys) > self.size // _REPORTS):
            self._told = len(self._keys)
            return True
        return False
