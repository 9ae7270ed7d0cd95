"""Decoded subjects at hand."""

from stream_app.worker.shelf import Shelf


def test_loads_once_and_makes_room() -> None:
    """Items are dropped only when changes are taken, the longest known first, and loaded again when asked for."""
    loads: list[str] = []

    def load(key: str) -> list[str]:
        loads.append(key)
        return [key]

    shelf = Shelf(4, load)
    for key in "abcabc":
        assert shelf.get(key) == [key]
    assert loads == ["a", "b", "c"]
    for key in "defg":
        shelf.change(key, shelf.get(key))
    assert shelf.get("a") is shelf.get("a")
    assert list(shelf.take_changed()) == ["d", "e", "f", "g"]
    assert shelf.changed == {} and shelf.take_changed() == {}
    loads.clear()
    shelf.get("g"), shelf.get("f"), shelf.get("a")
    assert loads == ["a"]


def test_a_changed_item_stays_the_same_until_taken() -> None:
    """However many others come in between."""
    shelf = Shelf(2, lambda key: [key])
    item = shelf.get("a")
    shelf.change("a", item)
    for number in range(100):
        shelf.get(str(number))
    assert shelf.get("a") is item
    assert shelf.take_changed()["a"] is item
