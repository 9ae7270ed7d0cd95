"""When something was last sent of each lead, bounded: the leads longest quiet are forgotten first. Pure."""

from dataclasses import dataclass

_MOST = 200_000
"""Leads; of others a score may go out early, which harms nobody."""


@dataclass(slots=True)
class Sent:
    """When something was last sent (ms), and the time of the last transition; -1 for never."""

    sent: int = -1
    latest: int = -1


class Memory:
    """See the module."""

    def __init__(self) -> None:
        self._leads: dict[str, Sent] = {}

    def get(self, key: str) -> Sent | None:
        """What is known of a lead."""
        return self._leads.get(key)

    def touch(self, key: str) -> Sent:
        """A lead's entry, to change."""
        found = self._leads.pop(key, None) or Sent()
        self._leads[key] = found  # the latest last
        if len(self._leads) > _MOST:
            del self._leads[next(iter(self._leads))]
        return found
