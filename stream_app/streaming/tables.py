"""The lanes' state as Faust tables, to be read: by `faust tables`, Faust's web pages, other agents.

The rule: only lanes write. Faust recovers nothing and knows no offsets of these tables: their changelogs are read and
written by the lanes, inside the transactions.
"""

from collections.abc import Iterator
from typing import Any, NoReturn

import faust
from faust.stores.base import SerializedStore
from faust.types import TP

from stream_app.streaming.lanes import Lanes
from stream_app.streaming.settings import AgentSettings


class LaneView(SerializedStore[bytes, bytes]):
    """All of an agent's partitions here as one mapping of bytes to bytes."""

    lanes: Lanes
    agent: str

    def _get(self, key: bytes) -> bytes | None:
        for lane in self.lanes.of(self.agent):
            value = lane.store.get(key)
            if value is not None:
                return value
        return None

    def _iteritems(self) -> Iterator[tuple[bytes, bytes]]:
        for lane in self.lanes.of(self.agent):
            yield from lane.store.items()

    def _iterkeys(self) -> Iterator[bytes]:
        return (key for key, _ in self._iteritems())

    def _itervalues(self) -> Iterator[bytes]:
        return (value for _, value in self._iteritems())

    def _size(self) -> int:
        return sum(1 for _ in self._iteritems())

    def _contains(self, key: bytes) -> bool:
        return self._get(key) is not None

    def _set(self, key: bytes, value: bytes | None) -> NoReturn:
        raise TypeError("this table is written by its lane only")

    def _del(self, key: bytes) -> NoReturn:
        raise TypeError("this table is written by its lane only")

    async def backup_partition(self, tp: Any, flush: bool = True, purge: bool = False, keep: int = 1) -> None:
        """The changelog is the backup."""

    def restore_backup(self, tp: Any, latest: bool = True, backup_id: int = 0) -> None:
        """The changelog is the backup."""

    def _clear(self) -> None:
        """Faust's reset does not concern the lanes."""

    def reset_state(self) -> None:
        """Faust's reset does not concern the lanes."""

    def persisted_offset(self, tp: TP) -> int:
        """Above any offset: Faust has nothing to recover."""
        return 1 << 62

    def set_persisted_offset(self, tp: TP, offset: int) -> None:
        """Lanes keep their own."""

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> NoReturn:
        """Never called: Faust reads no changelog here."""
        raise TypeError("changelogs are read by the lanes only")


def add_table(app: faust.App, agent: AgentSettings, lanes: Lanes, partitions: int) -> None:
    """Declare an agent's table in the app."""
    changelog = app.topic(agent.changelog, key_type=bytes, value_type=bytes, partitions=partitions, acks=False)
    table = app.Table(agent.table, key_type=bytes, value_type=bytes, partitions=partitions, changelog_topic=changelog)
    view = LaneView("lane://", app, table, table_name=agent.table, key_type=bytes, value_type=bytes)
    view.lanes, view.agent = lanes, agent.name
    vars(table)["_data"] = view
