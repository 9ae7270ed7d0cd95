"""Decoded subjects kept at hand, so that a busy lead is not decoded and built again for every batch."""

from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Shelf(Generic[Item]):
    """Up to about `room` items by key; those changed since the last `clear_changed` are never dropped."""

    def __init__(self, room: int, load: Callable[[str], Item]) -> None:
        self._room = room
        self._load = load
        self._items: dict[str, Item] = {}
        self.changed: dict[str, Item] = {}

    def get(self, key: str) -> Item:
        """The item of a key, loaded if it is not at hand."""
        item = self._items.get(key)
        if item is None:
            item = self._items[key] = self._load(key)
        return item

    def at_hand(self, key: str) -> Item | None:
        """The item of a key, if it is at hand."""
        return self._items.get(key)

    def put(self, key: str, item: Item) -> None:
        """Keep an item at hand."""
        self._items[key] = item

    def drop(self, key: str) -> None:
        """Forget an item, changed or not."""
        self._items.pop(key, None)
        self.changed.pop(key, None)

    def change(self, key: str, item: Item) -> None:
        """Note that an item has changed."""
        self.changed[key] = item

    def take_changed(self) -> dict[str, Item]:
        """The items changed since the last call; makes room for others."""
        changed, self.changed = self.changed, {}
        if len(self._items) > self._room:
            for key in list(self._items)[: len(self._items) - self._room // 2]:
                del self._items[key]
        return changed
